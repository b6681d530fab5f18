//! Made configurations, edits and texts for property tests.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::SAMPLE;
use crate::edit::Edit;
use crate::limits;
use crate::model::{
    AcceptProxy, Access, Address, AdminState, Backend, Bandwidth, Bind, CheckMethod, CheckProtocol, CheckProxy,
    ClientAddress, CodeRange, Count, Drain, DrainEnd, FailOpen, ForwardedFor, Group, HealthCheck, Listener,
    ListenerLimits, Mode, Network, NetworkRule, Persistence, PersistenceKind, Protocol, ProxyMode, Redispatch,
    Scheduler,
};
use crate::text::print;
use crate::{Config, Name};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a test spells its names right")
}

fn a_name() -> impl Strategy<Value = Name> {
    "[A-Za-z0-9][A-Za-z0-9_-]{0,5}".prop_map(|text| name(&text))
}

fn an_address() -> impl Strategy<Value = SocketAddr> {
    let v4 = any::<[u8; 4]>().prop_map(|octets| Ipv4Addr::from(octets).into());
    let v6 = any::<[u8; 16]>().prop_map(|octets| Ipv6Addr::from(octets).into());
    (prop_oneof![v4, v6], 1..=u16::MAX).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn a_word<T: Copy + std::fmt::Debug + 'static>(words: &'static [(&'static str, T)]) -> impl Strategy<Value = T> {
    select(words).prop_map(|(_, value)| value)
}

fn a_backend_address() -> impl Strategy<Value = Address> {
    let name = ("[a-z][a-z0-9]{0,5}(\\.[a-z]{2,5})?", 1..=u16::MAX);
    prop_oneof![
        4 => an_address().prop_map(Address::Ip),
        1 => name.prop_map(|(host, port)| Address::Name { host, port }),
    ]
}

fn a_count() -> impl Strategy<Value = Option<Count>> {
    option::of((1..1_000_000_u32).prop_map(Count))
}

fn a_backend() -> impl Strategy<Value = Backend> {
    let drain = (limits::DRAIN_TIMEOUT_MS, a_word(DrainEnd::WORDS));
    let drain = drain.prop_map(|(timeout_ms, then)| Drain { timeout_ms, then });
    (a_backend_address(), limits::WEIGHT, a_word(AdminState::WORDS), any::<bool>(), a_count(), drain).prop_map(
        |(address, weight, state, backup, max_connections, drain)| Backend {
            address,
            weight,
            state,
            backup,
            max_connections,
            drain,
        },
    )
}

fn some_codes() -> impl Strategy<Value = Vec<CodeRange>> {
    vec((100..=599_u16, 0..150_u16), 1..4).prop_map(|mut starts| {
        starts.sort_unstable();
        let mut ranges: Vec<CodeRange> = Vec::new();
        for (low, more) in starts {
            let low = ranges.last().map_or(low, |last| low.max(last.high + 2));
            if low <= 599 {
                ranges.push(CodeRange { low, high: (low + more).min(599) });
            }
        }
        ranges
    })
}

fn a_health_check() -> impl Strategy<Value = HealthCheck> {
    let times = (limits::CHECK_INTERVAL_MS, limits::CHECK_TIMEOUT_MS);
    let thresholds = (limits::CHECK_THRESHOLD, limits::CHECK_THRESHOLD);
    let http =
        (a_word(CheckMethod::WORDS), "/[-a-z0-9_/.%?#&=]{0,9}", option::of("[a-z0-9][a-z0-9.-]{0,9}"), some_codes());
    let payloads =
        (option::of("[a-zA-Z0-9 #]{1,9}|hex:([0-9a-f]{2}){1,4}"), option::of("[A-Z]{1,3}"), a_word(CheckProxy::WORDS));
    let made = (a_word(CheckProtocol::WORDS), option::of(1..=u16::MAX), times, thresholds, http, payloads);
    made.prop_map(|(protocol, port, times, thresholds, (method, path, host, expect), (send, receive, proxy))| {
        HealthCheck {
            protocol,
            port,
            interval_ms: times.0,
            timeout_ms: times.1,
            rise: thresholds.0,
            fall: thresholds.1,
            method,
            path,
            host,
            expect,
            send,
            receive,
            proxy,
        }
    })
}

fn a_group() -> impl Strategy<Value = Group> {
    let check = prop_oneof![Just(HealthCheck::default()), a_health_check()];
    let words = (a_word(Scheduler::WORDS), a_word(FailOpen::WORDS));
    let waits = (option::of(limits::SLOW_START_MS), (0..=100_000_u32).prop_map(Count), limits::QUEUE_TIMEOUT_MS);
    (words, check, waits, btree_map(a_name(), a_backend(), 0..5)).prop_map(
        |((scheduler, fail_open), health_check, (slow_start_ms, queue_max, queue_timeout_ms), backends)| Group {
            scheduler,
            health_check,
            fail_open,
            slow_start_ms,
            queue_max,
            queue_timeout_ms,
            backends,
        },
    )
}

fn a_persistence(protocol: Protocol) -> impl Strategy<Value = Persistence> {
    let kind = match protocol {
        Protocol::Tcp | Protocol::Udp => PersistenceKind::Source,
        Protocol::Http => PersistenceKind::CookieInsert,
    };
    let kind = prop_oneof![Just(PersistenceKind::Off), Just(kind)];
    let cookie = "[a-zA-Z!#%&'*+^_`|~-][a-zA-Z0-9$]{0,9}";
    let prefixes = (limits::PREFIX_V4, limits::PREFIX_V6);
    let made = (kind, cookie, limits::PERSISTENCE_TIMEOUT_MS, prefixes, a_word(Redispatch::WORDS));
    made.prop_map(|(kind, cookie, timeout_ms, (prefix_v4, prefix_v6), redispatch)| Persistence {
        kind,
        timeout_ms,
        cookie,
        prefix_v4,
        prefix_v6,
        redispatch,
    })
}

fn some_networks() -> impl Strategy<Value = Vec<NetworkRule>> {
    let network = (an_address(), 0..=128_u8, "([a-z#][a-z ]{0,6}[a-z])?");
    vec(network, 0..4).prop_map(|networks| {
        let rule = |(address, prefix, comment): (SocketAddr, u8, String)| NetworkRule {
            network: Network::of(address.ip(), prefix),
            comment,
        };
        let rules: BTreeMap<_, _> = networks.into_iter().map(rule).map(|rule| (rule.network, rule)).collect();
        rules.into_values().collect()
    })
}

fn some_limits() -> impl Strategy<Value = ListenerLimits> {
    let bandwidth = || option::of((64_000..1_000_000_000_000_u64).prop_map(Bandwidth));
    (a_count(), a_count(), a_count(), bandwidth(), bandwidth()).prop_map(
        |(connections_max, source_connections_max, source_rate_max, bandwidth_in, bandwidth_out)| ListenerLimits {
            connections_max,
            source_connections_max,
            source_rate_max,
            bandwidth_in,
            bandwidth_out,
        },
    )
}

fn an_identity(protocol: Protocol) -> impl Strategy<Value = (ClientAddress, AcceptProxy)> {
    let proxied = (a_word(ProxyMode::WORDS), some_networks()).prop_map(|(mode, from)| {
        let mode = if from.is_empty() { ProxyMode::Off } else { mode };
        AcceptProxy { mode, from }
    });
    let proxied = proxied.prop_map(move |accept| if protocol.is_stream() { accept } else { AcceptProxy::default() });
    let address = a_word(ClientAddress::WORDS).prop_map(move |address| match (protocol, address) {
        (Protocol::Http, _) | (Protocol::Udp, ClientAddress::ProxyV1) => ClientAddress::Off,
        _ => address,
    });
    (address, proxied)
}

/// The members that hang on the protocol.
fn a_conduct(protocol: Protocol) -> impl Strategy<Value = Listener> {
    let access = (some_networks(), some_networks()).prop_map(|(allow, deny)| Access { allow, deny });
    let alive = (option::of(limits::KEEPALIVE_MS), option::of(limits::USER_TIMEOUT_MS));
    let made = (a_persistence(protocol), an_identity(protocol), access, alive, some_limits());
    made.prop_map(move |(persistence, (client_address, accept_proxy), access, alive, limits)| Listener {
        persistence,
        client_address,
        accept_proxy,
        access,
        keepalive_ms: alive.0,
        user_timeout_ms: alive.1,
        limits,
        ..Listener::new(SocketAddr::from(([0, 0, 0, 0], 0)), protocol, name("none"))
    })
}

fn a_listener(groups: Vec<Name>, port: u16) -> impl Strategy<Value = Listener> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(move |octets| Bind::Ip(SocketAddr::from((octets, port)))),
        any::<[u8; 16]>().prop_map(move |octets| Bind::Ip(SocketAddr::from((octets, port))))
    ];
    let conduct = a_word(Protocol::WORDS).prop_flat_map(a_conduct);
    let idle = prop_oneof![Just(60_000), Just(900_000), limits::IDLE_TIMEOUT_MS];
    let times = (idle, limits::CONNECT_TIMEOUT_MS, limits::RESPONSE_TIMEOUT_MS);
    let door = (address, any::<bool>(), (0..=0o777_u16).prop_map(Mode), limits::REPLIES);
    (door, conduct, select(groups), times, a_word(ForwardedFor::WORDS)).prop_map(
        |((bind, dual_stack, socket_mode, replies_max), conduct, group, times, forwarded_for)| Listener {
            bind,
            dual_stack,
            socket_mode,
            replies_max,
            group,
            idle_timeout_ms: times.0,
            connect_timeout_ms: times.1,
            response_timeout_ms: times.2,
            forwarded_for,
            ..conduct
        },
    )
}

