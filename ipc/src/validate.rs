//! Whether a configuration makes sense as a whole: what one setting alone cannot tell.
//!
//! Unknown groups, listeners that share an address, persistence that does not fit the protocol,
//! too many objects. Advice on what is valid is `advice`. Called by the reader for files, by `apply`
//! for edits, and by the daemon for what it loads.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

pub use self::expressions::anchored;
use crate::fault::Fault;
use crate::limits::{BACKENDS_MAX, CERTIFICATES_MAX, CONFIG_LEN_MAX, GROUPS_MAX, LISTENERS_MAX, ROUTES_MAX};
use crate::model::{Address, Bind, ClientAddress, Listener, PersistenceKind, Protocol, ProxyMode};
use crate::text::routes::is_own_field;
use crate::text::{Entry, Object, nearest, print};
use crate::{Config, Name};

mod checks;
mod expressions;
mod routes;

#[cfg(test)]
mod tests;

/// Bytes that no printed backend, listener or group exceeds, but for its path, payloads and networks.
const OBJECT_LEN_MAX: usize = 2_048;
/// Bytes that no printed network with its comment exceeds.
const NETWORK_LEN_MAX: usize = 160;

/// Every fault of a configuration: values out of range, and what does not fit together.
pub fn validate(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, listener) in &config.listeners {
        let path = format!("listeners.{name}");
        settings(&mut faults, &path, listener);
        for (name, route) in &listener.routes {
            settings(&mut faults, &format!("{path}.routes.{name}"), route);
        }
    }
    for (name, certificate) in &config.certificates {
        settings(&mut faults, &format!("certificates.{name}"), certificate);
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
            let judged = sound("protocol") && sound("redirect") && sound("redirect.to");
            faults.extend(group(config, &path, listener).filter(|_| judged || listener.group.is_some()));
        }
        if sound("protocol") && sound("persistence") && sound("persistence.kind") {
            faults.extend(persistence(&path, listener));
        }
        if sound("protocol") && sound("tls") && sound("tls.certificates") {
            faults.extend(certificates(config, &path, listener));
        }
        if is_own_field(&listener.access_log.id_header) {
            let fault = Fault::new(format!("{path}.access_log.id_header"), "poised writes this field itself");
            faults.push(fault.hint("use another, as in X-Request-Id"));
        }
        if sound("protocol") {
            routes::judge(&mut faults, config, (&path, listener), broken);
        }
        if sound("protocol") && sound("bind") {
            faults.extend(unix_datagrams(config, &path, listener));
        }
        if sound("protocol") && sound("client_address") {
            faults.extend(client_address(&path, listener));
        }
        if sound("protocol") && sound("accept_proxy") && sound("accept_proxy.mode") && sound("accept_proxy.from") {
            faults.extend(accept_proxy(&path, listener));
        }
    }
    for (name, group) in &config.groups {
        checks::judge(&mut faults, &format!("groups.{name}"), group, broken);
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
    count("certificates".to_owned(), config.certificates.len(), CERTIFICATES_MAX, "certificates");
    let mut bytes = OBJECT_LEN_MAX * (config.listeners.len() + config.groups.len());
    for (name, group) in &config.groups {
        count(format!("groups.{name}.backends"), group.backends.len(), BACKENDS_MAX, "backends");
        bytes += checks::printed_max(&group.health_check) + OBJECT_LEN_MAX * group.backends.len();
    }
    for (name, listener) in &config.listeners {
        count(format!("listeners.{name}.routes"), listener.routes.len(), ROUTES_MAX, "routes");
        bytes += listener.routes.values().map(routes::printed_max).sum::<usize>();
    }
    bytes += OBJECT_LEN_MAX * config.certificates.len();
    let networks = |listener: &Listener| {
        let proxies = listener.accept_proxy.from.len() + listener.trusted.len();
        listener.access.allow.len() + listener.access.deny.len() + proxies
    };
    bytes += config.listeners.values().map(networks).sum::<usize>() * NETWORK_LEN_MAX;
    // Printing is worth its time only where the text could be too long.
    if bytes > CONFIG_LEN_MAX {
        count("groups".to_owned(), print(config).len(), CONFIG_LEN_MAX, "bytes of configuration text");
    }
    faults
}

fn group(config: &Config, path: &str, listener: &Listener) -> Option<Fault> {
    let path = format!("{path}.group");
    match &listener.group {
        Some(group) => unknown_group(config, path, group),
        None if !listener.protocol.is_http() => {
            let fault = Fault::new(path, format!("a listener of protocol {} needs this", listener.protocol));
            Some(fault.hint("name the group that receives the traffic"))
        }
        None if listener.routes.is_empty() && !listener.redirect.is_on() => {
            let fault = Fault::new(path, "a listener needs a group, routes or a redirect");
            Some(fault.hint("name the group that receives the traffic"))
        }
        None => None,
    }
}

/// The fault of a group at `path` that is not there.
fn unknown_group(config: &Config, path: String, group: &Name) -> Option<Fault> {
    if config.groups.contains_key(group) {
        return None;
    }
    let fault = Fault::new(path, format!("no group {group}"));
    Some(match nearest(group.as_str(), config.groups.keys().map(Name::as_str)) {
        Some(meant) => fault.hint(format!("did you mean {meant}?")),
        None => fault.hint(format!("add [groups.{group}], or name another group")),
    })
}

