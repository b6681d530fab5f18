//! State of the hook: the command that poised runs for news of health.

use serde::{Deserialize, Serialize};

/// How the hook command is doing since poised started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookStatus {
    /// The program.
    pub program: String,
    /// Runs that are under way.
    pub running: u32,
    /// News that wait for a run.
    pub waiting: u32,
    /// Runs that ended with exit code 0.
    pub passed_total: u64,
    /// Runs that could not be started or ended otherwise.
    pub failed_total: u64,
    /// Runs that took too long and were killed.
    pub timed_out_total: u64,
    /// News that were dropped, the oldest first, because too many waited.
    pub lost_total: u64,
    /// How the last run went wrong; absent when it did not.
    pub failure: Option<String>,
}
