//! Identities: internal ids given to listeners and backends when they are added.
//!
//! Counters, health and persistence follow the identity, never a name, an address or a weight.
//! Ids are never given twice, so a name that is removed and added again is a newcomer; one that
//! goes while another comes to its address in the same change is renamed. Control
//! keeps the identities in its store and hands them to [`compile`](super::compile()).

use std::collections::BTreeMap;

use poise_ipc::model::Group;
use poise_ipc::{BackendPath, Config, Name};

/// Identity of a backend: given when added, kept by every edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendId(pub u64);

/// Identity of a listener, likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u64);

/// What connections to the backends of a group go by when they are TLS. Given anew whenever that
/// changes, so what was opened under another stamp is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsStamp(pub u64);

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
    /// The same identities under the names that `after` gives to what `before` calls otherwise:
    /// a listener, backend or group that goes while exactly one comes to the same address. To be
    /// followed by [`Identities::follow`].
    #[must_use]
    pub fn renamed(&self, before: &Config, after: &Config) -> Self {
        let mut renamed = self.clone();
        for (from, to) in renames(&before.listeners, &after.listeners, |listener| listener.bind.to_string()) {
            if let Some(id) = renamed.listeners.remove(from) {
                renamed.listeners.insert(to.clone(), id);
            }
        }
        let addresses = |group: &Group| {
            let mut addresses: Vec<_> = group.backends.values().map(|backend| backend.address.to_string()).collect();
            addresses.sort_unstable();
            addresses.join(" ")
        };
        let same = before.groups.keys().filter(|name| after.groups.contains_key(*name)).map(|name| (name, name));
        for (from, to) in same.chain(renames(&before.groups, &after.groups, addresses)) {
            let (old, new) = (&before.groups[from].backends, &after.groups[to].backends);
            let stay = old.keys().filter(|name| from != to && new.contains_key(*name)).map(|name| (name, name));
            let moves: Vec<_> =
                renames(old, new, |backend| backend.address.to_string()).into_iter().chain(stay).collect();
            for (old, new) in moves {
                if let Some(id) = renamed.backends.remove(&BackendPath::new(from.clone(), old.clone())) {
                    renamed.backends.insert(BackendPath::new(to.clone(), new.clone()), id);
                }
            }
        }
        renamed
    }

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

/// Names of `before` that are gone, each with the only newcomer in `after` of the same place, where
/// no two that are gone had that place. An empty place is none.
fn renames<'c, T>(
    before: &'c BTreeMap<Name, T>,
    after: &'c BTreeMap<Name, T>,
    place: impl Fn(&T) -> String,
) -> Vec<(&'c Name, &'c Name)> {
    let only_in = |of: &'c BTreeMap<Name, T>, other: &BTreeMap<Name, T>| {
        let mut places: BTreeMap<String, Option<&'c Name>> = BTreeMap::new();
        for (name, object) in of.iter().filter(|(name, _)| !other.contains_key(*name)) {
            // Twice the same place: nobody can tell which is which.
            places.entry(place(object)).and_modify(|found| *found = None).or_insert(Some(name));
        }
        places.remove("");
        places
    };
    let (gone, come) = (only_in(before, after), only_in(after, before));
    let pairs = gone.into_iter().filter_map(|(place, from)| Some((from?, come.get(&place).copied()??)));
    pairs.collect()
}

#[cfg(test)]
mod tests;
