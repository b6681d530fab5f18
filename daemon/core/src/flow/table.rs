//! The flows of one listening socket: found by key, closed by silence or by count.
//!
//! Bounded by its terms: a newcomer that finds it full is turned away, whoever is there stays. It
//! counts nothing for screens: what it returns says all.

use std::collections::HashMap;

use poise_ipc::cause::Cause;

use super::key::{Key, Keyed};
use super::slots::{Flow, Slots};
use super::{Course, FlowId, Guide, Known, Replies, Terms};

/// The flows of one listening socket. Times are any monotonic milliseconds, the same for all calls.
#[derive(Debug)]
pub struct Table {
    terms: Terms,
    index: HashMap<Key, u32, Keyed>,
    slots: Slots,
    owed: usize,
}

impl Table {
    /// An empty table; `secret` is for its hashes.
    pub fn new(terms: Terms, secret: [u8; 16]) -> Self {
        Self { terms, index: HashMap::with_hasher(Keyed(secret)), slots: Slots::new(), owed: 0 }
    }

    /// What holds now.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Lets other terms hold from now on, for the flows that are open too.
    pub fn follow(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// Flows that are open.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no flow is open.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Flows whose client spoke last: a reply may be on its way.
    pub fn owed(&self) -> usize {
        self.owed
    }

    /// Who talks in a flow, while it is open.
    pub fn key(&self, flow: FlowId) -> Option<&Key> {
        self.slots.get(flow).map(|flow| &flow.key)
    }

    /// What is known of a flow, while it is open.
    pub fn known(&self, flow: FlowId, now_ms: u64) -> Option<Known> {
        let flow = self.slots.get(flow)?;
        let idle_ms = now_ms.saturating_sub(flow.used_ms);
        Some(Known { key: flow.key, backend: flow.backend, idle_ms, replies: flow.replies, owed: flow.owed })
    }

    /// Takes up a flow as it was known elsewhere: its backend is judged with the next datagram of its
    /// client. To be called with the one that was silent for longest first. None where the client has
    /// a flow already, or there is no room.
    pub fn take_up(&mut self, known: &Known, now_ms: u64) -> Option<FlowId> {
        let Known { key, backend, idle_ms, replies, owed } = *known;
        if self.index.contains_key(&key) || self.len() >= self.terms.flows_max {
            return None;
        }
        // A plan that no flow was judged by.
        let generation = self.terms.generation.wrapping_sub(1);
        let used_ms = now_ms.saturating_sub(idle_ms);
        let slot = self.slots.insert(Flow { key, backend, generation, used_ms, replies, owed, refused: false });
        self.index.insert(key, slot);
        self.owed += usize::from(owed);
        self.slots.at(slot).map(|(flow, _)| flow)
    }

    /// Takes a datagram of a client.
    pub fn client(&mut self, key: &Key, now_ms: u64, guide: &mut impl Guide) -> Course {
        let generation = self.terms.generation;
        match self.index.get(key).and_then(|&slot| self.slots.at(slot)) {
            None => self.open(key, now_ms, guide),
            Some((id, flow)) if flow.generation == generation && !flow.refused => self.spoken(id, now_ms),
            Some((id, _)) => self.judge(id, key, now_ms, guide),
        }
    }

    fn open(&mut self, key: &Key, now_ms: u64, guide: &mut impl Guide) -> Course {
        if self.len() >= self.terms.flows_max {
            return Course::Drop(Cause::FlowLimit);
        }
        let backend = match guide.choose(key, None) {
            Ok(backend) => backend,
            Err(cause) => return Course::Drop(cause),
        };
        let generation = self.terms.generation;
        let flow = Flow { key: *key, backend, generation, used_ms: now_ms, replies: 0, owed: true, refused: false };
        let slot = self.slots.insert(flow);
        self.index.insert(*key, slot);
        self.owed += 1;
        let (id, _) = self.slots.at(slot).expect("it was just made");
        Course::Open(id, backend)
    }

    /// A datagram of a flow whose backend may be the wrong one by now.
    fn judge(&mut self, id: FlowId, key: &Key, now_ms: u64, guide: &mut impl Guide) -> Course {
        let generation = self.terms.generation;
        let Some(flow) = self.slots.get_mut(id) else { return Course::Drop(Cause::Internal) };
        let keeps = guide.keeps(flow.backend);
        if keeps && !flow.refused {
            flow.generation = generation;
            return self.spoken(id, now_ms);
        }
        match guide.choose(key, Some(flow.backend)) {
            Ok(to) if to != flow.backend => {
                (flow.backend, flow.generation, flow.replies, flow.refused) = (to, generation, 0, false);
                self.slots.take_turn(id.slot);
                let moved = self.slots.at(id.slot).map_or(id, |(moved, _)| moved);
                self.spoken(moved, now_ms);
                Course::Move(moved, to)
            }
            // It has refused, but there is no other: it may be back.
            Ok(_) | Err(_) if keeps => {
                (flow.generation, flow.refused) = (generation, false);
                self.spoken(id, now_ms)
            }
            Ok(_) => Course::Drop(Cause::NoBackend),
            Err(cause) => Course::Drop(cause),
        }
    }

    fn spoken(&mut self, id: FlowId, now_ms: u64) -> Course {
        self.slots.touch(id.slot, now_ms);
        if let Some(flow) = self.slots.get_mut(id).filter(|flow| !flow.owed) {
            flow.owed = true;
            self.owed += 1;
        }
        Course::Forward(id)
    }

    /// Takes so many datagrams of the backend of a flow. None of them goes anywhere if the flow is
    /// gone or has moved.
    pub fn replies(&mut self, id: FlowId, count: usize, now_ms: u64) -> Replies {
        let replies_max = u32::from(self.terms.replies_max);
        let Some(flow) = self.slots.get_mut(id) else { return Replies { count: 0, ends: false } };
        if std::mem::take(&mut flow.owed) {
            self.owed -= 1;
        }
        let come = u32::try_from(count).unwrap_or(u32::MAX);
        // The limit may have been set while the flow was beyond it.
        let left = if replies_max == 0 { come } else { replies_max.saturating_sub(flow.replies) };
        flow.replies = flow.replies.saturating_add(come);
        self.slots.touch(id.slot, now_ms);
        if replies_max == 0 || come < left {
            return Replies { count, ends: false };
        }
        self.close(id);
        Replies { count: left as usize, ends: true }
    }

    /// The host of a flow's backend said that nobody listens there: the client's next datagram
    /// goes to another, if there is one. False if the flow is gone or has moved.
    pub fn refused(&mut self, id: FlowId) -> bool {
        let flow = self.slots.get_mut(id);
        flow.map(|flow| flow.refused = true).is_some()
    }

    /// Closes a flow. False if it is gone or has moved.
    pub fn close(&mut self, id: FlowId) -> bool {
        let Some(&Flow { key, owed, .. }) = self.slots.get(id) else { return false };
        self.slots.remove(id.slot);
        self.index.remove(&key);
        self.owed -= usize::from(owed);
        if self.index.is_empty() {
            // After a flood the memory goes back.
            self.index.shrink_to(INDEX_KEPT_MAX);
        }
        true
    }

    /// Closes the flow that was silent for longest, if that is the idle timeout by now. To be
    /// called until there is none.
    pub fn expire(&mut self, now_ms: u64) -> Option<FlowId> {
        let due_ms = self.next_due_ms()?;
        if now_ms < due_ms {
            return None;
        }
        self.close_oldest()
    }

    /// When the next flow is to be closed for its silence.
    pub fn next_due_ms(&self) -> Option<u64> {
        let (_, flow) = self.slots.oldest()?;
        Some(flow.used_ms.saturating_add(self.terms.idle_timeout_ms.into()))
    }

    /// Closes the flow that was silent for longest, however short that was.
    pub fn close_oldest(&mut self) -> Option<FlowId> {
        let (slot, _) = self.slots.oldest()?;
        let (id, _) = self.slots.at(slot)?;
        self.close(id).then_some(id)
    }
}

/// Keys that the index keeps room for when it is empty.
const INDEX_KEPT_MAX: usize = 64;
