//! The whole state of the console: what the daemon said, where the operator looks, what is staged.
//!
//! Pure data. Only `update` changes it, `view` reads it; nothing here touches a terminal, a file
//! or a socket, and every time is an argument.

pub mod balance;
pub mod changes;
pub mod draft;
pub mod effect;
pub mod errors;
pub mod filter;
pub mod layer;
pub mod log;
pub mod model;
pub mod order;
pub mod overlay;
pub mod overview;
pub mod reading;
pub mod screen;
pub mod series;
pub mod window;

use std::collections::{BTreeMap, VecDeque};

use jiff::tz::TimeZone;
use poise_ipc::message::{LogFilter, Role};
use poise_ipc::status::CheckRow;
use poise_ipc::{BackendPath, Name};

use self::balance::Balance;
use self::changes::Changes;
use self::draft::{Draft, SavedDraft};
use self::errors::Errors;
use self::log::Log;
use self::model::Model;
use self::overlay::{Ask, Overlay};
use self::overview::Overview;
use self::reading::Reading;
use self::screen::Screen;
use super::keymap::{Keymap, Place};
use super::layout;

/// Transitions kept for the pane below the lists.
pub const RECENT_MAX: u32 = 64;

/// How the console stands with its daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Not yet heard.
    Connecting {
        /// Why the last try failed.
        reason: Option<String>,
    },
    /// Fresh.
    Live,
    /// Lost; what is shown is as old as this.
    Stale {
        /// When it was lost, in milliseconds since the epoch.
        since_ms: u64,
        /// Why.
        reason: String,
    },
}

/// Whom the console talks to, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Host name of the daemon's machine.
    pub host: String,
    /// What this connection may do.
    pub role: Role,
    /// Name of the user.
    pub user: String,
    /// Identity of the daemon's state: keys the draft.
    pub daemon_id: String,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something was done.
    Plain,
    /// Something was refused or failed.
    Alarm,
}

/// When the screen must be painted again; the later variants are more urgent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paint {
    /// Nothing changed.
    #[default]
    None,
    /// Data changed: with the next data frame.
    Data,
    /// The operator or an alarm changed something: at once.
    Now,
}

/// What a request that is under way was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nobody waits for the answer.
    Nothing,
    /// The state as a whole.
    Status,
    /// Why the shares of a group are as they are.
    Explain(Name),
    /// What a commit has done, beside what was expected of it.
    Aftermath(u64),
    /// What a commit would do, for its dialog.
    Forecast,
    /// A lease or a ramp, or what is to become of one.
    Layer,
    /// The commits before this revision, or the newest ones.
    History(Option<u64>),
    /// The configuration of a revision, to bring it back.
    Past(u64),
    /// To commit what brings back what was.
    Return,
    /// To commit the draft, which was this when it was sent.
    Commit(SavedDraft),
    /// The newest rows of the health log that pass a filter, for its screen.
    Log(LogFilter),
    /// Those before this one.
    Older(LogFilter, u64),
    /// Those after this one, within so many numbers.
    Newer(LogFilter, u64, u64),
    /// The last of a kind before the one in front, to look at it.
    Seek(LogFilter),
    /// The rows around this one, to look at it.
    Jump(LogFilter, u64),
    /// How a backend was, for its card.
    Why(BackendPath),
    /// A probe now, for its card.
    Probe(BackendPath),
    /// The newest transitions, for the pane.
    Recent,
    /// Refused messages, for their screen.
    Errors,
    /// The configuration, for the settings of these objects.
    Settings(Vec<String>),
    /// A subscription, with the verdicts it asked for.
    Subscribe(Option<LogFilter>),
}

/// The whole state of the console.
#[derive(Clone, Debug)]
pub struct State {
    /// Columns and lines of the terminal.
    pub size: (u16, u16),
    /// The key map.
    pub keymap: Keymap,
    /// The operator's time zone.
    pub zone: TimeZone,
    /// Whether the operator asked for no changes at all.
    pub read_only: bool,
    /// The console's clock: milliseconds since it started.
    pub now_ms: u64,

    /// How the console stands with its daemon.
    pub link: LinkState,
    /// Whom it talks to; kept while the link is lost.
    pub peer: Option<Peer>,
    /// What the daemon said; kept while the link is lost.
    pub model: Option<Model>,
    /// Daemon's time minus the console's clock, to let windows age without news.
    pub clock_offset_ms: u64,
    /// Requests under way by id; forgotten when the link is lost.
    pub asked: BTreeMap<u64, Asked>,
    /// Id of the next request.
    pub next_id: u64,
    /// Verdicts that the subscription in force delivers; `None` before one was made.
    pub subscribed: Option<Option<LogFilter>>,

    /// The screen in front.
    pub screen: Screen,
    /// The one seen before it.
    pub last_screen: Screen,
    /// Where Esc leads back to.
    pub came_from: Option<Screen>,
    /// The list of Overview.
    pub overview: Overview,
    /// Certificates above the visible ones on the screen Certificates.
    pub certificates_top: usize,
    /// The list of Balance.
    pub balance: Balance,
    /// The health log.
    pub log: Log,
    /// What of it is being read.
    pub reading: Reading,
    /// Refused messages.
    pub errors: Errors,
    /// How much had ended badly, over all listeners, when refused messages were last asked for.
    pub errors_asked_at: Option<u64>,
    /// The newest transitions, oldest first.
    pub recent: VecDeque<CheckRow>,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// What was last done or refused.
    pub message: Option<(Tone, String)>,
    /// Whether data is painted.
    pub paused: bool,
    /// When Ctrl-C was last pressed, on the console's clock.
    pub interrupted_ms: Option<u64>,

