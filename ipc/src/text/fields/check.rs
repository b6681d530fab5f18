//! The settings of what judges the backends of a group: probes, damping, traffic, and fail-open.

use super::field;
use crate::limits;
use crate::model::{
    Amount, CheckField, CheckMethod, CheckProtocol, CheckProxy, CheckVersion, FailOpenUse, FailOpenWhen, Group,
    HealthCheck, HealthLog, InitialHealth, Switch,
};
use crate::text::field::{Field, Section, Standard};
use crate::text::texts::Alphabet;
use crate::text::value::{Kind, Value};

pub(super) const HEALTH_CHECK: Section<Group> = Section {
    key: "health_check",
    doc: "How the backends are probed; `\"off\"` alone turns probes off.",
    fields: &[
        field!(
            "protocol",
            group.health_check.protocol,
            Kind::word::<CheckProtocol>(),
            CheckProtocol::Tcp,
            "`tcp` connects, `http` asks and reads the status code, `https` does so over TLS whatever the group speaks, `grpc` asks the health service, `udp` sends a datagram, `off` counts every backend as up."
        ),
        field!(
            "port",
            group.health_check.port,
            Kind::Integer(1..=65_535),
            None,
            "Port to probe; the backend's own unless given."
        ),
        field!(
            "method",
            group.health_check.method,
            Kind::word::<CheckMethod>(),
            CheckMethod::Head,
            "`http`, `https`: the request method."
        ),
        field!(
            "path",
            group.health_check.path,
            Kind::Text(Alphabet::Path),
            HealthCheck::default().path,
            "`http`, `https`: the request target."
        ),
        field!(
            "host",
            group.health_check.host,
            Kind::Text(Alphabet::Host),
            None,
            "`http`, `https`: the `Host` field; the backend's address unless given."
        ),
        field!(
            "expect",
            group.health_check.expect,
            Kind::Codes,
            HealthCheck::default().expect,
            "`http`, `https`: the status codes that pass."
        ),
        field!(
            "interval",
            group.health_check.interval_ms,
            Kind::Duration(limits::CHECK_INTERVAL_MS),
            limits::CHECK_INTERVAL_MS_DEFAULT,
            "Time between the starts of two probes of a backend, less or more by up to 5 %. Groups that ask the same of an address, as often, share its probes."
        ),
        field!(
            "timeout",
            group.health_check.timeout_ms,
            Kind::Duration(limits::CHECK_TIMEOUT_MS),
            limits::CHECK_TIMEOUT_MS_DEFAULT,
            "Time that a probe may take. Probes of a backend never overlap: one that takes longer than the interval puts off the next until it has ended."
        ),
        field!(
            "rise",
            group.health_check.rise,
            Kind::Integer(limits::CHECK_THRESHOLD),
            limits::CHECK_THRESHOLD_DEFAULT,
            "Passes in a row that turn a backend up."
        ),
        field!(
            "fall",
            group.health_check.fall,
            Kind::Integer(limits::CHECK_THRESHOLD),
            limits::CHECK_THRESHOLD_DEFAULT,
            "Failures in a row that turn a backend down."
        ),
        field!(
            "send",
            group.health_check.send,
            Kind::Text(Alphabet::Payload),
            None,
            "`udp`, `tcp`: what is sent; `http`, `https`: the body of a POST. Bytes are written `hex:0a0b`."
        ),
        field!(
            "receive",
            group.health_check.receive,
            Kind::Text(Alphabet::Payload),
            None,
            "`udp`, `tcp`: what the reply must begin with; `http`, `https`: what the body must contain."
        ),
        field!(
            "proxy",
            group.health_check.proxy,
            Kind::word::<CheckProxy>(),
            CheckProxy::Off,
            "Sends a PROXY header of this version that speaks for poised itself, for backends that insist on one."
        ),
        field!(
            "version",
            group.health_check.version,
            Kind::word::<CheckVersion>(),
            CheckVersion::Auto,
            "`http`, `https`: the version of HTTP; `auto` speaks what the group speaks."
        ),
        field!(
            "headers",
            group.health_check.headers,
            Kind::items::<CheckField>(),
            Vec::new(),
            "`http`, `https`: fields that the request carries beside poised's own; `User-Agent` may be among them."
        ),
        field!(
            "server_name",
            group.health_check.server_name,
            Kind::Text(Alphabet::Host),
            None,
            "`https`, `grpc`: the name that is asked for over TLS; `host`, or the group's, unless given."
        ),
        field!(
            "receive_regex",
            group.health_check.receive_regex,
            Kind::Text(Alphabet::Regex),
            None,
            "An expression that the reply or body must match somewhere."
        ),
        field!(
            "receive_max",
            group.health_check.receive_max,
            Kind::Size(limits::CHECK_RECEIVE),
            limits::CHECK_RECEIVE_DEFAULT,
            "Bytes of the reply or body that are looked at; what lies behind them changes no verdict."
        ),
        field!(
            "service",
            group.health_check.service,
            Kind::Text(Alphabet::Service),
            None,
            "`grpc`: the service that is asked after; the server as a whole unless given."
        ),
        field!(
            "fast_interval",
            group.health_check.fast_interval_ms,
            Kind::Duration(limits::CHECK_INTERVAL_MS),
            None,
            "Time between probes while verdicts contradict the health; `interval` unless given."
        ),
        field!(
            "down_interval",
            group.health_check.down_interval_ms,
            Kind::Duration(limits::CHECK_INTERVAL_MS),
            None,
            "Time between probes of a backend that is down; `interval` unless given."
        ),
        field!(
            "initial",
            group.health_check.initial,
            Kind::word::<InitialHealth>(),
            InitialHealth::CarryOver,
            "What a backend counts as before its first verdict; `carry-over`: what was known before a restart, else `unknown`."
        ),
        field!(
            "log",
            group.health_check.log,
            Kind::word::<HealthLog>(),
            HealthLog::All,
            "Verdicts that the health log keeps: `all`, `failures` or `transitions`."
        ),
    ],
};

