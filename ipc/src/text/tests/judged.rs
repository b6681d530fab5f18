//! Made health settings for property tests.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::made::a_word;
use crate::limits;
use crate::model::{
    Amount, ByteSize, CheckField, CheckMethod, CheckProtocol, CheckProxy, CheckVersion, CodeRange, Damping, FailOpen,
    FailOpenUse, FailOpenWhen, HealthCheck, HealthLog, InitialHealth, Passive, Switch,
};

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

pub(super) fn an_amount() -> impl Strategy<Value = Amount> {
    let number = (0..=limits::AMOUNT_MAX).prop_map(Amount::Number);
    prop_oneof![number, (0..=100_u8).prop_map(Amount::Percent)]
}

pub(super) fn a_fail_open() -> impl Strategy<Value = FailOpen> {
    let made = (a_word(FailOpenWhen::WORDS), an_amount(), a_word(FailOpenUse::WORDS));
    made.prop_map(|(when, below, using)| FailOpen { when, below, using })
}

pub(super) fn a_damping() -> impl Strategy<Value = Damping> {
    let scores = (1_000..=20_000_u16, 100..1_000_u16);
    let made = (a_word(Switch::WORDS), limits::FLAP_HALF_LIFE_MS, scores, limits::FLAP_SUPPRESS_MS_MAX);
    made.prop_map(|(mode, half_life_ms, (suppress, reuse), suppress_ms_max)| Damping {
        mode,
        half_life_ms,
        suppress,
        reuse,
        suppress_ms_max,
    })
}

pub(super) fn a_passive() -> impl Strategy<Value = Passive> {
    let counts = (limits::PASSIVE_COUNT, limits::PASSIVE_COUNT, limits::PASSIVE_COUNT);
    let made = (a_word(Switch::WORDS), counts, 100..60_000_u32, 60_000..86_400_000_u32);
    made.prop_map(|(mode, (connect_errors, server_errors, timeouts), ejection_ms, ejection_ms_max)| Passive {
        mode,
        connect_errors,
        server_errors,
        timeouts,
        ejection_ms,
        ejection_ms_max,
    })
}

fn some_fields() -> impl Strategy<Value = Vec<CheckField>> {
    let field = ("X-[A-Za-z]{1,5}", "[!-~]([ -~]{0,5}[!-~])?").prop_map(|(name, value)| CheckField { name, value });
    vec(field, 0..3).prop_map(|mut fields| {
        fields.dedup_by_key(|field| field.name.to_ascii_lowercase());
        fields.truncate(1);
        fields
    })
}

/// A check of everything that two tuples can hold; the second half is added to the first.
pub(super) fn a_health_check() -> impl Strategy<Value = HealthCheck> {
    let times = (limits::CHECK_INTERVAL_MS, limits::CHECK_TIMEOUT_MS);
    let thresholds = (limits::CHECK_THRESHOLD, limits::CHECK_THRESHOLD);
    let http =
        (a_word(CheckMethod::WORDS), "/[-a-z0-9_/.%?#&=]{0,9}", option::of("[a-z0-9][a-z0-9.-]{0,9}"), some_codes());
    let payloads = (
        option::of("[a-zA-Z0-9 #\"\\\\]{1,9}|hex:([0-9a-f]{2}){1,4}"),
        option::of("[A-Z]{1,3}"),
        a_word(CheckProxy::WORDS),
    );
    let made = (a_word(CheckProtocol::WORDS), option::of(1..=u16::MAX), times, thresholds, http, payloads);
    let made =
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
                ..HealthCheck::default()
            }
        });
    (made, some_more()).prop_map(|(made, more)| HealthCheck {
        protocol: made.protocol,
        port: made.port,
        interval_ms: made.interval_ms,
        timeout_ms: made.timeout_ms,
        rise: made.rise,
        fall: made.fall,
        // Answers to HEAD have no body to look at.
        method: if made.receive.is_some() || more.receive_regex.is_some() { CheckMethod::Get } else { made.method },
        path: made.path,
        host: made.host,
        expect: made.expect,
        send: made.send,
        receive: made.receive,
        proxy: made.proxy,
        ..more
    })
}

/// The settings of a check that [`a_health_check`] does not make itself.
fn some_more() -> impl Strategy<Value = HealthCheck> {
    let speech = (a_word(CheckVersion::WORDS), some_fields(), option::of("[a-z]{1,5}"), option::of("[a-z.]{1,5}"));
    let sizes = (1..=65_536_u64).prop_map(ByteSize);
    let intervals = (option::of(limits::CHECK_INTERVAL_MS), option::of(limits::CHECK_INTERVAL_MS));
    let words = (a_word(InitialHealth::WORDS), a_word(HealthLog::WORDS));
    (speech, sizes, option::of("[a-z.]{1,9}/?"), intervals, words).prop_map(
        |((version, headers, server_name, regex), receive_max, service, (fast, down), (initial, log))| HealthCheck {
            version,
            headers,
            server_name,
            receive_regex: regex,
            receive_max,
            service,
            fast_interval_ms: fast,
            down_interval_ms: down,
            initial,
            log,
            ..HealthCheck::default()
        },
    )
}
