//! The confirm window as the console shows it, and what a commit of this console is to be.

use poise_ipc::message::{Trip, WindowStatus, WindowWish};

/// What a commit may be kept for unless it is confirmed, in seconds; 0 keeps it at once.
const WITHIN_S: [u32; 4] = [0, 30, 60, 300];
/// Shares of 5xx, in percent, that take a commit back before its time; 0 for none.
const ERRORS_PERCENT: [u32; 4] = [0, 1, 5, 20];

/// How commits of this console are wanted. The last choice stays until the next one; the reason is that of
/// one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    within: usize,
    errors: usize,
    reason: String,
}

impl Wish {
    /// The next time to confirm in.
    pub fn turn_within(&mut self) {
        self.within = (self.within + 1) % WITHIN_S.len();
    }

    /// The next trip wire, which needs a time to confirm in.
    pub fn turn_errors(&mut self) {
        self.errors = (self.errors + 1) % ERRORS_PERCENT.len();
        if self.errors > 0 && self.within == 0 {
            self.within = 2;
        }
    }

    /// Why, in the operator's words.
    pub fn reason(&self) -> Option<&str> {
        Some(self.reason.as_str()).filter(|reason| !reason.is_empty())
    }

    /// Takes a reason; an empty one is none.
    pub fn set_reason(&mut self, reason: &str) {
        reason.trim().clone_into(&mut self.reason);
    }

    /// The next commit has another one.
    pub fn forget_reason(&mut self) {
        self.reason.clear();
    }

    /// What the daemon is asked for; within an open window a commit is part of it.
    pub fn request(&self, open: Option<&WindowStatus>) -> WindowWish {
        let within_s = WITHIN_S[self.within];
        if open.is_some() {
            return WindowWish { join: true, ..WindowWish::default() };
        }
        if within_s == 0 {
            return WindowWish::default();
        }
        let errors = format!("5xx>{}%", ERRORS_PERCENT[self.errors]);
        let trips = if self.errors == 0 { Vec::new() } else { errors.parse().into_iter().collect() };
        WindowWish { confirm_within_ms: Some(u64::from(within_s) * 1_000), trips, join: false }
    }

    /// The same in words.
    pub fn words(&self, open: Option<&WindowStatus>) -> String {
        if let Some(open) = open {
            let whose = &open.author.user;
            return format!("part of the confirm window of {whose}: kept or taken back with rev {}", open.revision);
        }
        match (WITHIN_S[self.within], ERRORS_PERCENT[self.errors]) {
            (0, _) => "kept at once; w asks for a confirmation".to_owned(),
            (within, 0) => format!("taken back unless confirmed within {within} s"),
            (within, errors) => {
                format!("taken back unless confirmed within {within} s, or at once when 5xx > {errors} %")
            }
        }
    }
}

/// An open window in two parts, the first with the seconds that are left.
pub fn line(window: &WindowStatus, now_ms: u64) -> (String, String) {
    let left_s = window.deadline_ms.saturating_sub(now_ms).div_ceil(1_000);
    let (minutes, seconds) = (left_s / 60, left_s % 60);
    let who = &window.author.user;
    let head = format!("CONFIRM rev {} by {who}: {minutes}:{seconds:02} left", window.revision);
    if let Some(trouble) = &window.trouble {
        return (head, format!(", cannot be taken back yet: {trouble}"));
    }
    let mut rest = format!(", else back to {}", window.back_to);
    let wires: Vec<String> = window.trips.iter().map(Trip::to_string).collect();
    if !wires.is_empty() {
        rest.extend([", or at ", &wires.join(", ")]);
    }
    (head, rest)
}

/// Whether it is about to be taken back.
pub fn is_urgent(window: &WindowStatus, now_ms: u64) -> bool {
    window.trouble.is_some() || window.deadline_ms.saturating_sub(now_ms) <= 10_000
}
