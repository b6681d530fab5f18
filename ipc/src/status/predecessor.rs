//! Processes of poised that have handed over and drain.

use serde::{Deserialize, Serialize};

/// A process that has handed over after an upgrade and ends with its last connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PredecessorStatus {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Connections that are still open there.
    pub open: u64,
    /// When those that are open then are cut, in milliseconds since the epoch.
    pub until_ms: u64,
}
