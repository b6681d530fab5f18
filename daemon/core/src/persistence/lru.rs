//! One shard of the source table: a map that knows what was not used for longest.
//!
//! A hash map finds a node, a doubly linked list through the nodes (by index) keeps the order of
//! use, so every operation takes constant time. It does not lock and knows neither a timeout nor a
//! bound: those are the table's.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;
use std::net::IpAddr;

use crate::plan::BackendId;

/// No node: the end of the list.
const NONE: u32 = u32::MAX;

/// A map from client to backend, ordered by last use.
#[derive(Debug)]
pub(super) struct Lru<S> {
    index: HashMap<IpAddr, u32, S>,
    nodes: Vec<Node>,
    /// How many clients go to each backend; those to which none goes are absent.
    held: HashMap<BackendId, u32, S>,
    newest: u32,
    oldest: u32,
}

/// A binding with its neighbours in the order of use.
#[derive(Clone, Copy, Debug)]
struct Node {
    client: IpAddr,
    backend: BackendId,
    used_ms: u64,
    newer: u32,
    older: u32,
}

impl<S: BuildHasher + Clone> Lru<S> {
    /// An empty map, for less than `u32::MAX` clients.
    pub(super) fn new(hasher: S) -> Self {
        let held = HashMap::with_hasher(hasher.clone());
        Self { index: HashMap::with_hasher(hasher), nodes: Vec::new(), held, newest: NONE, oldest: NONE }
    }

    /// Entries held.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The backend of a client and when it was last used.
    pub(super) fn get(&self, client: &IpAddr) -> Option<(BackendId, u64)> {
        let node = self.nodes[*self.index.get(client)? as usize];
        Some((node.backend, node.used_ms))
    }

    /// When the entry that was not used for longest was last used.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        self.nodes.get(self.oldest as usize).map(|node| node.used_ms)
    }

    /// All clients with their backends and when they were last used, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (IpAddr, BackendId, u64)> {
        self.nodes.iter().map(|node| (node.client, node.backend, node.used_ms))
    }

    /// The same from the one that was not used for longest to the one that was used last.
    pub(super) fn oldest_first(&self) -> impl Iterator<Item = (IpAddr, BackendId, u64)> {
        let nodes =
            std::iter::successors(self.nodes.get(self.oldest as usize), |node| self.nodes.get(node.newer as usize));
        nodes.map(|node| (node.client, node.backend, node.used_ms))
    }

    /// How many clients go to each backend, without those to which none goes.
    pub(super) fn held(&self) -> impl Iterator<Item = (BackendId, u32)> {
        self.held.iter().map(|(&backend, &count)| (backend, count))
    }

    /// Binds a client and makes it the newest.
    pub(super) fn put(&mut self, client: IpAddr, backend: BackendId, now_ms: u64) {
        if let Some(&at) = self.index.get(&client) {
            self.unlink(at);
            let node = &mut self.nodes[at as usize];
            let before = std::mem::replace(&mut node.backend, backend);
            node.used_ms = now_ms;
            if before != backend {
                self.release(before);
                self.hold(backend);
            }
            return self.link_newest(at);
        }
        let at = u32::try_from(self.nodes.len()).expect("the table's bound is below u32::MAX");
        self.nodes.push(Node { client, backend, used_ms: now_ms, newer: NONE, older: NONE });
        self.index.insert(client, at);
        self.hold(backend);
        self.link_newest(at);
    }

    /// Forgets a client. Returns its backend and when it was last used.
    pub(super) fn remove(&mut self, client: &IpAddr) -> Option<(BackendId, u64)> {
        let at = *self.index.get(client)?;
        let node = self.nodes[at as usize];
        self.take_out(at);
        Some((node.backend, node.used_ms))
    }

    /// Forgets the entry that was not used for longest.
    pub(super) fn drop_oldest(&mut self) {
        if self.oldest != NONE {
            self.take_out(self.oldest);
        }
    }

    /// Takes a node out; the last node moves into its place so that the nodes stay dense.
    fn take_out(&mut self, at: u32) {
        self.unlink(at);
        let gone = self.nodes.swap_remove(at as usize);
        self.index.remove(&gone.client);
        self.release(gone.backend);
        let Some(&moved) = self.nodes.get(at as usize) else { return };
        self.index.insert(moved.client, at);
        self.point(moved.newer, at, true);
        self.point(moved.older, at, false);
    }

    fn hold(&mut self, backend: BackendId) {
        *self.held.entry(backend).or_default() += 1;
    }

    fn release(&mut self, backend: BackendId) {
        if let Entry::Occupied(mut held) = self.held.entry(backend) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }

    fn unlink(&mut self, at: u32) {
        let node = self.nodes[at as usize];
        self.point(node.newer, node.older, true);
        self.point(node.older, node.newer, false);
    }

    fn link_newest(&mut self, at: u32) {
        let older = self.newest;
        self.nodes[at as usize].older = older;
        self.nodes[at as usize].newer = NONE;
        self.point(older, at, false);
        self.newest = at;
        if self.oldest == NONE {
            self.oldest = at;
        }
    }

    /// Makes `from` (or the end of the list, if there is no such node) point to `to`: as its older
    /// neighbour or as its newer one.
    fn point(&mut self, from: u32, to: u32, older: bool) {
        match (self.nodes.get_mut(from as usize), older) {
            (Some(node), true) => node.older = to,
            (Some(node), false) => node.newer = to,
            (None, true) => self.newest = to,
            (None, false) => self.oldest = to,
        }
    }
}

#[cfg(test)]
mod tests;
