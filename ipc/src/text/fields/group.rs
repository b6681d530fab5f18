//! The settings of a group; those of its health are in `check`.

use super::check::{DAMPING, FAIL_OPEN, HEALTH_CHECK, PASSIVE};
use super::field;
use super::tls::BACKEND_TLS;
use crate::limits;
use crate::model::{Amount, BackendProtocol, Group, Scheduler};
use crate::text::field::{Entry, Field, Object, Standard};
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
        Entry::Section(FAIL_OPEN),
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
        Entry::Field(field!(
            "min_usable",
            group.min_usable,
            Kind::Amount,
            Amount::Number(0),
            "Backends that stay usable whatever checks, damping and ejections say: those that failed last."
        )),
        Entry::Section(DAMPING),
        Entry::Section(PASSIVE),
    ];

    fn blank() -> Self {
        Self::default()
    }
}
