//! State of the flight recorder: the health log on disk.

use serde::{Deserialize, Serialize};

/// How the recorder of probes is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderStatus {
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes that it may take.
    pub bytes_max: u64,
    /// The oldest row, in milliseconds since the epoch; absent when there is none.
    pub oldest_ms: Option<u64>,
    /// Rows that wait for the disk.
    pub waiting: u64,
    /// Rows that were lost because the disk was slower than the probes, or full.
    pub lost_total: u64,
    /// Writes that failed.
    pub failed_total: u64,
    /// Why the last write failed; absent when the last one did not.
    pub failure: Option<String>,
}
