//! Entries of source persistence on the wire: what is looked for, and what a listener remembers.
//!
//! The verbs that carry them stand in `message`; which clients make one entry is the listener's
//! setting. Nothing here is about cookies: those are with the clients.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::Network;
use crate::name::{BackendPath, Name};

/// Which entries: those that meet everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryFilter {
    /// Only those of this listener.
    #[serde(default)]
    pub listener: Option<Name>,
    /// Only clients with any address of these, as in `10.0.0.7` or `10.0.0.0/8`.
    #[serde(default)]
    pub key: Option<Network>,
    /// Only those that go to this backend.
    #[serde(default)]
    pub backend: Option<BackendPath>,
}

impl EntryFilter {
    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A query for a page of entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryQuery {
    /// Which entries.
    #[serde(default)]
    pub filter: EntryFilter,
    /// How many, 1 to 1000.
    #[serde(default = "limit_default")]
    pub limit: u32,
    /// Where the page before ended.
    #[serde(default)]
    pub after: Option<EntryCursor>,
}

impl Default for EntryQuery {
    fn default() -> Self {
        Self { filter: EntryFilter::default(), limit: limit_default(), after: None }
    }
}

const fn limit_default() -> u32 {
    100
}

/// Where a page of entries ended; of use for the next query only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryCursor {
    /// The listener of its last entry.
    pub listener: Name,
    /// The client of that entry.
    pub client: IpAddr,
}

/// A page of entries. Listeners come by name; the order within one is the daemon's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPage {
    /// The entries.
    pub rows: Vec<EntryRow>,
    /// Where the next page begins; absent on the last one.
    pub more: Option<EntryCursor>,
    /// How many there are on all pages; told on the first one.
    pub total: Option<u64>,
}

/// An entry to remove, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRemoval {
    /// Which entries. Without any condition `all` has to be set.
    #[serde(default)]
    pub filter: EntryFilter,
    /// That everything is meant.
    #[serde(default)]
    pub all: bool,
}

/// A client that a listener remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRow {
    /// The listener.
    pub listener: Name,
    /// The address of the client, or its network where the listener's prefix makes one of many.
    pub key: Network,
    /// The listener's group.
    pub group: Name,
    /// The backend that the client goes to; absent when it has left the group, and the client
    /// will be scheduled anew.
    pub backend: Option<Name>,
    /// Time since its last use, in milliseconds.
    pub idle_ms: u64,
    /// Time that is left to it unless it is used, in milliseconds.
    pub remaining_ms: u64,
}
