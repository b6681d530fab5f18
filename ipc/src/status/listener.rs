//! Listeners and their routes: what they are set to and what they have counted.
//!
//! Counters are sums over the workers of the daemon; rates are the reader's to make. Part of
//! [`Status`](super::Status).

use serde::{Deserialize, Serialize};

use super::{LatencyWindows, TlsCounters};
use crate::cause::Cause;
use crate::model::{Bind, Listener, Persistence, Protocol, Route, Share};
use crate::name::Name;
use crate::persistence::PersistenceCounters;

/// A listener and what it has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Its name.
    pub name: Name,
    /// Where it accepts: the real port when the configured one is 0.
    pub bind: Bind,
    /// What it speaks.
    pub protocol: Protocol,
    /// The group that receives the traffic, or what no route takes.
    pub group: Option<Name>,
    /// Its persistence.
    pub persistence: Persistence,
    /// What it has counted.
    pub counters: ListenerCounters,
    /// Its access list with what each entry has decided, in the order of the configuration.
    pub access: Vec<RuleHits>,
    /// `source` persistence: its table; absent with other persistence.
    pub remembered: Option<SourceCounters>,
    /// `http`, `https`: its routes by name, and last, without a name, what none of them takes; empty
    /// for a listener without routes.
    pub routes: Vec<RouteStatus>,
    /// Connections that were let in without counting for their address, because the table for the
    /// limits per address was full of others that are busy.
    pub untracked_total: u64,
    /// `http`: time to the first byte of responses.
    pub latency: LatencyWindows,
}

impl ListenerStatus {
    /// What the settings say, before anything was counted.
    pub fn of(name: Name, settings: &Listener) -> Self {
        Self {
            name,
            bind: settings.bind.clone(),
            protocol: settings.protocol,
            group: settings.group.clone(),
            persistence: settings.persistence.clone(),
            counters: ListenerCounters::default(),
            access: Vec::new(),
            remembered: None,
            routes: Vec::new(),
            untracked_total: 0,
            latency: LatencyWindows::default(),
        }
    }

    /// The word for its group on screens.
    pub fn group_word(&self) -> &str {
        self.group.as_ref().map_or("-", Name::as_str)
    }
}

/// A route and what it has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// Its name; none for what stands for the listener itself.
    pub name: Option<Name>,
    /// The groups that its requests go to; none for a redirect.
    pub groups: Vec<Name>,
    /// Whether it sends clients elsewhere.
    pub redirects: bool,
    /// What it has counted.
    pub counters: RouteCounters,
    /// Time to the first byte of responses.
    pub latency: LatencyWindows,
    /// What it takes and where that goes, as configured; of what stands for the listener itself only
    /// the redirect.
    pub settings: Route,
}

impl RouteStatus {
    /// The word for it on screens.
    pub fn word(&self) -> &str {
        self.name.as_ref().map_or("-", Name::as_str)
    }

    /// What it takes, in few words: `shop.example.com /api/* GET X-Canary: yes`.
    pub fn takes(&self) -> String {
        let Route { hosts, path, path_prefix, path_regex, methods, headers, .. } = &self.settings;
        let list = |texts: &mut dyn Iterator<Item = String>| texts.collect::<Vec<_>>().join(",");
        let mut words = vec![list(&mut hosts.iter().map(ToString::to_string))];
        words.extend(path.clone());
        words.extend(path_prefix.as_ref().map(|prefix| format!("{}/*", prefix.trim_end_matches('/'))));
        words.extend(path_regex.as_ref().map(|regex| format!("~{regex}")));
        words.push(list(&mut methods.iter().map(ToString::to_string)));
        words.extend(headers.iter().map(ToString::to_string));
        words.retain(|word| !word.is_empty());
        match (self.name.is_some(), words.is_empty()) {
            (false, _) => "all else".to_owned(),
            (true, true) => "everything".to_owned(),
            (true, false) => words.join(" "),
        }
    }

