//! What a probe reports, and what control asks of the probes: the words between the two.
//!
//! They travel through bounded channels that `lib.rs` makes. It decides nothing: health is the
//! rules' (`poise-core`), the log is control's.

use std::fmt;

use poise_core::plan::BackendId;
use poise_ipc::BackendPath;
use poise_ipc::health::{Exchange, ProbeAnswer};
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

/// Probes that somebody asks for and that may wait to begin; more are told that poised is busy.
pub const ASKED_MAX: usize = 4;

/// A probe that somebody asks for; it does not count towards the health.
pub struct ProbeAsked {
    /// The backend.
    pub backend: BackendPath,
    /// Takes the answer. Dropped unanswered when poised ends.
    pub answer: Box<dyn FnOnce(Result<ProbeAnswer, Unasked>) + Send>,
}

impl fmt::Debug for ProbeAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeAsked").field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// Why a probe that somebody asked for was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// So many are under way already.
    #[error("{ASKED_MAX} probes that were asked for are under way")]
    Busy,
    /// There is no such backend.
    #[error("there is no such backend")]
    Unknown,
    /// The group has no check.
    #[error("the health check of its group is off")]
    Off,
}
