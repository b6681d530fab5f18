//! Identities: internal ids given to listeners and backends when they are added.
//!
//! Counters, health and persistence follow the identity, never a name, an address or a weight.
//! Ids are never given twice, so a name that is removed and added again is a newcomer. Control
//! keeps the identities in its store and hands them to [`compile`](super::compile()).

use std::collections::BTreeMap;

use poise_ipc::{BackendPath, Config, Name};

/// Identity of a backend: given when added, kept by every edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendId(pub u64);

/// Identity of a listener, likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u64);

/// The identities of everything in one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    /// Listeners by name.
    pub listeners: BTreeMap<Name, ListenerId>,
    /// Backends by group and name.
    pub backends: BTreeMap<BackendPath, BackendId>,
    /// The id that the next newcomer gets; above every id ever given.
    pub next: u64,
}

impl Identities {
    /// The identities of `config`: names that are known keep theirs, newcomers get fresh ones,
    /// and names that are gone are forgotten.
    #[must_use]
    pub fn follow(&self, config: &Config) -> Self {
        let mut next = self.next;
        let mut fresh = || {
            next += 1;
            next - 1
        };
        let listeners = config.listeners.keys().map(|name| {
            let id = self.listeners.get(name).copied().unwrap_or_else(|| ListenerId(fresh()));
            (name.clone(), id)
        });
        let listeners = listeners.collect();
        let paths = config.groups.iter().flat_map(|(group, settings)| {
            settings.backends.keys().map(|backend| BackendPath::new(group.clone(), backend.clone()))
        });
        let backends = paths.map(|path| {
            let id = self.backends.get(&path).copied().unwrap_or_else(|| BackendId(fresh()));
            (path, id)
        });
        Self { listeners, backends: backends.collect(), next }
    }
}

#[cfg(test)]
mod tests;
