//! The settings of a group and of its health check.

use super::field;
use super::tls::BACKEND_TLS;
use crate::limits;
use crate::model::{BackendProtocol, CheckMethod, CheckProtocol, CheckProxy, FailOpen, Group, HealthCheck, Scheduler};
use crate::text::field::{Entry, Field, Object, Section, Standard};
use crate::text::texts::Alphabet;
use crate::text::value::{Kind, Value};

impl Object for Group {
    const WHAT: &'static str = "group";
    const INNER: Option<&'static str> = Some("backends");
    const ENTRIES: &'static [Entry<Self>] = &[
        Entry::Field(field!(
            "scheduler",
            group.scheduler,
            Kind::word::<Scheduler>(),
            Scheduler::Wrr,
            "`rr` in turn, `wrr` in turn by weight, `wlc` fewest in flight per weight, `hash` by client address, `p2c` the less loaded of two."
        )),
        Entry::Section(HEALTH_CHECK),
        Entry::Field(field!(
            "fail_open",
            group.fail_open,
            Kind::word::<FailOpen>(),
            FailOpen::AllDown,
            "`all-down` uses every enabled backend with weight when none is up, `never` refuses."
        )),
        Entry::Field(field!(
            "slow_start",
            group.slow_start_ms,
            Kind::Duration(limits::SLOW_START_MS),
            None,
            "`wrr`, `wlc`, `p2c`: time in which a backend that comes back grows to its weight."
        )),
        Entry::Field(field!(
            "queue_max",
            group.queue_max,
            Kind::Count(limits::QUEUE),
            limits::QUEUE_DEFAULT,
            "Connections or requests that may wait while every backend has its `max_connections`."
        )),
        Entry::Field(field!(
            "queue_timeout",
            group.queue_timeout_ms,
            Kind::Duration(limits::QUEUE_TIMEOUT_MS),
            limits::QUEUE_TIMEOUT_MS_DEFAULT,
            "How long one may wait."
        )),
        Entry::Field(field!(
            "backend_protocol",
            group.backend_protocol,
            Kind::word::<BackendProtocol>(),
            BackendProtocol::Http1,
            "`http`, `https`: what is spoken to the backends; gRPC needs `http2`."
        )),
        Entry::Section(BACKEND_TLS),
    ];

    fn blank() -> Self {
        Self::default()
    }
}

const HEALTH_CHECK: Section<Group> = Section {
    key: "health_check",
    doc: "How the backends are probed; `\"off\"` alone turns probes off.",
    fields: &[
        field!(
            "protocol",
            group.health_check.protocol,
            Kind::word::<CheckProtocol>(),
            CheckProtocol::Tcp,
            "`tcp` connects, `http` asks and reads the status code, `udp` sends a datagram, `off` counts every backend as up."
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
            "`http`: the request method."
        ),
        field!(
            "path",
            group.health_check.path,
            Kind::Text(Alphabet::Path),
            HealthCheck::default().path,
            "`http`: the request target."
        ),
        field!(
            "host",
            group.health_check.host,
            Kind::Text(Alphabet::Host),
            None,
            "`http`: the `Host` field; the backend's address unless given."
        ),
        field!(
            "expect",
            group.health_check.expect,
            Kind::Codes,
            HealthCheck::default().expect,
            "`http`: the status codes that pass."
        ),
        field!(
            "interval",
            group.health_check.interval_ms,
            Kind::Duration(limits::CHECK_INTERVAL_MS),
            limits::CHECK_INTERVAL_MS_DEFAULT,
            "Time between the starts of two probes of a backend."
        ),
        field!(
            "timeout",
            group.health_check.timeout_ms,
            Kind::Duration(limits::CHECK_TIMEOUT_MS),
            limits::CHECK_TIMEOUT_MS_DEFAULT,
            "Time that a probe may take."
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
            "`udp`: what is sent; an empty datagram unless given. Bytes are written `hex:0a0b`."
        ),
        field!(
            "receive",
            group.health_check.receive,
            Kind::Text(Alphabet::Payload),
            None,
            "`udp`: what the reply must begin with; any reply passes unless given."
        ),
        field!(
            "proxy",
            group.health_check.proxy,
            Kind::word::<CheckProxy>(),
            CheckProxy::Off,
            "`http`, `udp`: sends a PROXY header of this version that speaks for poised itself, for backends that insist on one."
        ),
    ],
};
