//! Places for flows, and the order in which they were last used.
//!
//! A flow keeps its place for its life. A doubly linked list through the places keeps those in use
//! ordered, so the flow that was silent for longest is always at hand and every operation takes
//! constant time. It knows no timeout and finds nobody by key.

use super::FlowId;
use super::key::Key;
use crate::plan::BackendId;

/// No place: the end of the list.
const NONE: u32 = u32::MAX;

/// So many places are kept when all are free; the memory of more goes back, since a flood may not
/// come again.
const PLACES_KEPT_MAX: usize = 64;

/// An open flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) key: Key,
    pub(super) backend: BackendId,
    /// The plan by which that backend was judged last.
    pub(super) generation: u64,
    /// When a datagram passed last.
    pub(super) used_ms: u64,
    /// Replies so far.
    pub(super) replies: u32,
    /// The client spoke last.
    pub(super) owed: bool,
    /// The backend's host said that nobody listens there.
    pub(super) refused: bool,
}

#[derive(Debug)]
struct Place {
    flow: Option<Flow>,
    /// Tells the flow from those that had this place before.
    turn: u32,
    newer: u32,
    older: u32,
}

/// The flows of a table by place.
#[derive(Debug)]
pub(super) struct Slots {
    places: Vec<Place>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    /// The last turn that was given; the same one comes again after 2^32 flows.
    turn: u32,
}

impl Slots {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), newest: NONE, oldest: NONE, turn: 0 }
    }

    /// Takes a place for a flow, as the newest.
    pub(super) fn insert(&mut self, flow: Flow) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { flow: None, turn: 0, newer: NONE, older: NONE });
            u32::try_from(self.places.len() - 1).expect("a table holds less than u32::MAX flows")
        });
        self.places[slot as usize].flow = Some(flow);
        self.take_turn(slot);
        self.link_newest(slot);
        slot
    }

    /// Gives a place back.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Flow> {
        let flow = self.places.get_mut(slot as usize)?.flow.take()?;
        self.unlink(slot);
        self.free.push(slot);
        if self.free.len() == self.places.len() && self.places.len() > PLACES_KEPT_MAX {
            *self = Self { turn: self.turn, ..Self::new() };
        }
        Some(flow)
    }

    /// What has the place from now on is known by a turn of its own.
    pub(super) fn take_turn(&mut self, slot: u32) {
        self.turn = self.turn.wrapping_add(1);
        self.places[slot as usize].turn = self.turn;
    }

    /// The flow at a place, with the name that it has now.
    pub(super) fn at(&mut self, slot: u32) -> Option<(FlowId, &mut Flow)> {
        let place = self.places.get_mut(slot as usize)?;
        let id = FlowId { slot, turn: place.turn };
        place.flow.as_mut().map(|flow| (id, flow))
    }

    /// The flow of this name, unless it is gone or has moved.
    pub(super) fn get(&self, id: FlowId) -> Option<&Flow> {
        self.places.get(id.slot()).filter(|place| place.turn == id.turn)?.flow.as_ref()
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, id: FlowId) -> Option<&mut Flow> {
        self.places.get_mut(id.slot()).filter(|place| place.turn == id.turn)?.flow.as_mut()
    }

    /// Notes that a flow was used: from now on it is the newest.
    pub(super) fn touch(&mut self, slot: u32, now_ms: u64) {
        let Some(flow) = self.places[slot as usize].flow.as_mut() else { return };
        // Most datagrams meet the millisecond of the one before: the order is right already.
        if flow.used_ms < now_ms {
            flow.used_ms = now_ms;
            if self.newest != slot {
                self.unlink(slot);
                self.link_newest(slot);
            }
        }
    }

    /// The place that was not used for longest.
    pub(super) fn oldest(&self) -> Option<(u32, &Flow)> {
        self.places.get(self.oldest as usize)?.flow.as_ref().map(|flow| (self.oldest, flow))
    }

    fn unlink(&mut self, slot: u32) {
        let (newer, older) = (self.places[slot as usize].newer, self.places[slot as usize].older);
        self.set_older(newer, older);
        self.set_newer(older, newer);
    }

    fn link_newest(&mut self, slot: u32) {
        let older = std::mem::replace(&mut self.newest, slot);
        let place = &mut self.places[slot as usize];
        (place.newer, place.older) = (NONE, older);
        self.set_newer(older, slot);
    }

    /// Sets the older neighbour of a place, or the newest of all if there is no such place.
    fn set_older(&mut self, slot: u32, older: u32) {
        match self.places.get_mut(slot as usize) {
            Some(place) => place.older = older,
            None => self.newest = older,
        }
    }

    /// Sets the newer neighbour of a place, or the oldest of all if there is no such place.
    fn set_newer(&mut self, slot: u32, newer: u32) {
        match self.places.get_mut(slot as usize) {
            Some(place) => place.newer = newer,
            None => self.oldest = newer,
        }
    }
}
