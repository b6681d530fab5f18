//! Upgrades: a new process takes over the sockets, the state and the flows, and the old one drains.
//!
//! The new process is told of a socket on its standard input by [`VARIABLE`]; over it the two agree step
//! by step. Until the new one says that it serves, the old one can go on as if nothing had been, whatever
//! happens to the other:
//!
//! 1. the new one starts and says so; 2. it is offered the configuration and says whether it can run it;
//! 3. the old one lets go of the disk and pauses datagrams; 4. it hands over everything, sockets included,
//!    and goes on accepting; 5. the new one serves and says so; 6. the old one stops accepting and drains.
//!
//! Both accept from the same queues for a moment, so nothing that waits there is lost. `conduct` decides
//! when; `words` is what is said, `channel` how.

pub mod channel;
pub(crate) mod predecessor;
pub mod successor;
pub mod words;

use channel::ChannelError;

pub use words::{BackendCounted, Counted, GroupCounted, ListenerCounted};

/// Names the descriptor of the new process's end of the channel.
pub const VARIABLE: &str = "POISED_UPGRADE_FD";
/// Why nobody has taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The program cannot be started.
    #[error("start {program}")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It ended, hung or spoke nonsense.
    #[error("{stage}")]
    Talk {
        /// What was waited for.
        stage: &'static str,
        /// What came instead.
        #[source]
        source: ChannelError,
    },
    /// It speaks another version of this conversation.
    #[error("the other process speaks version {theirs} of the handover, this one {}", words::PROTOCOL)]
    Protocol {
        /// Its version.
        theirs: u32,
    },
    /// It says that it cannot run what runs.
    #[error("the new process refuses: {0}")]
    Refused(String),
    /// What runs cannot be handed over.
    #[error("nothing was handed over: {0}")]
    Kept(String),
    /// It did not say what was due.
    #[error("{stage}: the other process says something else")]
    Order {
        /// What was waited for.
        stage: &'static str,
    },
    /// The daemon is to stop.
    #[error("a signal to stop came first")]
    Stopped,
}

impl UpgradeError {
    pub(crate) fn talk(stage: &'static str) -> impl FnOnce(ChannelError) -> Self {
        move |source| Self::Talk { stage, source }
    }
}
