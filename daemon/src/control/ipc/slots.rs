//! Who may take one of the bounded places at the socket, and who gives one up.
//!
//! Connections give way to new ones of at least their role: the longest idle first, subscriptions
//! last, requests under way never; some places are kept for those who operate. So neither a crowd
//! of readers nor forgotten scripts lock an operator out. Decides only: the accept loop closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use poise_ipc::message::Role;

/// Connections at once: as many as the inbox holds commands, so each can have one under way.
pub(super) const CONNECTIONS_MAX: usize = crate::control::command::INBOX_MAX;
/// Of these, places that connections with role view never take.
pub(super) const RESERVED: usize = 32;

/// Counts uses over all connections, so that they have an order; no clock is read for it.
pub(super) type Uses = Arc<AtomicU64>;

/// What the accept loop sees of a connection; the connection keeps it current.
#[derive(Debug)]
pub(super) struct Seat {
    role: AtomicU8,
    uses: Uses,
    last_use: AtomicU64,
    engaged: AtomicU8,
    stalled: AtomicBool,
}

/// What a connection is doing, in the order in which it gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Engaged {
    /// Nothing, or its peer has stopped reading.
    Idle,
    /// It has a subscription.
    Subscribed,
    /// It has a request under way.
    Asking,
}

/// What becomes of a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// There is a place.
    Room,
    /// There is one once this connection is closed.
    Evict(usize),
    /// There is none.
    Full,
}

impl Seat {
    /// A seat just taken.
    pub(super) fn new(role: Role, uses: &Uses) -> Self {
        let seat = Self {
            role: AtomicU8::new(role as u8),
            uses: Arc::clone(uses),
            last_use: AtomicU64::new(0),
            engaged: AtomicU8::new(Engaged::Idle as u8),
            stalled: AtomicBool::new(false),
        };
        seat.touch();
        seat
    }

    /// The connection was used.
    pub(super) fn touch(&self) {
        self.last_use.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The peer has stopped reading, or reads again.
    pub(super) fn set_stalled(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::Relaxed);
    }

    /// The connection does something else now.
    pub(super) fn engage(&self, engaged: Engaged) {
        self.engaged.store(engaged as u8, Ordering::Relaxed);
    }

    /// The connection has stepped down.
    pub(super) fn set_role(&self, role: Role) {
        self.role.store(role as u8, Ordering::Relaxed);
    }

    fn role(&self) -> u8 {
        self.role.load(Ordering::Relaxed)
    }

    fn engaged(&self) -> u8 {
        let stalled = self.stalled.load(Ordering::Relaxed);
        if stalled { Engaged::Idle as u8 } else { self.engaged.load(Ordering::Relaxed) }
    }
}

/// Decides about a newcomer with `role` among those who sit.
pub(super) fn admit<'a>(seats: impl ExactSizeIterator<Item = &'a Seat>, role: Role) -> Admission {
    let open = if role == Role::View { CONNECTIONS_MAX - RESERVED } else { CONNECTIONS_MAX };
    if seats.len() < open {
        return Admission::Room;
    }
    let yields = |seat: &Seat| seat.engaged() < Engaged::Asking as u8 && seat.role() <= role as u8;
    let rank = |seat: &Seat| (seat.engaged(), seat.role(), seat.last_use.load(Ordering::Relaxed));
    match seats.enumerate().filter(|(_, seat)| yields(seat)).min_by_key(|(_, seat)| rank(seat)) {
        Some((at, _)) => Admission::Evict(at),
        None => Admission::Full,
    }
}

#[cfg(test)]
mod tests;
