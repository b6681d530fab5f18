//! The event bus: what happened, told to every subscription of every connection.
//!
//! Reconcile is the only publisher. A reader that falls behind loses the oldest events and is told
//! how many by its receiver; the publisher never waits. Filtering by topic, numbering and counters
//! at an interval belong to the connection.

use std::sync::Arc;

use poise_ipc::Name;
use poise_ipc::message::{
    CertificateNews, Commit, Drained, Ejected, EventBody, Flapping, LayerNews, Transition, WindowNews,
};
use poise_ipc::status::CheckRow;
use tokio::sync::broadcast;

/// Events kept for slow readers: some 4 s of a thousand verdicts a second.
pub const EVENTS_MAX: usize = 4_096;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What.
    pub what: What,
}

/// What happened. Each is one event of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A commit, published and durable. A new snapshot is due.
    Committed(Commit),
    /// The health of a backend changed.
    Transition(Transition),
    /// A group began or ceased to use backends although all are down.
    FailOpen {
        /// The group.
        group: Name,
        /// Whether it began.
        active: bool,
    },
    /// A new row of the health log, or a row that grew.
    Checked(CheckRow),
    /// A drain came to its end.
    Drained(Drained),
    /// A certificate was read or comes to its end. A new snapshot is due.
    Certificate(CertificateNews),
    /// A backend began or ceased to come and go.
    Flapping(Flapping),
    /// Traffic ejected a backend, or it is used again.
    Ejected(Ejected),
    /// A confirm window was opened, changed or closed. A new snapshot is due.
    Window(Box<WindowNews>),
    /// A lease or ramp began, changed or ended. A new snapshot is due.
    Layer(Box<LayerNews>),
}

impl What {
    /// The news of health in it, as the protocol tells them; none when it is something else.
    pub fn health_news(&self) -> Option<EventBody> {
        Some(match self {
            Self::Transition(news) => EventBody::Transition(news.clone()),
            Self::FailOpen { group, active } => EventBody::FailOpen { group: group.clone(), active: *active },
            Self::Drained(news) => EventBody::Drained(news.clone()),
            Self::Certificate(news) => EventBody::Certificate(news.clone()),
            Self::Flapping(news) => EventBody::Flapping(news.clone()),
            Self::Ejected(news) => EventBody::Ejected(news.clone()),
            Self::Committed(_) | Self::Checked(_) | Self::Window(_) | Self::Layer(_) => return None,
        })
    }
}

/// The publisher's end.
// Not Clone: reconcile is the only publisher.
#[derive(Debug)]
pub struct Bus(broadcast::Sender<Arc<Happening>>);

/// The readers' end.
#[derive(Clone, Debug)]
pub struct Feed(broadcast::Sender<Arc<Happening>>);

impl Bus {
    /// A bus without readers.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(EVENTS_MAX))
    }

    /// Where readers subscribe.
    pub fn feed(&self) -> Feed {
        Feed(self.0.clone())
    }

    /// Whether anybody listens.
    pub fn has_readers(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Tells all readers.
    pub fn publish(&self, at_ms: u64, what: What) {
        if self.has_readers() {
            // Fails only when the last reader left meanwhile: then nobody misses it.
            let _ = self.0.send(Arc::new(Happening { at_ms, what }));
        }
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// Events from now on. `RecvError::Lagged(n)` says that this reader lost `n`.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.0.subscribe()
    }
}