pub(super) const FAIL_OPEN: Section<Group> = Section {
    key: "fail_open",
    doc: "What is done when too few backends are usable; `\"never\"` alone refuses when none is.",
    fields: &[
        field!(
            "when",
            group.fail_open.when,
            Kind::word::<FailOpenWhen>(),
            FailOpenWhen::AllDown,
            "`all-down` when none is usable, `below` when fewer are than `below` says, `never`."
        ),
        field!(
            "below",
            group.fail_open.below,
            Kind::Amount,
            Amount::Number(0),
            "`below`: how many backends with weight must be usable, backups left aside."
        ),
        field!(
            "use",
            group.fail_open.using,
            Kind::word::<FailOpenUse>(),
            FailOpenUse::All,
            "Whom traffic goes to then: `all` enabled backends with weight, `last-known-good` those that were usable when there were last enough, `reject` nobody."
        ),
    ],
};

pub(super) const DAMPING: Section<Group> = Section {
    key: "damping",
    doc: "Keeps backends out for longer that come and go; `\"on\"` alone does so with the defaults.",
    fields: &[
        field!(
            "mode",
            group.damping.mode,
            Kind::word::<Switch>(),
            Switch::Off,
            "Whether a score counts how often a backend goes down: 1000 each time."
        ),
        field!(
            "half_life",
            group.damping.half_life_ms,
            Kind::Duration(limits::FLAP_HALF_LIFE_MS),
            limits::FLAP_HALF_LIFE_MS_DEFAULT,
            "Time in which the score halves."
        ),
        field!(
            "suppress",
            group.damping.suppress,
            Kind::Integer(limits::FLAP_SCORE),
            limits::FLAP_SUPPRESS_DEFAULT,
            "Score from which on the backend is kept out although it passes."
        ),
        field!(
            "reuse",
            group.damping.reuse,
            Kind::Integer(limits::FLAP_SCORE),
            limits::FLAP_REUSE_DEFAULT,
            "Score below which it is used again."
        ),
        field!(
            "suppress_max",
            group.damping.suppress_ms_max,
            Kind::Duration(limits::FLAP_SUPPRESS_MS_MAX),
            limits::FLAP_SUPPRESS_MS_MAX_DEFAULT,
            "Longest time that a backend is kept out for that."
        ),
    ],
};

pub(super) const PASSIVE: Section<Group> = Section {
    key: "passive",
    doc: "Ejects backends by what traffic meets; `\"on\"` alone does so with the defaults. A restart forgets ejections; datagrams of `udp` do not count.",
    fields: &[
        field!(
            "mode",
            group.passive.mode,
            Kind::word::<Switch>(),
            Switch::Off,
            "Whether failures of traffic in a row eject a backend for a time; what clients break off never counts."
        ),
        field!(
            "connect_errors",
            group.passive.connect_errors,
            Kind::Integer(limits::PASSIVE_COUNT),
            limits::PASSIVE_COUNT_DEFAULT,
            "Connections in a row that could not be made; 0: they do not count."
        ),
        field!(
            "server_errors",
            group.passive.server_errors,
            Kind::Integer(limits::PASSIVE_COUNT),
            limits::PASSIVE_COUNT_DEFAULT,
            "`http`, `https`: responses in a row that were 5xx, broken, or cut off before their end; 0: they do not count."
        ),
        field!(
            "timeouts",
            group.passive.timeouts,
            Kind::Integer(limits::PASSIVE_COUNT),
            limits::PASSIVE_COUNT_DEFAULT,
            "Responses in a row that did not come in time; 0: they do not count."
        ),
        field!(
            "ejection",
            group.passive.ejection_ms,
            Kind::Duration(limits::EJECTION_MS),
            limits::EJECTION_MS_DEFAULT,
            "Length of the first ejection. Each is longer by as much, until the backend stays in for as long as it was out."
        ),
        field!(
            "ejection_max",
            group.passive.ejection_ms_max,
            Kind::Duration(limits::EJECTION_MS),
            limits::EJECTION_MS_MAX_DEFAULT,
            "Longest ejection."
        ),
    ],
};
