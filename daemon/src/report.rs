//! What a probe reports: the word between the probes, which send it, and control, which counts it.
//!
//! It travels through a bounded channel that `lib.rs` makes. It decides nothing: health is the
//! rules' (`poise-core`), the log is control's.

use poise_core::plan::BackendId;
use poise_ipc::health::Exchange;
use poise_ipc::model::Address;
use poise_ipc::status::{Phases, Verdict};

/// Reports that may wait for control. A second of probes of 1,000 backends at an interval of
/// 1 s; a probe that finds the channel full waits, which only delays its next attempt.
pub const REPORTS_MAX: usize = 1_024;

/// The outcome of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The backend that was probed.
    pub backend: BackendId,
    /// Where the probe went: a verdict on an address that an edit has replaced does not count.
    pub address: Address,
    /// When the probe ended, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What it found.
    pub verdict: Verdict,
    /// How long it took, in microseconds.
    pub latency_us: u64,
    /// How long each of its parts took.
    pub phases: Phases,
    /// What went over the wire: of failures, and of the first pass after them.
    pub exchange: Option<Box<Exchange>>,
}
