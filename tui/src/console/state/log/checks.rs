//! Rows of the health log as the console filters them, and the same filter for the daemon, which
//! looks through all of its log.
//!
//! The daemon's filter takes at least what the console's takes; the console's is applied to what comes.

use poise_ipc::BackendPath;
use poise_ipc::message::{LogFilter, LogLevel, Outcome};
use poise_ipc::status::CheckRow;

use super::{Log, Row};
use crate::console::state::filter::{Subject, holds_text};
use crate::console::state::model::Model;

impl Subject for CheckRow {
    fn has_text(&self, needle: &str, exact: bool) -> bool {
        holds_text(&self.line(), needle, exact)
    }

    fn state(&self) -> &'static str {
        match self.transition {
            Some(health) => health.word(),
            None if self.verdict.failed() => "fail",
            None if self.verdict.passed() => "pass",
            None => "silent",
        }
    }

    fn number(&self, key: &str) -> Option<f64> {
        match key {
            "code" => self.verdict.code().map(f64::from),
            "ms" => Some(self.latency_us_max as f64 / 1_000.0),
            "count" => Some(f64::from(self.count)),
            _ => None,
        }
    }
}

impl Row for CheckRow {
    const ROWS_MAX: usize = 4_000;

    fn seq(&self) -> u64 {
        self.seq
    }

    fn is_failure(&self) -> bool {
        self.verdict.failed() || self.transition.is_some()
    }
}

impl Log {
    /// The newest row of a backend.
    pub fn newest_of(&self, path: &BackendPath) -> Option<&CheckRow> {
        let is_of = |row: &&CheckRow| row.group == path.group && row.backend == path.backend;
        self.kept
            .iter()
            .rev()
            .find(is_of)
            .into_iter()
            .chain(self.grown.values().rev().find(is_of))
            .max_by_key(|row| row.last_ms)
    }

    /// What to ask the daemon for: no less than what is shown. It looks through the whole log.
    pub fn wanted(&self, model: Option<&Model>) -> LogFilter {
        let only = if self.failures_only { LogLevel::Failures } else { LogLevel::All };
        let mut query = LogFilter { only, ..LogFilter::default() };
        for word in self.filter.states() {
            match outcome(word) {
                Some(State::Turned) => query.only = LogLevel::Transitions,
                Some(State::Told(outcome)) => query.outcome = Some(outcome),
                None => {}
            }
        }
        for word in self.filter.texts() {
            let known = model.and_then(|model| model.path(word));
            if let Some(path) = known {
                (query.group, query.backend) = (Some(path.group), Some(path.backend));
            } else if query.text.as_ref().is_none_or(|text| text.len() < word.len()) {
                query.text = Some(word.to_owned());
            }
        }
        query
    }
}

/// What the word of a state means to the daemon.
enum State {
    Turned,
    Told(Outcome),
}

/// A word may be cut short, and may mean nothing yet.
fn outcome(word: &str) -> Option<State> {
    let begins = |state: &&str| !word.is_empty() && state.starts_with(word);
    match ["pass", "fail", "silent", "up", "down", "unknown"].iter().find(|state| begins(state)).copied()? {
        "pass" => Some(State::Told(Outcome::Pass)),
        "fail" => Some(State::Told(Outcome::Fail)),
        "silent" => Some(State::Told(Outcome::Silent)),
        _ => Some(State::Turned),
    }
}
