//! HAProxy's termination state of a request, from its cause and how far it came.
//!
//! Two letters: who ended it, and in which phase. HAProxy's own manual (8.5) defines them; causes
//! that it has no letter for take the nearest that its readers know. Called by `haproxy`.

use poise_ipc::cause::Cause;

/// How far a request came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Its head was not read.
    #[default]
    Request,
    /// It waited for a backend.
    Queue,
    /// A backend was being reached.
    Connect,
    /// It was sent, and no response had begun.
    Response,
    /// The response was on its way.
    Data,
}

impl Stage {
    const fn letter(self) -> char {
        match self {
            Self::Request => 'R',
            Self::Queue => 'Q',
            Self::Connect => 'C',
            Self::Response => 'H',
            Self::Data => 'D',
        }
    }
}

/// The two letters: `--` for a request that ended well.
pub(super) fn state(cause: Option<Cause>, stage: Stage) -> [char; 2] {
    let Some(cause) = cause else { return ['-', '-'] };
    let here = stage.letter();
    match cause {
        Cause::ClientClosed => ['C', here],
        Cause::RequestTimeout => ['c', if stage == Stage::Request { 'R' } else { 'D' }],
        Cause::IdleTimeout => ['c', 'D'],
        Cause::QueueFull | Cause::QueueTimeout => ['s', 'Q'],
        Cause::NoBackend | Cause::AllDown | Cause::Unusable | Cause::ConnectFailed => ['S', 'C'],
        Cause::ConnectTimeout => ['s', 'C'],
        Cause::BackendClosed => ['S', if stage == Stage::Data { 'D' } else { 'H' }],
        Cause::ResponseTimeout => ['s', if stage == Stage::Data { 'D' } else { 'H' }],
        Cause::BadResponse | Cause::ResponseHeadTooLarge => ['P', if stage == Stage::Data { 'D' } else { 'H' }],
        Cause::Shutdown | Cause::Drained => ['K', here],
        Cause::Internal => ['I', here],
        Cause::ConnectionLimit | Cause::TransparentFailed => ['R', here],
        _ => ['P', 'R'],
    }
}
