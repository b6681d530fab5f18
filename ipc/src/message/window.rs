//! Confirm windows: commits that undo themselves unless somebody confirms them in time.
//!
//! At most one is open. A later commit within it is refused unless it asks to join; then it is taken
//! back with the others. The daemon keeps the deadline: it outlives consoles, and the daemon itself.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Author, Trip};

/// Time to confirm a commit in, in milliseconds: 10 s to 24 h.
pub const CONFIRM_WITHIN_MS: RangeInclusive<u64> = 10_000..=86_400_000;

/// What a commit wants of a confirm window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowWish {
    /// Open one of this length, [`CONFIRM_WITHIN_MS`]; with `join`, the time begins anew.
    #[serde(default)]
    pub confirm_within_ms: Option<u64>,
    /// What takes the commit back before that.
    #[serde(default)]
    pub trips: Vec<Trip>,
    /// Be part of the window that is open: confirmed or taken back with it.
    #[serde(default)]
    pub join: bool,
}

impl WindowWish {
    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.confirm_within_ms.is_none() && self.trips.is_empty() && !self.join
    }
}

/// What is asked of the open window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowAct {
    /// Keep what was committed.
    Confirm,
    /// Take it back now.
    Back,
    /// Give it more time, from now on, in milliseconds: [`CONFIRM_WITHIN_MS`].
    Extend {
        /// The time left from now on.
        for_ms: u64,
    },
}

/// A question to the open window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowQuery {
    /// What is asked of it.
    pub act: WindowAct,
    /// Refuse with `conflict` unless this is its newest revision: nobody keeps what they have not seen.
    #[serde(default)]
    pub revision: Option<u64>,
}

/// The window that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowStatus {
    /// The newest revision in it: the one to confirm.
    pub revision: u64,
    /// The revision whose configuration comes back.
    pub back_to: u64,
    /// Every revision in it, oldest first.
    pub revisions: Vec<u64>,
    /// When it was opened, in milliseconds since the epoch.
    pub opened_ms: u64,
    /// When the configuration of before comes back, in milliseconds since the epoch.
    pub deadline_ms: u64,
    /// Who opened it.
    pub author: Author,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// What takes it back before the deadline.
    pub trips: Vec<Trip>,
    /// Why it could not be taken back yet; it is tried again.
    pub trouble: Option<String>,
}

/// How a window came to its end, or went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowEvent {
    /// It was opened.
    Opened,
    /// A commit joined it, or its time was changed.
    Changed,
    /// It was confirmed; what was committed stays.
    Confirmed {
        /// By whom.
        by: Author,
    },
    /// The configuration of before is back.
    Back {
        /// Why.
        why: String,
        /// The revision that brought it back.
        revision: u64,
    },
}

/// News of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowNews {
    /// What happened.
    pub what: WindowEvent,
    /// The window, as it was last.
    pub window: WindowStatus,
}