/// A valid configuration.
pub(crate) fn a_config() -> impl Strategy<Value = Config> {
    let groups = btree_map(a_name(), a_group(), 1..4);
    groups.prop_flat_map(|groups| {
        let names: Vec<Name> = groups.keys().cloned().collect();
        // One port each: no two listeners can overlap.
        let listeners: Vec<_> = (1_000..1_003).map(|port| (a_name(), a_listener(names.clone(), port))).collect();
        let some =
            (listeners, 0..=3_usize).prop_map(|(all, count)| all.into_iter().take(count).collect::<BTreeMap<_, _>>());
        (Just(groups), some).prop_map(|(groups, listeners)| Config { listeners, groups })
    })
}

/// Text that is nearly a configuration: a valid one with a hole, a repetition or a foreign piece.
pub(crate) fn a_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,12}",
        select(&["=", "\"", "{", "}", "[", "]", "\n", ".", "ä", "1", "é\n"][..]).prop_map(str::to_owned)
    ];
    let base = prop_oneof![Just(SAMPLE.to_owned()), a_config().prop_map(|config| print(&config))];
    (base, any::<[u16; 2]>(), piece).prop_map(|(text, cuts, piece)| {
        let at = |cut: u16| text.floor_char_boundary(usize::from(cut) % (text.len() + 1));
        let (from, to) = (at(cuts[0]), at(cuts[1]));
        format!("{}{piece}{}", &text[..from], &text[to..])
    })
}

