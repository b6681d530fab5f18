//! Which rows of the health log a filter takes, and the line of a row that a text is looked for in.
//!
//! The same for rows in memory, on disk and of a subscription. Nothing is read here.

use super::{LogFilter, LogLevel, Outcome};
use crate::model::HealthLog;
use crate::status::{CheckRow, Verdict};

impl LogFilter {
    /// Whether a row is among those asked for.
    pub fn takes(&self, row: &CheckRow) -> bool {
        self.takes_time(row) && self.takes_backend(row) && self.takes_kind(row)
    }

    /// Whether the time of a row is asked for.
    pub fn takes_time(&self, row: &CheckRow) -> bool {
        row.last_ms >= self.since_ms && self.until_ms.is_none_or(|until_ms| row.first_ms <= until_ms)
    }

    /// Whether the backend of a row is asked for.
    pub fn takes_backend(&self, row: &CheckRow) -> bool {
        self.group.as_ref().is_none_or(|group| *group == row.group)
            && self.backend.as_ref().is_none_or(|backend| *backend == row.backend)
    }

    /// Whether what a row found is asked for.
    pub fn takes_kind(&self, row: &CheckRow) -> bool {
        self.only.takes(row)
            && self.outcome.is_none_or(|outcome| outcome == Outcome::of(&row.verdict))
            && self.reason.is_none_or(|wanted| matches!(row.verdict, Verdict::Fail { reason, .. } if reason == wanted))
            && self.text.as_ref().is_none_or(|text| row.line().to_lowercase().contains(&text.to_lowercase()))
    }
}

impl LogLevel {
    /// Whether a row is of the level.
    pub const fn takes(self, row: &CheckRow) -> bool {
        match self {
            Self::All => true,
            Self::Failures => row.verdict.failed() || row.transition.is_some(),
            Self::Transitions => row.transition.is_some(),
        }
    }
}

impl From<HealthLog> for LogLevel {
    fn from(kept: HealthLog) -> Self {
        match kept {
            HealthLog::All => Self::All,
            HealthLog::Failures => Self::Failures,
            HealthLog::Transitions => Self::Transitions,
        }
    }
}

impl Outcome {
    /// What a verdict led to.
    pub const fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Pass { .. } => Self::Pass,
            Verdict::Fail { .. } => Self::Fail,
            Verdict::Silent => Self::Silent,
        }
    }
}

impl CheckRow {
    /// The row as a line without its times and figures: `app/app-1 tcp 10.0.0.1:80 fail connect refused -> down`.
    pub fn line(&self) -> String {
        let Self { group, backend, protocol, address, verdict, transition, .. } = self;
        let change = transition.map_or_else(String::new, |to| format!(" -> {to}"));
        format!("{group}/{backend} {protocol} {address} {verdict}{change}")
    }
}

#[cfg(test)]
mod tests;