    /// The commits that are known.
    pub changes: Changes,

    /// Edits not yet applied.
    pub draft: Draft,
    /// How commits are wanted.
    pub wish: window::Wish,
    /// The last revision that this console made.
    pub own_revision: Option<u64>,

    /// When the screen must be painted again.
    pub paint: Paint,
}

impl State {
    /// The state before anything was heard, for a terminal of this size.
    pub fn new(size: (u16, u16), read_only: bool, zone: TimeZone) -> Self {
        Self {
            size,
            keymap: Keymap::default(),
            zone,
            read_only,
            now_ms: 0,
            link: LinkState::Connecting { reason: None },
            peer: None,
            model: None,
            clock_offset_ms: 0,
            asked: BTreeMap::new(),
            next_id: 1,
            subscribed: None,
            screen: Screen::Balance,
            last_screen: Screen::Overview,
            came_from: None,
            overview: Overview::default(),
            certificates_top: 0,
            balance: Balance::default(),
            log: Log::default(),
            reading: Reading::default(),
            errors: Errors::default(),
            errors_asked_at: None,
            recent: VecDeque::new(),
            overlay: None,
            message: None,
            paused: false,
            interrupted_ms: None,
            changes: Changes::default(),
            draft: Draft::default(),
            wish: window::Wish::default(),
            own_revision: None,
            paint: Paint::Now,
        }
    }

    /// Whether edits may be staged and committed.
    pub fn may_edit(&self) -> bool {
        self.edits_refused().is_none()
    }

    /// Why edits may not be staged and committed.
    pub fn edits_refused(&self) -> Option<&'static str> {
        if self.read_only {
            Some("this console is read-only")
        } else if self.model.as_ref().is_some_and(|model| model.status().daemon.read_only) {
            Some("the daemon is read-only: it was started so")
        } else if self.peer.as_ref().is_some_and(|peer| peer.role < Role::Operate) {
            Some("your role is view: changes need operate")
        } else {
            None
        }
    }

    /// Whether the daemon shows refused messages to this console.
    pub fn may_see_errors(&self) -> bool {
        self.may_edit()
    }

    /// Where keys are looked up.
    pub fn place(&self) -> Place {
        match &self.overlay {
            Some(Overlay::Ask(ask)) => ask.place(),
            Some(Overlay::Layers { .. }) => Place::Layers,
            Some(Overlay::Revision { .. }) => Place::Revision,
            Some(Overlay::Explain { .. }) => Place::Explain,
            _ => self.screen.place(),
        }
    }

    /// Verdicts that what is shown needs: those that pass on the log, none elsewhere, so that an idle
    /// Balance is never woken by probes.
    pub fn wanted_verdicts(&self) -> Option<LogFilter> {
        (self.screen == Screen::Health).then(|| self.wanted_rows())
    }

    /// Rows of the log that may be shown, as the daemon is asked for them.
    pub fn wanted_rows(&self) -> LogFilter {
        self.log.wanted(self.model.as_ref())
    }

    /// Whether the filter of the log is being typed: the daemon is asked when it is.
    pub fn is_filtering(&self) -> bool {
        matches!(self.overlay, Some(Overlay::Filter { .. }))
    }

    /// Lines of the log in front on this terminal.
    pub fn log_height(&self) -> usize {
        let (width, height) = self.size;
        usize::from(match self.screen {
            Screen::Errors => layout::errors(width, height).list.height,
            _ => layout::health(width, height).list.height,
        })
    }

    /// Whether lists keep their order: while something is asked or typed.
    pub fn is_frozen(&self) -> bool {
        matches!(self.overlay, Some(Overlay::Ask(_) | Overlay::Field(_) | Overlay::Diff { .. }))
    }

    /// Asks for a paint, unless a more urgent one is due.
    pub fn paint(&mut self, paint: Paint) {
        self.paint = self.paint.max(paint);
    }

    /// The question in front that still has to be seen before it may be answered.
    pub fn unseen_question(&mut self) -> Option<&mut Ask> {
        match &mut self.overlay {
            Some(Overlay::Ask(ask)) if ask.painted_ms.is_none() => Some(ask),
            _ => None,
        }
    }

    /// When, on the console's clock, what is shown changes although nothing is heard; `None` when it does not.
    pub fn next_age_ms(&self) -> Option<u64> {
        let model = self.model.as_ref().filter(|_| self.link == LinkState::Live)?;
        let (now_ms, window_ms) = (model.now_ms(), self.balance.window.ms());
        // Half a second to spare: with traffic, news come first.
        let step_ms = (window_ms / 10).max(1_000) + 500;
        let shares = model.moving_until_ms(window_ms).filter(|&until_ms| now_ms < until_ms);
        let is_open = model.status().window.is_some();
        let counts_down = is_open || matches!(self.overlay, Some(Overlay::Card(_))) || model.out_until_ms() > now_ms;
        let second = counts_down.then(|| (now_ms / 1_000 + 1) * 1_000);
        let next_ms = shares.map(|_| now_ms + step_ms).into_iter().chain(second).min()?;
        Some(next_ms.saturating_sub(self.clock_offset_ms))
    }
}
