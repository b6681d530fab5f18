//! Whether a configuration makes sense as a whole: what one setting alone cannot tell.
//!
//! Unknown groups, listeners that share an address, persistence that does not fit the protocol,
//! too many objects. Advice on what is valid is `advice`. Called by the reader for files, by `apply`
//! for edits, and by the daemon for what it loads.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use crate::fault::Fault;
use crate::limits::{BACKENDS_MAX, CONFIG_LEN_MAX, GROUPS_MAX, LISTENERS_MAX};
use crate::model::{Listener, Persistence, Protocol};
use crate::text::{Entry, Object, nearest, print};
use crate::{Config, Name};

#[cfg(test)]
mod tests;

/// Bytes that no printed backend, listener or group without its path exceeds.
const OBJECT_LEN_MAX: usize = 1_024;

/// Every fault of a configuration: values out of range, and what does not fit together.
pub fn validate(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, listener) in &config.listeners {
        settings(&mut faults, &format!("listeners.{name}"), listener);
    }
    for (name, group) in &config.groups {
        let path = format!("groups.{name}");
        settings(&mut faults, &path, group);
        for (name, backend) in &group.backends {
            settings(&mut faults, &format!("{path}.backends.{name}"), backend);
        }
    }
    let broken = faults.iter().map(|fault| fault.path.clone()).collect();
    faults.extend(whole(config, &broken));
    faults
}

fn settings<T: Object>(faults: &mut Vec<Fault>, path: &str, object: &T) {
    for entry in T::ENTRIES {
        for field in entry.fields() {
            if let Err(fault) = (field.check)(object, &field.kind) {
                let path = match entry {
                    Entry::Field(_) => format!("{path}.{}", field.key),
                    Entry::Section(section) => format!("{path}.{}.{}", section.key, field.key),
                };
                faults.push(Fault { path, ..fault });
            }
        }
    }
}

/// The faults of what does not fit together; nothing that hangs on a path in `broken` is judged.
pub(crate) fn whole(config: &Config, broken: &HashSet<String>) -> Vec<Fault> {
    let mut faults = counts(config);
    for (name, listener) in &config.listeners {
        let path = format!("listeners.{name}");
        let sound = |key: &str| !broken.contains(&path) && !broken.contains(&format!("{path}.{key}"));
        if sound("group") {
            faults.extend(group(config, &path, listener));
        }
        if sound("protocol") && sound("persistence") && sound("persistence.kind") {
            faults.extend(persistence(&path, listener));
        }
    }
    let sound = |name: &Name| !broken.contains(&format!("listeners.{name}.bind"));
    faults.extend(shared_addresses(config.listeners.iter().filter(|(name, _)| sound(name))));
    faults
}

fn counts(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut count = |path: String, found: usize, max: usize, what: &str| {
        if found > max {
            faults.push(Fault::new(path, format!("{found} {what}")).allowed(format!("up to {max}")));
        }
    };
    count("listeners".to_owned(), config.listeners.len(), LISTENERS_MAX, "listeners");
    count("groups".to_owned(), config.groups.len(), GROUPS_MAX, "groups");
    let mut bytes = OBJECT_LEN_MAX * (config.listeners.len() + config.groups.len());
    for (name, group) in &config.groups {
        count(format!("groups.{name}.backends"), group.backends.len(), BACKENDS_MAX, "backends");
        bytes += group.health_check.path.len() + OBJECT_LEN_MAX * group.backends.len();
    }
    // Printing is worth its time only where the text could be too long.
    if bytes > CONFIG_LEN_MAX {
        count("groups".to_owned(), print(config).len(), CONFIG_LEN_MAX, "bytes of configuration text");
    }
    faults
}

fn group(config: &Config, path: &str, listener: &Listener) -> Option<Fault> {
    if config.groups.contains_key(&listener.group) {
        return None;
    }
    let fault = Fault::new(format!("{path}.group"), format!("no group {}", listener.group));
    Some(match nearest(listener.group.as_str(), config.groups.keys().map(Name::as_str)) {
        Some(meant) => fault.hint(format!("did you mean {meant}?")),
        None => fault.hint(format!("add [groups.{}], or name another group", listener.group)),
    })
}

fn persistence(path: &str, listener: &Listener) -> Option<Fault> {
    let (found, hint) = match (listener.protocol, &listener.persistence) {
        (Protocol::Tcp, Persistence::CookieInsert { .. }) => ("cookie-insert", "use kind = \"source\""),
        (Protocol::Http, Persistence::Source { .. }) => ("source", "use kind = \"cookie-insert\""),
        _ => return None,
    };
    let message = format!("{found} does not work on a listener of protocol {}", listener.protocol);
    Some(Fault::new(format!("{path}.persistence.kind"), message).hint(hint))
}

/// Listeners whose addresses another one holds already, be it by listening on every address.
fn shared_addresses<'c>(listeners: impl Iterator<Item = (&'c Name, &'c Listener)>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut held: HashMap<u16, Vec<(&Name, SocketAddr)>> = HashMap::new();
    for (name, listener) in listeners.filter(|(_, listener)| listener.bind.port() != 0) {
        let others = held.entry(listener.bind.port()).or_default();
        if let Some((other, address)) = others.iter().find(|(_, address)| overlap(address.ip(), listener.bind.ip())) {
            let message = format!("{} overlaps {address} of listener {other}", listener.bind);
            let fault = Fault::new(format!("listeners.{name}.bind"), message);
            faults.push(fault.hint("give one of them another port"));
        }
        others.push((name, listener.bind));
    }
    faults
}

/// Whether listening on both at one port would collide; a listener on `[::]` takes IPv6 alone.
fn overlap(a: IpAddr, b: IpAddr) -> bool {
    a == b || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified()))
}
