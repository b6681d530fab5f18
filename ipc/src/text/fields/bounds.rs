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
