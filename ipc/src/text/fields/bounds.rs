//! The settings of a listener that say who may come, how much, and under which address.

use super::field;
use crate::limits;
use crate::model::{Listener, ProxyMode};
use crate::text::field::{Field, Section, Standard};
use crate::text::value::{Kind, Value};

pub(super) const ACCEPT_PROXY: Section<Listener> = Section {
    key: "accept_proxy",
    doc: "Whether clients send a PROXY protocol header, version 1 or 2; `\"off\"` alone turns it off.",
    fields: &[
        field!(
            "mode",
            listener.accept_proxy.mode,
            Kind::word::<ProxyMode>(),
            ProxyMode::Off,
            "`optional` believes a header of those in `from`, `required` refuses connections without one."
        ),
        field!(
            "from",
            listener.accept_proxy.from,
            Kind::Networks,
            Vec::new(),
            "Networks whose headers are believed; nobody else's ever are."
        ),
    ],
};

pub(super) const LIMITS: Section<Listener> = Section {
    key: "limits",
    doc: "Bounds on what the listener takes; absent ones do not bound.",
    fields: &[
        field!(
            "connections_max",
            listener.limits.connections_max,
            Kind::Count(limits::CONNECTIONS),
            None,
            "Connections or flows open at once."
        ),
        field!(
            "source_connections_max",
            listener.limits.source_connections_max,
            Kind::Count(limits::CONNECTIONS),
            None,
            "Connections or flows open at once of one client address."
        ),
        field!(
            "source_rate_max",
            listener.limits.source_rate_max,
            Kind::Count(limits::SOURCE_RATE),
            None,
            "New connections or flows per second of one client address."
        ),
        field!(
            "bandwidth_in",
            listener.limits.bandwidth_in,
            Kind::Bandwidth(limits::BANDWIDTH),
            None,
            "Peak bandwidth from clients."
        ),
        field!(
            "bandwidth_out",
            listener.limits.bandwidth_out,
            Kind::Bandwidth(limits::BANDWIDTH),
            None,
            "Peak bandwidth to clients."
        ),
        field!(
            "head_bytes_max",
            listener.limits.head_bytes_max,
            Kind::Count(limits::HEAD_BYTES),
            limits::HEAD_BYTES_DEFAULT,
            "`http`, `https`: bytes of a head; 431 for more in a request, 502 in a response."
        ),
        field!(
            "fields_max",
            listener.limits.fields_max,
            Kind::Count(limits::FIELDS),
            limits::FIELDS_DEFAULT,
            "`http`, `https`: fields of a head, likewise."
        ),
        field!(
            "target_bytes_max",
            listener.limits.target_bytes_max,
            Kind::Count(limits::TARGET_BYTES),
            limits::TARGET_BYTES_DEFAULT,
            "`http`, `https`: bytes of a request's target; 414 for more."
        ),
        field!(
            "body_bytes_max",
            listener.limits.body_bytes_max,
            Kind::Size(limits::BODY_BYTES),
            None,
            "`http`, `https`: size of a request's body; 413 for more."
        ),
        field!(
            "body_rate_min",
            listener.limits.body_rate_min,
            Kind::Count(limits::BODY_RATE),
            limits::BODY_RATE_DEFAULT,
            "`http`, `https`: bytes per second that a request's body must keep up after 10 s; 0: any."
        ),
        field!(
            "streams_max",
            listener.limits.streams_max,
            Kind::Count(limits::STREAMS),
            limits::STREAMS_DEFAULT,
            "`http`, `https`: requests of one HTTP/2 connection under way at once."
        ),
        field!(
            "source_requests_max",
            listener.limits.source_requests_max,
            Kind::Count(limits::SOURCE_RATE),
            None,
            "`http`, `https`: requests per second of one client address; 429 for more."
        ),
    ],
};

pub(super) const ACCESS: Section<Listener> = Section {
    key: "access",
    doc: "Who may come: the most specific network that holds a client decides, `deny` where both name the same.",
    fields: &[
        field!(
            "allow",
            listener.access.allow,
            Kind::Networks,
            Vec::new(),
            "Networks that may come; when there is one, nobody else may."
        ),
        field!("deny", listener.access.deny, Kind::Networks, Vec::new(), "Networks that may not come."),
    ],
};
