//! The settings of a group and of its health check.

use super::field;
use crate::limits;
use crate::model::{CheckMethod, CheckProtocol, FailOpen, Group, HealthCheck, Scheduler};
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
            "`rr` in turn, `wrr` in turn by weight, `wlc` fewest in flight per weight."
        )),
        Entry::Section(HEALTH_CHECK),
        Entry::Field(field!(
            "fail_open",
            group.fail_open,
            Kind::word::<FailOpen>(),
            FailOpen::AllDown,
            "`all-down` uses every enabled backend with weight when none is up, `never` refuses."
        )),
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
            "`tcp` connects, `http` asks and reads the status code, `off` counts every backend as up."
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
    ],
};
