//! What comes into `update` and what comes out of it.
//!
//! Messages and effects are plain values: the loop in `run` makes the first and carries out the
//! second.

use poise_ipc::message::{Request, ServerMessage, Welcome};

use super::key::Key;
use super::state::draft::SavedDraft;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// The daemon answered the first greeting.
    Connected(Box<Welcome>),
    /// The daemon cannot be reached, or is no longer there.
    Lost {
        /// Why.
        reason: String,
        /// When, in milliseconds since the epoch.
        at_ms: u64,
    },
    /// The daemon said something.
    Server(Box<ServerMessage>),
    /// The draft on disk was looked for.
    DraftLoaded(Option<SavedDraft>),
    /// The draft could not be kept on disk.
    DraftFailed(String),
    /// A frame reached the terminal whole.
    Painted,
    /// Time has passed that changes what is shown.
    Aged,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask the daemon.
    Send(Request),
    /// Keep the draft on disk, or remove it there when it is empty.
    SaveDraft {
        /// Of which daemon.
        daemon_id: String,
        /// The draft.
        draft: SavedDraft,
    },
    /// Look for a draft on disk.
    LoadDraft {
        /// Of which daemon.
        daemon_id: String,
    },
    /// Paint the whole screen again, whatever stands there.
    Repaint,
    /// Stop like any job of the shell.
    Suspend,
    /// End.
    Quit,
}
