//! The balance as lines: one block for each look at the daemon, nothing ever overwritten.
//!
//! Shares are taken over the time between two looks, from the daemon's own counters.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use poise_ipc::model::Scheduler;
use poise_ipc::status::{BackendStatus, GroupStatus, Status};

#[cfg(test)]
mod tests;

/// What was counted at the last look.
#[derive(Debug, Default)]
pub(super) struct Balance {
    at_ms: u64,
    picks: HashMap<u64, u64>,
}

impl Balance {
    /// The block for a new look.
    pub(super) fn block(&mut self, status: &Status) -> String {
        let mut block = String::new();
        let span_ms = status.at_ms.saturating_sub(self.at_ms);
        let running_s = status.at_ms.saturating_sub(status.daemon.started_ms) / 1_000;
        for group in &status.groups {
            let new: Vec<_> = group.backends.iter().map(|backend| self.new_picks(backend)).collect();
            let total: u64 = new.iter().sum();
            let rate = if self.at_ms == 0 || span_ms == 0 { 0 } else { total * 1_000 / span_ms };
            // Writing to a String cannot fail.
            let _ = writeln!(
                block,
                "{running_s:>4}s  {:<16} {:>6} {:>7} {:>7} {:>7}  {:<8} {rate} picks/s, {}",
                group.name, "weight", "want %", "got %", "dev", "health", group.scheduler
            );
            for (backend, picked) in group.backends.iter().zip(new) {
                let line =
                    line(backend, wanted(group, backend), if self.at_ms == 0 { None } else { share(picked, total) });
                let _ = writeln!(block, "       {line}");
            }
        }
        self.at_ms = status.at_ms;
        let backends = status.groups.iter().flat_map(|group| &group.backends);
        self.picks = backends.map(|backend| (backend.id, backend.counters.picks_total)).collect();
        block
    }

    fn new_picks(&self, backend: &BackendStatus) -> u64 {
        let before = self.picks.get(&backend.id).copied().unwrap_or_default();
        backend.counters.picks_total.saturating_sub(before)
    }
}

fn line(backend: &BackendStatus, want: Option<f64>, got: Option<f64>) -> String {
    let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1}", share * 100.0));
    let deviation = want.zip(got).map_or("-".to_owned(), |(want, got)| format!("{:+.1}", (got - want) * 100.0));
    let state = backend.state.word();
    let note = if state == "enabled" { "" } else { state };
    let line = format!(
        "{:<16} {:>6} {:>7} {:>7} {deviation:>7}  {:<8} {note}",
        backend.name,
        backend.weight,
        percent(want),
        percent(got),
        backend.health.health
    );
    line.trim_end().to_owned()
}

/// The share that a backend should have of its group's picks.
fn wanted(group: &GroupStatus, backend: &BackendStatus) -> Option<f64> {
    let part = |backend: &BackendStatus| match group.scheduler {
        Scheduler::Rr => u64::from(backend.effective_weight > 0),
        Scheduler::Wrr | Scheduler::Wlc => u64::from(backend.effective_weight),
    };
    share(part(backend), group.backends.iter().map(part).sum())
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Writes a block to standard output, at once.
pub(super) fn print(block: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(block.as_bytes())?;
    out.flush()
}
