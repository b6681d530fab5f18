//! Advice on backends that are listeners of the same daemon: chains, and loops (S-59, L-06).
//!
//! A chain, from one listener through another to a backend, works and costs twice; a loop never
//! reaches a backend. Which addresses belong to the host is the [`Site`]'s to say: a file alone
//! knows of loopback only.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Finding, Severity};
use crate::model::{Address, Bind, Listener};
use crate::{Config, Name};

/// What is known of the host that a configuration is for.
pub struct Site<'a> {
    /// Where a listener really accepts, when the kernel chose its port.
    pub bind: &'a dyn Fn(&Name) -> Option<Bind>,
    /// Where a host name leads.
    pub address: &'a dyn Fn(&str) -> Option<IpAddr>,
    /// Whether an address is one of the host.
    pub is_local: &'a dyn Fn(IpAddr) -> bool,
}

impl Site<'_> {
    /// A host of which nothing is known but that it has a loopback.
    pub const UNKNOWN: Site<'static> = Site {
        bind: &|_| None,
        address: &|_| None,
        is_local: &|address| address.is_loopback() || address.is_unspecified(),
    };
}

/// Whether connections to `address` come to a socket that is bound to `bind`; `dual` when that one
/// takes IPv4 besides IPv6.
pub fn reaches(address: SocketAddr, bind: SocketAddr, dual: bool, is_local: impl Fn(IpAddr) -> bool) -> bool {
    // Who dials all addresses reaches loopback.
    let to = match address.ip().to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        to => to,
    };
    let at = bind.ip().to_canonical();
    let covered = at.is_unspecified() && (at.is_ipv4() == to.is_ipv4() || dual && at.is_ipv6());
    address.port() == bind.port() && (to == at || covered && is_local(to))
}

/// Adds what there is to say about backends that lead back to poised.
pub(super) fn judge(findings: &mut Vec<Finding>, config: &Config, site: &Site<'_>) {
    let map = Map::new(config, site);
    for (group, settings) in &config.groups {
        for (name, backend) in &settings.backends {
            for listener in map.reached(group, &backend.address) {
                let subject = format!("groups.{group}.backends.{name}.address");
                findings.push(map.finding(subject, &backend.address, group, listener));
            }
        }
    }
}

/// The listeners by where they accept, and who leads to whom.
struct Map<'a> {
    config: &'a Config,
    site: &'a Site<'a>,
    ports: HashMap<u16, Vec<(&'a Name, SocketAddr)>>,
    paths: HashMap<String, &'a Name>,
}

impl<'a> Map<'a> {
    fn new(config: &'a Config, site: &'a Site<'a>) -> Self {
        let mut map = Self { config, site, ports: HashMap::new(), paths: HashMap::new() };
        for (name, listener) in &config.listeners {
            match (site.bind)(name).unwrap_or_else(|| listener.bind.clone()) {
                Bind::Ip(address) => map.ports.entry(address.port()).or_default().push((name, address)),
                Bind::Unix(path) => drop(map.paths.insert(path, name)),
            }
        }
        map
    }

    /// The listeners that a backend of a group is.
    fn reached(&self, group: &Name, address: &Address) -> Vec<&'a Name> {
        let address = match address {
            Address::Ip(address) => *address,
            Address::Unix(path) => return self.paths.get(path).copied().into_iter().collect(),
            Address::Name { host, port } => match (self.site.address)(host) {
                Some(ip) => SocketAddr::new(ip, *port),
                None => return Vec::new(),
            },
        };
        let Some(here) = self.ports.get(&address.port()) else { return Vec::new() };
        let hit = |(name, bind): &&(&'a Name, SocketAddr)| {
            let listener = &self.config.listeners[*name];
            self.speaks(group, listener) && reaches(address, *bind, listener.dual_stack, self.site.is_local)
        };
        here.iter().filter(hit).map(|(name, _)| *name).collect()
    }

    /// Whether a group is spoken to as this listener is: streams do not come to datagrams.
    fn speaks(&self, group: &Name, to: &Listener) -> bool {
        let mut users = self.users(group).peekable();
        users.peek().is_none() || users.any(|(_, user)| user.protocol.is_stream() == to.protocol.is_stream())
    }

    fn users(&self, group: &Name) -> impl Iterator<Item = (&'a Name, &'a Listener)> {
        self.config.listeners.iter().filter(move |(_, listener)| listener.groups().any(|used| used == group))
    }

    /// Whether traffic of a listener comes to one that feeds this group. Ends: each listener is
    /// looked at once.
    fn leads_to(&self, from: &Name, group: &Name) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(name) = open.pop() {
            if !seen.insert(name) {
                continue;
            }
            let Some(listener) = self.config.listeners.get(name) else { continue };
            for (used, settings) in listener.groups().filter_map(|used| self.config.groups.get_key_value(used)) {
                if used == group {
                    return true;
                }
                open.extend(settings.backends.values().flat_map(|backend| self.reached(used, &backend.address)));
            }
        }
        false
    }

    fn finding(&self, subject: String, address: &Address, group: &Name, listener: &Name) -> Finding {
        if self.leads_to(listener, group) {
            let finding = Finding::new(Severity::Severe, "loop", subject);
            let message = format!("{address} is listeners.{listener} itself: its traffic would go round");
            return finding.says(message).remedy("give the address of the real backend");
        }
        let finding = Finding::new(Severity::Note, "chain", subject);
        let finding = finding.says(format!("{address} is listeners.{listener}: its traffic passes poised twice"));
        finding.remedy("give the address of the backends behind it, unless the chain is meant")
    }
}
