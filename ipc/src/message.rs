//! Messages of the control protocol: requests in `request`, answers in `reply`, events in `event`.
//!
//! The same types travel as bincode frames and as JSON lines (`frame`). Variants and fields are
//! only ever appended; fields that JSON may leave out have a default.

mod event;
mod filter;
mod news;
mod reply;
mod request;

pub use event::{
    BackendMoved, CertificateEvent, CertificateNews, Counters, Drained, Ejected, Event, EventBody, Flapping,
    GroupMoved, ListenerMoved, RouteMoved, Transition,
};
pub use reply::{Applied, Author, Commit, ErrorCode, ErrorReply, Reply, ServerMessage, Welcome};
pub use request::{
    Apply, LogFilter, LogLevel, LogQuery, Outcome, Replace, Request, Role, Subscribe, Take, Topic, Verb,
};
