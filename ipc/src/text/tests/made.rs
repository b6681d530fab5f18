//! Made configurations, edits and texts for property tests.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::SAMPLE;
use super::judged::{a_damping, a_fail_open, a_health_check, a_passive, an_amount};
use crate::edit::Edit;
use crate::limits;
use crate::model::{
    AcceptProxy, Access, AccessLog, Address, AdminState, Backend, BackendProtocol, BackendTls, BackendTlsMode,
    Bandwidth, Bind, ByteSize, Certificate, ClientAddress, CookieSecure, Count, Drain, DrainEnd, ForwardedFor, Group,
    Http2, Listener, ListenerLimits, ListenerTls, LogFormat, Mode, Network, NetworkRule, Persistence, PersistenceKind,
    Protocol, ProxyMode, Redirect, RedirectStatus, RedirectTo, Redispatch, Route, SameSite, Scheduler, TlsVersion,
    UnknownName,
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

pub(super) fn a_word<T: Copy + std::fmt::Debug + 'static>(
    words: &'static [(&'static str, T)],
) -> impl Strategy<Value = T> {
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

fn a_group() -> impl Strategy<Value = Group> {
    let check = prop_oneof![Just(Group::default().health_check), a_health_check()];
    let words = (a_word(Scheduler::WORDS), a_fail_open());
    let waits = (option::of(limits::SLOW_START_MS), (0..=100_000_u32).prop_map(Count), limits::QUEUE_TIMEOUT_MS);
    let speech = (a_word(BackendProtocol::WORDS), a_word(BackendTlsMode::WORDS), option::of(a_file()));
    let judged = (an_amount(), a_damping(), a_passive());
    let speech = (speech, option::of(a_host())).prop_map(|((protocol, mode, ca), name)| (protocol, mode, ca, name));
    (words, check, waits, btree_map(a_name(), a_backend(), 0..5), speech, judged).prop_map(
        |(
            (scheduler, fail_open),
            health_check,
            (slow_start_ms, queue_max, queue_timeout_ms),
            backends,
            speech,
            judged,
        )| {
            let (backend_protocol, mode, ca, name) = speech;
            let (min_usable, damping, passive) = judged;
            Group {
                scheduler,
                health_check,
                fail_open,
                slow_start_ms,
                queue_max,
                queue_timeout_ms,
                backends,
                backend_protocol,
                tls: BackendTls { mode, ca, name },
                min_usable,
                damping,
                passive,
            }
        },
    )
}

fn a_file() -> impl Strategy<Value = String> {
    "/[a-z]{1,4}(/[a-z0-9 .-]{0,5}[a-z])?"
}

fn a_host() -> impl Strategy<Value = String> {
    // The word that takes a setting away names no host.
    "[a-z][a-z0-9]{0,5}(\\.[a-z]{2,5}){0,2}".prop_filter("a name", |host| host != "off")
}

fn a_path() -> impl Strategy<Value = String> {
    "/[a-zA-Z0-9%.~_/-]{0,9}"
}

fn a_persistence(kinds: &'static [PersistenceKind]) -> impl Strategy<Value = Persistence> {
    let kind = select(kinds);
    let times = (option::of(limits::PERSISTENCE_TIMEOUT_MS), option::of(limits::PERSISTENCE_TIMEOUT_MS));
    let scope = (a_path(), option::of(a_host()), a_word(CookieSecure::WORDS), a_word(SameSite::WORDS));
    let flags = (any::<bool>(), any::<bool>());
    let cookie = "[a-zA-Z!#%&'*+^_`|~-][a-zA-Z0-9$]{0,9}";
    let prefixes = (limits::PREFIX_V4, limits::PREFIX_V6);
    let made = (kind, cookie, limits::PERSISTENCE_TIMEOUT_MS, prefixes, a_word(Redispatch::WORDS));
    (made, times, scope, flags).prop_map(
        |((kind, cookie, timeout_ms, (prefix_v4, prefix_v6), redispatch), (idle_ms, life_ms), scope, flags)| {
            let (path, domain, secure, same_site) = scope;
            let (http_only, cache_guard) = flags;
            Persistence {
                kind,
                timeout_ms,
                cookie,
                prefix_v4,
                prefix_v6,
                redispatch,
                idle_ms,
                life_ms,
                path,
                domain,
                secure,
                http_only,
                same_site,
                cache_guard,
            }
        },
    )
}

fn a_redirect(to: impl Strategy<Value = RedirectTo>) -> impl Strategy<Value = Redirect> {
    let status = select(&limits::REDIRECT_STATUS[..]).prop_map(RedirectStatus);
    let made =
        (to, status, option::of(a_host()), option::of(1..=u16::MAX), option::of("/[a-z/]{0,6}(\\?[a-z=&]{1,4})?"));
    made.prop_map(|(to, status, host, port, path)| Redirect { to, status, host, port, path })
}

/// Items of a list by their texts, without those that clash.
fn some<T>(text: &'static str) -> impl Strategy<Value = Vec<T>>
where
    T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug,
{
    // Of one item: whether two clash is tested by hand.
    vec(text, 0..2).prop_map(|texts| texts.iter().map(|text| text.parse().expect("a test's item")).collect())
}

fn a_route(groups: Vec<Name>) -> impl Strategy<Value = Route> {
    let paths = prop_oneof![
        Just((None, None, None)),
        a_path().prop_map(|path| (Some(path), None, None)),
        a_path().prop_map(|path| (None, Some(path), None)),
        r#"/[a-z]{1,4}\\\.\\d\+"?"#.prop_map(|path| (None, None, Some(path))),
    ];
    let to = prop_oneof![
        select(groups.clone()).prop_map(|group| (Some(group), Vec::new(), Redirect::default())),
        (select(groups), limits::SHARE_WEIGHT).prop_map(|(group, weight)| {
            let share = crate::model::Share { group, weight };
            (None, vec![share], Redirect::default())
        }),
        a_redirect(select(&[RedirectTo::Https, RedirectTo::Http, RedirectTo::Same][..])).prop_map(|redirect| (
            None,
            Vec::new(),
            redirect
        )),
    ];
    let asked =
        (some("(\\*\\.)?[a-z]{1,5}\\.[a-z]{2}"), some("[A-Z]{3,6}"), some("X-[A-Z][a-z]{0,3}(: [ -~]{0,4}[!-~])?"));
    let edit = "(set|add) X-[A-Z]{1,3}: [!-~]([ -~]{0,4}[!-~])?|remove X-[a-z]{1,3}";
    let kinds = &[PersistenceKind::Inherit, PersistenceKind::Off, PersistenceKind::CookieRewrite];
    let rest = (limits::ROUTE_PRIORITY, option::of(limits::RESPONSE_TIMEOUT_MS), a_persistence(kinds));
    (paths, to, asked, (some(edit), some(edit)), rest).prop_map(
        |((path, path_prefix, path_regex), (group, split, redirect), (hosts, methods, headers), edits, rest)| Route {
            hosts,
            path,
            path_prefix,
            path_regex,
            methods,
            headers,
            priority: rest.0,
            group,
            split,
            redirect,
            persistence: rest.2,
            response_timeout_ms: rest.1,
            request_headers: edits.0,
            response_headers: edits.1,
        },
    )
}

/// What only `http` and `https` have, and what `https` needs.
fn an_edge(protocol: Protocol, groups: Vec<Name>) -> impl Strategy<Value = Listener> {
    let tls = (a_word(UnknownName::WORDS), a_word(TlsVersion::WORDS), limits::HANDSHAKE_TIMEOUT_MS);
    let log = (a_word(LogFormat::WORDS), option::of(a_file()), "X-[A-Z][a-z]{0,5}");
    let log = log.prop_map(|(format, path, id_header)| AccessLog { format, path, id_header });
    let words = (a_word(Http2::WORDS), a_word(ForwardedFor::WORDS), any::<[bool; 2]>(), limits::HEAD_TIMEOUT_MS);
    let routes = btree_map(a_name(), a_route(groups), if protocol.is_http() { 0..3 } else { 0..1 });
    let to: &[RedirectTo] = if protocol.is_http() { &[RedirectTo::Off, RedirectTo::Https] } else { &[RedirectTo::Off] };
    let replies = some("(no-route|denied) /[a-z]{1,5}");
    (tls, log, words, some_networks(), routes, a_redirect(select(to)), replies).prop_map(
        move |(tls, access_log, words, trusted, routes, redirect, replies)| Listener {
            tls: ListenerTls {
                certificates: if protocol == Protocol::Https { vec![name("site")] } else { Vec::new() },
                unknown_name: tls.0,
                min_version: tls.1,
                handshake_timeout_ms: tls.2,
            },
            access_log,
            http2: words.0,
            forwarded: words.1,
            real_ip: words.2[0],
            via: words.2[1],
            head_timeout_ms: words.3,
            trusted,
            routes,
            redirect,
            replies,
            ..Listener::new(SocketAddr::from(([0, 0, 0, 0], 0)), protocol, name("none"))
        },
    )
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
    let count = |range: std::ops::RangeInclusive<Count>| (range.start().0..=range.end().0).prop_map(Count);
    let heads = (count(limits::HEAD_BYTES), count(limits::FIELDS), count(limits::TARGET_BYTES));
    let bodies = (option::of((1..1_u64 << 40).prop_map(ByteSize)), count(limits::BODY_RATE), count(limits::STREAMS));
    let bounds = (a_count(), a_count(), a_count(), a_count(), bandwidth(), bandwidth());
    (bounds, heads, bodies).prop_map(|(bounds, heads, bodies)| ListenerLimits {
        connections_max: bounds.0,
        source_connections_max: bounds.1,
        source_rate_max: bounds.2,
        source_requests_max: bounds.3,
        bandwidth_in: bounds.4,
        bandwidth_out: bounds.5,
        head_bytes_max: heads.0,
        fields_max: heads.1,
        target_bytes_max: heads.2,
        body_bytes_max: bodies.0,
        body_rate_min: bodies.1,
        streams_max: bodies.2,
    })
}

fn an_identity(protocol: Protocol) -> impl Strategy<Value = (ClientAddress, AcceptProxy)> {
    let proxied = (a_word(ProxyMode::WORDS), some_networks()).prop_map(|(mode, from)| {
        let mode = if from.is_empty() { ProxyMode::Off } else { mode };
        AcceptProxy { mode, from }
    });
    let proxied = proxied.prop_map(move |accept| if protocol.is_stream() { accept } else { AcceptProxy::default() });
    let address = a_word(ClientAddress::WORDS).prop_map(move |address| match (protocol, address) {
        (Protocol::Http | Protocol::Https, _) | (Protocol::Udp, ClientAddress::ProxyV1) => ClientAddress::Off,
        _ => address,
    });
    (address, proxied)
}

/// The members that hang on the protocol.
fn a_conduct(protocol: Protocol, groups: Vec<Name>) -> impl Strategy<Value = Listener> {
    let kinds: &[PersistenceKind] = if protocol.is_http() {
        &[PersistenceKind::Off, PersistenceKind::CookieInsert, PersistenceKind::CookieRewrite]
    } else {
        &[PersistenceKind::Off, PersistenceKind::Source]
    };
    let access = (some_networks(), some_networks()).prop_map(|(allow, deny)| Access { allow, deny });
    let alive = (option::of(limits::KEEPALIVE_MS), option::of(limits::USER_TIMEOUT_MS));
    let made = (a_persistence(kinds), an_identity(protocol), access, alive, some_limits(), an_edge(protocol, groups));
    made.prop_map(move |(persistence, (client_address, accept_proxy), access, alive, limits, edge)| Listener {
        persistence,
        client_address,
        accept_proxy,
        access,
        keepalive_ms: alive.0,
        user_timeout_ms: alive.1,
        limits,
        ..edge
    })
}

fn a_listener(groups: Vec<Name>, port: u16) -> impl Strategy<Value = Listener> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(move |octets| Bind::Ip(SocketAddr::from((octets, port)))),
        any::<[u8; 16]>().prop_map(move |octets| Bind::Ip(SocketAddr::from((octets, port))))
    ];
    let all = groups.clone();
    let conduct = a_word(Protocol::WORDS).prop_flat_map(move |protocol| a_conduct(protocol, all.clone()));
    let idle = prop_oneof![Just(60_000), Just(900_000), limits::IDLE_TIMEOUT_MS];
    let times = (idle, limits::CONNECT_TIMEOUT_MS, limits::RESPONSE_TIMEOUT_MS);
    let door = (address, any::<bool>(), (0..=0o777_u16).prop_map(Mode), limits::REPLIES);
    (door, conduct, select(groups), times, a_word(ForwardedFor::WORDS)).prop_map(
        |((bind, dual_stack, socket_mode, replies_max), conduct, group, times, forwarded_for)| Listener {
            bind,
            dual_stack,
            socket_mode,
            replies_max,
            group: Some(group),
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
        let site = (a_file(), a_file()).prop_map(|(chain, key)| Certificate { chain, key });
        let certificates = site.prop_map(|site| BTreeMap::from([(name("site"), site)]));
        (Just(groups), some, certificates).prop_map(|(groups, listeners, certificates)| Config {
            listeners,
            groups,
            certificates,
        })
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
            "listeners.web.routes.shop",
            "listeners.web.routes",
            "certificates.site",
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
