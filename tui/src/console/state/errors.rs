//! Refused messages as the console keeps them: a log like that of health.
//!
//! The bytes that peers sent stay hexadecimal digits until the view shows them; asking for rows is
//! `update`'s.

use poise_ipc::errors::{ErrorRow, Side};

use super::filter::{Subject, holds_text};
use super::log::{Row, Rows};

/// The log of refused messages.
pub type Errors = Rows<ErrorRow>;

impl Subject for ErrorRow {
    fn has_text(&self, needle: &str, exact: bool) -> bool {
        let has = |text: &str| holds_text(text, needle, exact);
        let peer = self.peer.to_string();
        [who(self).as_str(), self.side.word(), self.cause.word(), &self.reason, &peer].into_iter().any(has)
    }

    fn state(&self) -> &'static str {
        self.cause.word()
    }

    fn number(&self, key: &str) -> Option<f64> {
        (key == "offset").then_some(self.offset as f64)
    }
}

impl Row for ErrorRow {
    /// Each takes up to 2 KiB.
    const ROWS_MAX: usize = 512;

    fn seq(&self) -> u64 {
        self.seq
    }

    fn is_failure(&self) -> bool {
        true
    }
}

/// Whose message it was: `web`, or `web < app/app-1` for the response of a backend.
pub fn who(row: &ErrorRow) -> String {
    match (row.side, &row.group, &row.backend) {
        (Side::Response, Some(group), Some(backend)) => format!("{} < {group}/{backend}", row.listener),
        _ => row.listener.to_string(),
    }
}

#[cfg(test)]
mod tests;
