//! What can lie over a screen: dialogs, fields, the list of keys.
//!
//! Each holds what it needs to be answered; what an answer does is in `update`. While one is open
//! no list is sorted anew.

use poise_ipc::BackendPath;
use poise_ipc::health::{ProbeAnswer, WhyAnswer};
use poise_ipc::message::{Aftermath, BalanceAnswer, Forecast, LeaseQuery, RampQuery, WindowAct};
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
    /// A field in the line of messages.
    Field(Field),
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
    /// The leases and ramps that are in force, and how the last ones ended.
    Layers {
        /// The selected one among those in force.
        selected: usize,
    },
    /// Why the shares of a group are as they are.
    Explain {
        /// The group.
        group: Name,
        /// What the daemon says.
        answer: Answer<BalanceAnswer>,
        /// The selected cause.
        selected: usize,
    },
    /// What a commit changed, value by value.
    Revision {
        /// Its revision.
        revision: u64,
        /// The selected edit.
        selected: usize,
        /// What came of it, beside what was expected.
        aftermath: Answer<Aftermath>,
    },
    /// What the daemon found wrong with a commit, one per line.
    Faults {
        /// The faults.
        lines: Vec<String>,
        /// Lines scrolled away.
        top: usize,
    },
}

/// A field that waits for something to be typed.
#[derive(Clone, Debug)]
pub struct Field {
    /// What is asked for.
    pub what: Typed,
    /// What was typed.
    pub input: Input,
    /// Why the last try was refused.
    pub error: Option<String>,
}

/// What a field asks for.
#[derive(Clone, Debug)]
pub enum Typed {
    /// A weight for these backends, by id.
    Weight(Vec<u64>),
    /// Why, for the commit whose dialog this is.
    Reason(Box<Ask>),
    /// What to hold on these backends, and for how long.
    Lease(Vec<BackendPath>),
    /// Where the weight of this backend is to go, and how.
    Ramp(BackendPath),
    /// How much more time a lease gets.
    Extend(u64),
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
    /// Commit the draft, or what brings back what was.
    Commit {
        /// Which.
        what: Proposal,
        /// What the daemon expects of it.
        forecast: Answer<Forecast>,
        /// Whether the answer was given and the daemon works on it.
        sent: bool,
    },
    /// Discard the draft.
    Discard,
    /// Quit although edits are staged.
    Quit,
    /// Keep what a confirm window has, or take it back.
    Window {
        /// Which.
        act: WindowAct,
        /// The newest revision in it, when the question was asked.
        revision: u64,
    },
    /// End a lease or a ramp.
    EndLayer(u64),
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

/// What a commit is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// The draft.
    Draft,
    /// The edits of the forecast, which bring back what was.
    Return {
        /// In words, and the reason unless another is given: `rollback to 411`.
        words: String,
    },
    /// Values above the configured ones, for a time.
    Lease(LeaseQuery),
    /// A weight that goes in steps.
    Ramp(RampQuery),
}

impl Ask {
    /// A question that nobody has seen yet.
    pub fn new(question: Question) -> Self {
        Self { question, painted_ms: None, top: 0 }
    }

    /// Where its keys stand in the key map.
    pub fn place(&self) -> Place {
        match self.question {
            Question::Commit { what: Proposal::Lease(_) | Proposal::Ramp(_), .. } => Place::Begin,
            Question::Commit { .. } => Place::Commit,
            Question::Discard => Place::Discard,
            Question::Quit => Place::Quit,
            Question::Window { .. } | Question::EndLayer(_) => Place::Ending,
            Question::Conflict { .. } => Place::Conflict,
        }
    }

    /// Whether keys count yet.
    pub fn listens(&self, now_ms: u64) -> bool {
        self.painted_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) >= ANSWER_AFTER_MS)
    }
}
