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
    AdminState, Backend, CheckMethod, CheckProtocol, CodeRange, FailOpen, ForwardedFor, Group, HealthCheck, Listener,
    Persistence, Protocol, Scheduler,
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

fn a_backend() -> impl Strategy<Value = Backend> {
    (an_address(), limits::WEIGHT, a_word(AdminState::WORDS)).prop_map(|(address, weight, state)| Backend {
        address,
        weight,
        state,
    })
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
    let made = (a_word(CheckProtocol::WORDS), option::of(1..=u16::MAX), times, thresholds, http);
    made.prop_map(|(protocol, port, (interval_ms, timeout_ms), (rise, fall), (method, path, host, expect))| {
        HealthCheck { protocol, port, interval_ms, timeout_ms, rise, fall, method, path, host, expect }
    })
}

fn a_group() -> impl Strategy<Value = Group> {
    let check = prop_oneof![Just(HealthCheck::default()), a_health_check()];
    (a_word(Scheduler::WORDS), check, a_word(FailOpen::WORDS), btree_map(a_name(), a_backend(), 0..5)).prop_map(
        |(scheduler, health_check, fail_open, backends)| Group { scheduler, health_check, fail_open, backends },
    )
}

fn a_persistence(protocol: Protocol) -> impl Strategy<Value = Persistence> {
    let kept = ("[a-zA-Z!#%&'*+^_`|~-][a-zA-Z0-9$]{0,9}", limits::PERSISTENCE_TIMEOUT_MS);
    let kept = kept.prop_map(move |(cookie, timeout_ms)| match protocol {
        Protocol::Tcp => Persistence::Source { timeout_ms },
        Protocol::Http => Persistence::CookieInsert { cookie, timeout_ms },
    });
    prop_oneof![Just(Persistence::Off), kept]
}

fn a_listener(groups: Vec<Name>, port: u16) -> impl Strategy<Value = Listener> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(move |octets| SocketAddr::from((octets, port))),
        any::<[u8; 16]>().prop_map(move |octets| SocketAddr::from((octets, port)))
    ];
    let kinds = a_word(Protocol::WORDS).prop_flat_map(|protocol| (Just(protocol), a_persistence(protocol)));
    let idle = prop_oneof![Just(60_000), Just(900_000), limits::IDLE_TIMEOUT_MS];
    let times = (idle, limits::CONNECT_TIMEOUT_MS, limits::RESPONSE_TIMEOUT_MS);
    (address, kinds, select(groups), times, a_word(ForwardedFor::WORDS)).prop_map(
        |(bind, (protocol, persistence), group, times, forwarded_for)| Listener {
            bind,
            protocol,
            group,
            persistence,
            idle_timeout_ms: times.0,
            connect_timeout_ms: times.1,
            response_timeout_ms: times.2,
            forwarded_for,
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