/// Edits that mostly touch what a configuration of [`SAMPLE`] has.
pub(crate) fn some_edits() -> impl Strategy<Value = Vec<Edit>> {
    let keys = [
        "listeners",
        "groups",
        "backends",
        "web",
        "app",
        "app-1",
        "weight",
        "health_check",
        "persistence",
        "kind",
        "protocol",
        "new",
        "",
        "ü",
    ];
    let path = vec(select(keys.to_vec()).prop_map(str::to_owned), 0..6).prop_map(|keys| keys.join("."));
    let known = select(
        &[
            "groups.app",
            "groups.app.backends.app-1",
            "groups.app.backends",
            "groups.app.backends.app-1.weight",
            "listeners.web",
            "listeners.web.persistence",
            "listeners.web.protocol",
            "groups.app.health_check.expect",
        ][..],
    );
    let path = prop_oneof![path, known.prop_map(str::to_owned)];
    let values = [
        "50",
        "\"2s\"",
        "2s",
        "{}",
        "{ address = \"10.0.0.1:8080\" }",
        "tcp",
        "off",
        "[",
        "\"",
        "{ kind = \"source\" }",
        "[204, \"5xx\"]",
    ];
    let value = prop_oneof![select(values.to_vec()).prop_map(str::to_owned), "\\PC{0,9}"];
    let edit = prop_oneof![
        3 => (path.clone(), value).prop_map(|(path, value)| Edit::set(path, value)),
        1 => path.prop_map(Edit::remove),
    ];
    vec(edit, 0..6)
}
