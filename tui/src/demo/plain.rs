//! The balance as lines: one block for each look at the daemon, nothing ever overwritten.
//!
//! Shares are taken over the last looks, from the daemon's own counters.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use poise_ipc::model::{AdminState, Scheduler};
use poise_ipc::status::{BackendStatus, GroupStatus, Status};

#[cfg(test)]
mod tests;

/// Looks that shares are taken over: at few picks a second, one second says little.
const WINDOW_LOOKS: usize = 10;

/// What was counted at a look: picks by the backend's id.
#[derive(Debug)]
struct Look {
    at_ms: u64,
    picks: HashMap<u64, u64>,
}

/// The looks that shares are taken over, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Balance {
    looks: VecDeque<Look>,
}

impl Balance {
    /// The block for a new look.
    pub(super) fn block(&mut self, status: &Status) -> String {
        let mut block = String::new();
        let running_s = status.at_ms.saturating_sub(status.daemon.started_ms) / 1_000;
        for group in &status.groups {
            let new = self.new_picks(group);
            let rate = self.rate(status.at_ms, new.iter().flatten().sum());
            // Writing to a String cannot fail.
            let _ = writeln!(
                block,
                "{running_s:>4}s  {:<16} {:>6} {:>7} {:>7} {:>7}  {:<8} {}{rate}",
                group.name, "weight", "want %", "got %", "dev", "health", group.scheduler
            );
            for (backend, picked) in group.backends.iter().zip(&new) {
                let got = picked.and_then(|picked| share(picked, new.iter().flatten().sum()));
                let _ = writeln!(block, "       {}", line(backend, wanted(group, backend), got));
            }
        }
        self.keep(status);
        block
    }

    /// Picks of each backend since the oldest look; none where it was not there yet.
    fn new_picks(&self, group: &GroupStatus) -> Vec<Option<u64>> {
        let before = |backend: &BackendStatus| self.looks.front()?.picks.get(&backend.id).copied();
        let new = |backend: &BackendStatus| Some(backend.counters.picks_total.saturating_sub(before(backend)?));
        group.backends.iter().map(new).collect()
    }

    fn rate(&self, now_ms: u64, picks: u64) -> String {
        let span_ms = self.looks.front().map_or(0, |look| now_ms.saturating_sub(look.at_ms));
        (picks * 1_000).checked_div(span_ms).map_or_else(String::new, |rate| format!(", {rate} picks/s"))
    }

    fn keep(&mut self, status: &Status) {
        let backends = status.groups.iter().flat_map(|group| &group.backends);
        let picks = backends.map(|backend| (backend.id, backend.counters.picks_total)).collect();
        self.looks.push_back(Look { at_ms: status.at_ms, picks });
        if self.looks.len() > WINDOW_LOOKS {
            self.looks.pop_front();
        }
    }
}

/// What to know before the first block: where the demo can be reached.
pub(super) fn opening(status: &Status, socket: &Path) -> String {
    let mut opening = String::new();
    for listener in &status.listeners {
        // Writing to a String cannot fail.
        let _ = writeln!(opening, "{:<5} {} -> {}", listener.protocol, listener.bind, listener.group_word());
    }
    let _ = writeln!(opening, "control socket {}", socket.display());
    opening
}

fn line(backend: &BackendStatus, want: Option<f64>, got: Option<f64>) -> String {
    let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1}", share * 100.0));
    // Adding zero keeps a deviation that rounds to nothing from being a negative nothing.
    let points = |want: f64, got: f64| ((got - want) * 1_000.0).round() / 10.0 + 0.0;
    let deviation = want.zip(got).map_or("-".to_owned(), |(want, got)| format!("{:+.1}", points(want, got)));
    let note = if backend.state == AdminState::Enabled { "" } else { backend.state.word() };
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
        Scheduler::Wrr | Scheduler::Wlc | Scheduler::Hash | Scheduler::P2c => u64::from(backend.effective_weight),
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
