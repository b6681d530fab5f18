//! The one table of exit codes of `poise`: number, word and meaning.
//!
//! Help texts, man pages and error objects take their words from here. Which failure ends with
//! which code is said where the failure is made (`verb::failure`).

use std::process::ExitCode;

/// How a run of `poise` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Ok,
    /// It failed for a reason that has no code of its own.
    Failed,
    /// The command line cannot be understood.
    Usage,
    /// No object stands where the command points.
    NotFound,
    /// The daemon does not allow it to this user.
    Forbidden,
    /// The configuration has moved on.
    Conflict,
    /// No daemon answers on the socket.
    Unreachable,
    /// The configuration is, or would become, invalid.
    Invalid,
    /// The time given was not enough.
    TimedOut,
    /// The commit was taken back: nobody confirmed it, a wire was touched, or somebody asked.
    Undone,
    /// `poise status --check` found something degraded, `poise test` found a promise
    /// broken, `poise route-test` a request that would be refused, or `poise health check` a
    /// backend that does not pass.
    Degraded,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// Every code with its number, its word and what it means.
    pub const TABLE: [(Self, u8, &'static str, &'static str); 12] = [
        (Self::Ok, 0, "ok", "did what was asked"),
        (Self::Failed, 1, "failed", "failed otherwise"),
        (Self::Usage, 2, "usage", "the command line cannot be understood"),
        (Self::NotFound, 3, "not-found", "no such object"),
        (Self::Forbidden, 4, "forbidden", "not permitted to this user"),
        (Self::Conflict, 5, "conflict", "the revision or the file has moved on, or a confirm window is open"),
        (Self::Unreachable, 6, "unreachable", "no daemon answers on the socket"),
        (Self::Invalid, 7, "invalid", "the configuration is or would be invalid"),
        (Self::TimedOut, 8, "timed-out", "not done within the time given"),
        (Self::Undone, 9, "undone", "the commit was taken back: window wait"),
        (
            Self::Degraded,
            10,
            "degraded",
            "status --check: a backend is down, fail-open, severe findings; test: not as promised; route-test: refused; health check: not passed",
        ),
        (Self::Interrupted, 130, "interrupted", "Ctrl-C"),
    ];

    fn row(self) -> (u8, &'static str) {
        let row = Self::TABLE.iter().find(|row| row.0 == self);
        row.map_or((1, "failed"), |&(_, number, word, _)| (number, word))
    }

    /// The number that the shell sees.
    pub fn number(self) -> u8 {
        self.row().0
    }

    /// The word for error objects.
    pub fn word(self) -> &'static str {
        self.row().1
    }

    /// The table as text for help and man pages.
    pub fn help() -> String {
        let rows = Self::TABLE.iter().map(|(_, number, _, meaning)| format!("  {number:>3}  {meaning}\n"));
        format!("Exit codes:\n{}", rows.collect::<String>())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.number().into()
    }
}

#[cfg(test)]
mod tests;
