//! What the host names of backends stand for: the last good address of each, kept fresh.
//!
//! An address stays in use while it is still among the answers, so an order that changes moves
//! nothing; when nobody answers, the last good one stays. It looks nothing up itself (`resolve`):
//! reconcile asks it what is due and hands it the answers.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use poise_core::plan::{BackendId, Identities};
use poise_ipc::advice::{self, Finding};
use poise_ipc::model::{Address, Backend};
use poise_ipc::{BackendPath, Config};

use crate::store::NameRow;

/// Time between two look-ups of a name, in milliseconds, less or more by up to a tenth.
pub(super) const REFRESH_MS: u64 = 30_000;

/// The names of a configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    known: BTreeMap<String, Known>,
    /// Moves the times of look-ups, so that many daemons do not ask at once.
    seed: u64,
}

/// What is known of a name.
#[derive(Clone, Debug, Default)]
struct Known {
    current: Option<IpAddr>,
    /// When it is to be looked up again, in milliseconds since the epoch.
    due_ms: u64,
    /// Look-ups so far.
    rounds: u64,
    /// Whether a look-up is under way.
    asked: bool,
    /// Why the last look-up failed.
    failing: Option<String>,
}

/// What an answer brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The name leads somewhere else now: from, to.
    Moved(Option<IpAddr>, IpAddr),
    /// Look-ups begin to fail, for this reason.
    Fails(String),
    /// Look-ups no longer fail, and the address is the same.
    Answers,
    /// Nothing that anybody needs to know.
    None,
}

impl Names {
    /// With the addresses that were good when the daemon last ran, all due at once.
    pub(super) fn new(seed: &str, rows: Vec<NameRow>) -> Self {
        let known = rows.into_iter().map(|row| {
            let known = Known { current: Some(row.address), ..Known::default() };
            (row.host, known)
        });
        Self { known: known.collect(), seed: hash(&seed) }
    }

    /// The names of a configuration that have no address yet.
    pub(super) fn missing(&self, config: &Config) -> Vec<String> {
        let mut missing: Vec<_> = named(config).map(|(_, host)| host.to_owned()).collect();
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|host| self.address(host).is_none());
        missing
    }

    /// Follows a configuration: names that it does not hold are forgotten, new ones are due.
    pub(super) fn follow(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.known);
        for (_, host) in named(config) {
            if !self.known.contains_key(host) {
                self.known.insert(host.to_owned(), before.remove(host).unwrap_or_default());
            }
        }
    }

    /// Takes the answer to a look-up. Answers to names that are not followed count for nothing.
    pub(super) fn answer(&mut self, host: &str, answer: Result<Vec<IpAddr>, String>, now_ms: u64) -> Change {
        let Some(known) = self.known.get_mut(host) else { return Change::None };
        known.asked = false;
        known.rounds += 1;
        known.due_ms =
            now_ms + REFRESH_MS - REFRESH_MS / 10 + hash(&(self.seed, host, known.rounds)) % (REFRESH_MS / 5);
        match answer {
            Err(reason) => {
                let began = known.failing.replace(reason.clone()).is_none();
                if began { Change::Fails(reason) } else { Change::None }
            }
            Ok(found) => {
                let failed = known.failing.take().is_some();
                let kept = known.current.filter(|current| found.contains(current));
                match kept.or_else(|| found.first().copied()) {
                    Some(address) if known.current != Some(address) => {
                        Change::Moved(known.current.replace(address), address)
                    }
                    _ if failed => Change::Answers,
                    _ => Change::None,
                }
            }
        }
    }

    /// At most so many names that are due; they count as asked until their answer comes.
    pub(super) fn due(&mut self, now_ms: u64, count_max: usize) -> Vec<String> {
        let due = self.known.iter_mut().filter(|(_, known)| !known.asked && known.due_ms <= now_ms).take(count_max);
        due.map(|(host, known)| {
            known.asked = true;
            host.clone()
        })
        .collect()
    }

    /// Where a name leads.
    pub(super) fn address(&self, host: &str) -> Option<IpAddr> {
        self.known.get(host)?.current
    }

    /// Where the named backends of a configuration are.
    pub(super) fn resolved(&self, config: &Config, identities: &Identities) -> HashMap<BackendId, SocketAddr> {
        let found = identities.backends.iter().filter_map(|(path, &id)| {
            let Address::Name { host, port } = &backend(config, path)?.address else { return None };
            Some((id, SocketAddr::new(self.address(host)?, *port)))
        });
        found.collect()
    }

    /// Advice on names that nobody answers for.
    pub(super) fn findings(&self, config: &Config) -> Vec<Finding> {
        let failing = named(config).filter_map(|(path, host)| {
            let known = self.known.get(host)?;
            Some(advice::unresolved(&path, host, known.current, known.failing.as_ref()?))
        });
        failing.collect()
    }

    /// What the store keeps.
    pub(super) fn rows(&self) -> Vec<NameRow> {
        let rows = self.known.iter().filter_map(|(host, known)| {
            let address = known.current?;
            Some(NameRow { host: host.clone(), address })
        });
        rows.collect()
    }
}

/// The backends of a configuration that have a name, with it.
pub(super) fn named(config: &Config) -> impl Iterator<Item = (BackendPath, &str)> {
    let backends = config.groups.iter().flat_map(|(group, settings)| {
        settings.backends.iter().map(move |(name, backend)| (BackendPath::new(group.clone(), name.clone()), backend))
    });
    backends.filter_map(|(path, backend)| match &backend.address {
        Address::Name { host, .. } => Some((path, host.as_str())),
        Address::Ip(_) | Address::Unix(_) => None,
    })
}

fn backend<'c>(config: &'c Config, path: &BackendPath) -> Option<&'c Backend> {
    config.groups.get(&path.group)?.backends.get(&path.backend)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
