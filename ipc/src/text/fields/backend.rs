//! The settings of a backend.

use std::net::{Ipv4Addr, SocketAddr};

use super::field;
use crate::limits;
use crate::model::{AdminState, Backend, DrainEnd};
use crate::text::field::{Entry, Field, Object, Section, Standard};
use crate::text::value::{Kind, Value};

impl Object for Backend {
    const WHAT: &'static str = "backend";
    const ENTRIES: &'static [Entry<Self>] = &[
        Entry::Field(field!(
            "address",
            backend.address,
            Kind::Address,
            "Where it listens: address and port, name and port, or a Unix socket."
        )),
        Entry::Field(field!(
            "weight",
            backend.weight,
            Kind::Integer(limits::WEIGHT),
            limits::WEIGHT_DEFAULT,
            "Share of the traffic in proportion to the group's other backends; 0 takes nothing new."
        )),
        Entry::Field(field!(
            "state",
            backend.state,
            Kind::word::<AdminState>(),
            AdminState::Enabled,
            "`draining` takes no new clients, `draining-hard` moves bound ones too, `disabled` takes no traffic and is not probed."
        )),
        Entry::Field(field!(
            "backup",
            backend.backup,
            Kind::Flag,
            false,
            "Whether it serves only while no other backend can."
        )),
        Entry::Field(field!(
            "max_connections",
            backend.max_connections,
            Kind::Count(limits::CONNECTIONS),
            None,
            "Connections, flows or requests that it works on at once; more go to others, or wait."
        )),
        Entry::Section(Section {
            key: "drain",
            doc: "How a drain ends.",
            fields: &[
                field!(
                    "then",
                    backend.drain.then,
                    Kind::word::<DrainEnd>(),
                    DrainEnd::Leave,
                    "What happens at the deadline to what is still open: `leave` it, `close` or `reset` it."
                ),
                field!(
                    "timeout",
                    backend.drain.timeout_ms,
                    Kind::Duration(limits::DRAIN_TIMEOUT_MS),
                    limits::DRAIN_TIMEOUT_MS_DEFAULT,
                    "Time that what is open has to end by itself."
                ),
            ],
        }),
    ];

    fn blank() -> Self {
        Self::new(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }
}
