//! How the console reads the daemon's health log, besides the rows themselves.
//!
//! Kept while the link is lost, so that what was missed can be asked for. `update::log` reads.

use poise_ipc::message::LogFilter;

/// The reading of the health log.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What the rows were filled with.
    pub filter: Option<LogFilter>,
    /// Whether the link was lost while they were shown.
    pub is_resumed: bool,
    /// Whether the daemon refused rows: they are asked for again when the operator moves.
    pub is_refused: bool,
    /// Number of the newest row that was heard of since the daemon was reached.
    pub newest: u64,
}