/// What an `https` listener needs.
fn certificates(config: &Config, path: &str, listener: &Listener) -> Option<Fault> {
    let path = format!("{path}.tls.certificates");
    if listener.protocol == Protocol::Https && listener.tls.certificates.is_empty() {
        let fault = Fault::new(path, "an https listener needs a certificate");
        return Some(fault.hint("add [certificates.NAME] with chain and key, and name it here"));
    }
    let gone = listener.tls.certificates.iter().find(|name| !config.certificates.contains_key(*name))?;
    let fault = Fault::new(path, format!("no certificate {gone}"));
    Some(match nearest(gone.as_str(), config.certificates.keys().map(Name::as_str)) {
        Some(meant) => fault.hint(format!("did you mean {meant}?")),
        None => fault.hint(format!("add [certificates.{gone}] with chain and key")),
    })
}

fn persistence(path: &str, listener: &Listener) -> Option<Fault> {
    let hint = match (listener.protocol.is_http(), listener.persistence.kind) {
        (false, PersistenceKind::CookieInsert | PersistenceKind::CookieRewrite) => "use kind = \"source\"",
        (true, PersistenceKind::Source) => "use kind = \"cookie-insert\"",
        (_, PersistenceKind::Inherit) => "only routes inherit; use kind = \"off\"",
        _ => return None,
    };
    let (kind, protocol) = (listener.persistence.kind, listener.protocol);
    let message = format!("{kind} does not work on a listener of protocol {protocol}");
    Some(Fault::new(format!("{path}.persistence.kind"), message).hint(hint))
}

/// Datagrams do not pass through Unix sockets here.
fn unix_datagrams(config: &Config, path: &str, listener: &Listener) -> Option<Fault> {
    if listener.protocol != Protocol::Udp {
        return None;
    }
    let fault = |key: &str, what: String| Fault::new(format!("{path}.{key}"), what);
    if let Bind::Unix(_) = listener.bind {
        return Some(fault("bind", "a udp listener on a Unix socket".to_owned()).hint("use an address and port"));
    }
    let (named, group) = config.group_of(listener)?;
    let (name, _) = group.backends.iter().find(|(_, backend)| matches!(backend.address, Address::Unix(_)))?;
    let what = format!("backend {name} of group {named} is a Unix socket, which takes no datagrams");
    Some(fault("group", what).hint("use another group"))
}

fn client_address(path: &str, listener: &Listener) -> Option<Fault> {
    let hint = match (listener.protocol, listener.client_address) {
        (
            Protocol::Http | Protocol::Https,
            ClientAddress::ProxyV1 | ClientAddress::ProxyV2 | ClientAddress::Transparent,
        ) => "http sends X-Forwarded-For: see forwarded_for",
        (Protocol::Udp, ClientAddress::ProxyV1) => "use proxy-v2: version 1 has no form for udp",
        _ => return None,
    };
    let message = format!("{} does not work on a listener of protocol {}", listener.client_address, listener.protocol);
    Some(Fault::new(format!("{path}.client_address"), message).hint(hint))
}

fn accept_proxy(path: &str, listener: &Listener) -> Option<Fault> {
    let fault = |key: &str, what: &str| Fault::new(format!("{path}.accept_proxy.{key}"), what);
    match listener.accept_proxy.mode {
        ProxyMode::Optional | ProxyMode::Required if !listener.protocol.is_stream() => {
            Some(fault("mode", "a udp listener reads no PROXY header").hint("use mode = \"off\""))
        }
        ProxyMode::Optional | ProxyMode::Required if listener.accept_proxy.from.is_empty() => Some(
            fault("from", "nobody would be believed")
                .hint("list the networks of the proxies in front, as in from = [\"10.0.0.0/8\"]"),
        ),
        ProxyMode::Off | ProxyMode::Optional | ProxyMode::Required => None,
    }
}

/// Listeners whose addresses another one holds already, be it by listening on every address.
fn shared_addresses<'c>(listeners: impl Iterator<Item = (&'c Name, &'c Listener)>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut held: HashMap<Place<'_>, Vec<(&Name, &Listener)>> = HashMap::new();
    for (name, listener) in listeners {
        let Some(place) = Place::of(listener) else { continue };
        let others = held.entry(place).or_default();
        if let Some((other, holder)) = others.iter().find(|(_, holder)| overlap(holder, listener)) {
            let message = format!("{} overlaps {} of listener {other}", listener.bind, holder.bind);
            let fault = Fault::new(format!("listeners.{name}.bind"), message);
            let hint = if listener.bind.ip().is_some() { "another port" } else { "another path" };
            faults.push(fault.hint(format!("give one of them {hint}")));
        }
        others.push((name, listener));
    }
    faults
}

/// What listeners of different addresses may still share.
#[derive(PartialEq, Eq, Hash)]
enum Place<'c> {
    Port { port: u16, stream: bool },
    Path(&'c str),
}

impl<'c> Place<'c> {
    /// Where a listener accepts, unless the kernel chooses.
    fn of(listener: &'c Listener) -> Option<Self> {
        match &listener.bind {
            Bind::Ip(address) if address.port() == 0 => None,
            Bind::Ip(address) => Some(Self::Port { port: address.port(), stream: listener.protocol.is_stream() }),
            Bind::Unix(path) => Some(Self::Path(path)),
        }
    }
}

/// Whether two listeners at one place would collide; one on `[::]` takes IPv6 alone unless it is
/// dual.
fn overlap(a: &Listener, b: &Listener) -> bool {
    let (Some(x), Some(y)) = (a.bind.ip(), b.bind.ip()) else { return true };
    let holds = |listener: &Listener, of: SocketAddr, other: SocketAddr| {
        of.ip().is_unspecified() && (of.is_ipv4() == other.is_ipv4() || of.is_ipv6() && listener.dual_stack)
    };
    x.ip() == y.ip() || holds(a, x, y) || holds(b, y, x)
}