    /// Where it leads, in few words: a group, the parts of a split, or where clients are sent.
    pub fn leads(&self) -> String {
        let Route { split, redirect, .. } = &self.settings;
        if redirect.is_on() {
            return redirect.words();
        }
        let whole = split.iter().map(|share| u32::from(share.weight)).sum::<u32>().max(1);
        let part = |share: &Share| format!("{} {}%", share.group, u32::from(share.weight) * 100 / whole);
        match (&split[..], &self.groups[..]) {
            ([], []) => "nowhere: 404".to_owned(),
            ([], groups) => groups.iter().map(Name::as_str).collect::<Vec<_>>().join(","),
            (split, _) => split.iter().map(part).collect::<Vec<_>>().join(" "),
        }
    }
}

/// Counters of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCounters {
    /// Requests that it took.
    pub requests_total: u64,
    /// Bytes from clients.
    pub bytes_in_total: u64,
    /// Bytes to clients.
    pub bytes_out_total: u64,
    /// Responses of backends passed on, by class, 1xx to 5xx.
    pub responses_total: [u64; 5],
    /// Requests that ended badly, by cause; causes that never occurred are absent.
    pub causes: Vec<(Cause, u64)>,
    /// What cookie persistence has counted.
    pub persistence: PersistenceCounters,
    /// Requests under way, open tunnels included.
    #[serde(default)]
    pub inflight: u64,
}

/// An entry of an access list with what it has decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleHits {
    /// The network and its comment, as configured.
    pub rule: String,
    /// Whether it lets in.
    pub allow: bool,
    /// Clients that it let in or kept out.
    pub hits_total: u64,
}

/// What the table of source persistence holds and has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCounters {
    /// Clients that it remembers, those included whose time is over and that nobody missed yet.
    pub entries: u64,
    /// Clients that were remembered when they came.
    pub hits_total: u64,
    /// Clients that were not.
    pub misses_total: u64,
    /// Entries that ended because nobody used them for the timeout.
    pub expired_total: u64,
    /// Entries given up before their time because the table was full.
    pub evicted_total: u64,
    /// Clients that were moved because their backend could not be used.
    pub redispatched_total: u64,
    /// Clients that were refused because their backend could not be used.
    pub refused_total: u64,
}

/// Counters of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerCounters {
    /// Connections accepted.
    pub connections_total: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// `http`: requests read.
    pub requests_total: u64,
    /// Bytes from clients.
    pub bytes_in_total: u64,
    /// Bytes to clients.
    pub bytes_out_total: u64,
    /// Connections or requests that ended badly, by cause; causes that never occurred are absent.
    pub causes: Vec<(Cause, u64)>,
    /// `http`: responses of backends passed on, by class, 1xx to 5xx.
    pub responses_total: [u64; 5],
    /// `udp`: datagrams from clients.
    pub datagrams_in_total: u64,
    /// `udp`: datagrams to clients.
    pub datagrams_out_total: u64,
    /// `udp`: datagrams that went nowhere: no backend, no room, no bandwidth, or refused by the kernel.
    pub datagrams_dropped_total: u64,
    /// `udp`: times that a flow left a backend which could not be used for another.
    pub flows_moved_total: u64,
    /// `http`: lines of the access log that were lost, because they came faster than they could be
    /// written or could not be written at all.
    pub access_log_dropped_total: u64,
    /// `http`, `https`: what cookie persistence has counted.
    pub persistence: PersistenceCounters,
    /// `https`: handshakes.
    pub tls: TlsCounters,
}

impl ListenerCounters {
    /// Connections and requests that failed by the backend's or poised's doing: 5xx causes, and 5xx
    /// responses that a backend gave itself.
    pub fn errors_total(&self) -> u64 {
        let failed = self.causes.iter().filter(|(cause, _)| cause.status().is_some_and(|s| s >= 500));
        failed.map(|&(_, n)| n).sum::<u64>() + self.responses_total[4]
    }
}
