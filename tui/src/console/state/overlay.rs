//! What can lie over a screen: dialogs, fields, the list of keys.
//!
//! Each holds what it needs to be answered; what an answer does is in `update`. While one is open
//! no list is sorted anew.

use poise_ipc::BackendPath;
use poise_ipc::health::{ProbeAnswer, WhyAnswer};
use poise_ipc::name::Name;
use poise_ipc::text::Setting;
use tui_input::Input;

use super::draft::Overlap;
use crate::console::keymap::Place;

/// Time after a dialog was painted during which keys are dropped: type-ahead must not answer it.
pub const ANSWER_AFTER_MS: u64 = 300;

/// What lies over the screen.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// The keys; what is typed filters them.
    Help {
        /// What was typed.
        filter: Input,
        /// The selected binding among those shown.
        selected: usize,
    },
    /// The field of the filter; Esc brings the old one back.
    Filter {
        /// What was typed.
        input: Input,
        /// The filter before.
        before: String,
    },
    /// The field for a weight.
    Weight {
        /// What was typed.
        input: Input,
        /// Whose weight.
        targets: Vec<u64>,
        /// Why the last try was refused.
        error: Option<String>,
    },
    /// The staged edits as commands; scrolled by lines.
    Diff {
        /// Lines scrolled away.
        top: usize,
    },
    /// A question; Cancel has the focus.
    Ask(Ask),
    /// Settings of listeners, groups and backends, one sheet each.
    Settings {
        /// The sheets; empty until the daemon has answered.
        sheets: Vec<Sheet>,
        /// Lines scrolled away.
        top: usize,
    },
    /// The figures of an object, as they move.
    Figures {
        /// Of what.
        object: Object,
        /// Lines scrolled away.
        top: usize,
    },
    /// A backend's health, in full.
    Card(Box<Card>),
    /// What the daemon found wrong with a commit, one per line.
    Faults {
        /// The faults.
        lines: Vec<String>,
        /// Lines scrolled away.
        top: usize,
    },
}

/// What figures are about: an identity, so that no re-sort changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A listener.
    Listener(Name),
    /// A route of a listener; what none of them takes when it has no name.
    Route(Name, Option<Name>),
    /// A backend by its id, with its group.
    Backend(u64),
}

/// The health of one backend: how it is by the model, how it was by the log, and a probe now.
#[derive(Clone, Debug)]
pub struct Card {
    /// The backend.
    pub path: BackendPath,
    /// How it was at the moment asked about.
    pub why: Answer<WhyAnswer>,
    /// What a probe made now found.
    pub probe: Answer<ProbeAnswer>,
    /// Lines scrolled away.
    pub top: usize,
}

/// What the daemon said to a question of a card.
#[derive(Clone, Debug)]
pub enum Answer<T> {
    /// Nobody asked.
    None,
    /// It has not said anything yet.
    Asked,
    /// This.
    Told(Box<T>),
    /// Why it does not say.
    Refused(String),
}

/// The settings of one object.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Path of the object, as in `groups.app`.
    pub path: String,
    /// Its settings.
    pub settings: Vec<Setting>,
}

/// A question that changes something when answered with its own key.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What is asked.
    pub question: Question,
    /// When the question was first seen whole, on the console's clock; `None` before.
    pub painted_ms: Option<u64>,
    /// Lines scrolled away.
    pub top: usize,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// Commit the draft.
    Commit {
        /// Whether the answer was given and the daemon works on it.
        sent: bool,
    },
    /// Discard the draft.
    Discard,
    /// Quit although edits are staged.
    Quit,
    /// Another commit changed what is staged: whose values win.
    Conflict {
        /// What overlaps.
        overlaps: Vec<Overlap>,
        /// For each of them whether the draft wins.
        mine: Vec<bool>,
        /// The selected one.
        selected: usize,
    },
}

impl Ask {
    /// A question that nobody has seen yet.
    pub fn new(question: Question) -> Self {
        Self { question, painted_ms: None, top: 0 }
    }

    /// Where its keys stand in the key map.
    pub fn place(&self) -> Place {
        match self.question {
            Question::Commit { .. } => Place::Commit,
            Question::Discard => Place::Discard,
            Question::Quit => Place::Quit,
            Question::Conflict { .. } => Place::Conflict,
        }
    }

    /// Whether keys count yet.
    pub fn listens(&self, now_ms: u64) -> bool {
        self.painted_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) >= ANSWER_AFTER_MS)
    }
}
