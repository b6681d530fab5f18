//! Identities as they are stored: one JSON object with names in it.
//!
//! The rules of who keeps which id are the rules' (`poise_core::plan::Identities`); this is only
//! their form on the disk. The start reads it, every commit writes it.

use std::collections::BTreeMap;

use poise_core::plan::{BackendId, Identities, ListenerId};
use poise_ipc::{BackendPath, Name};
use serde::{Deserialize, Serialize};

/// What stands on the disk. Fields are only ever added.
#[derive(Serialize, Deserialize)]
struct Stored {
    next: u64,
    listeners: BTreeMap<Name, u64>,
    backends: BTreeMap<String, u64>,
}

/// The text of identities.
pub(super) fn print(identities: &Identities) -> String {
    let stored = Stored {
        next: identities.next,
        listeners: identities.listeners.iter().map(|(name, id)| (name.clone(), id.0)).collect(),
        backends: identities.backends.iter().map(|(path, id)| (path.to_string(), id.0)).collect(),
    };
    serde_json::to_string(&stored).expect("a map of names to numbers is always JSON")
}

/// The identities of a text; `None` when it is none of ours.
pub(super) fn parse(text: &str) -> Option<Identities> {
    let stored: Stored = serde_json::from_str(text).ok()?;
    let backends =
        stored.backends.into_iter().map(|(path, id)| Some((path.parse::<BackendPath>().ok()?, BackendId(id))));
    Some(Identities {
        next: stored.next,
        listeners: stored.listeners.into_iter().map(|(name, id)| (name, ListenerId(id))).collect(),
        backends: backends.collect::<Option<_>>()?,
    })
}
