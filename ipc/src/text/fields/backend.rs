//! The settings of a backend.

use std::net::{Ipv4Addr, SocketAddr};

use super::field;
use crate::limits;
use crate::model::{AdminState, Backend};
use crate::text::field::{Entry, Field, Object, Standard};
use crate::text::value::{Kind, Value};

impl Object for Backend {
    const WHAT: &'static str = "backend";
    const ENTRIES: &'static [Entry<Self>] = &[
        Entry::Field(field!(
            "address",
            backend.address,
            Kind::Address { any_port: false },
            "Address and port that receive the traffic."
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
            "`draining` takes no new clients, `disabled` takes no traffic and is not probed."
        )),
    ];

    fn blank() -> Self {
        Self::new(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }
}
