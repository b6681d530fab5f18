//! The settings of a listener.

use std::net::{Ipv4Addr, SocketAddr};

use super::field;
use super::persistence::PERSISTENCE;
use crate::Name;
use crate::limits;
use crate::model::{ForwardedFor, Listener, Protocol};
use crate::text::field::{Entry, Field, Object, Standard};
use crate::text::value::{Kind, Value};

impl Object for Listener {
    const WHAT: &'static str = "listener";
    const ENTRIES: &'static [Entry<Self>] = &[
        Entry::Field(field!("bind", listener.bind, Kind::Address { any_port: true }, "Address and port to accept on.")),
        Entry::Field(PROTOCOL),
        Entry::Field(field!("group", listener.group, Kind::Name, "The group that receives the traffic.")),
        Entry::Section(PERSISTENCE),
        Entry::Field(field!(
            "idle_timeout",
            listener.idle_timeout_ms,
            Kind::Duration(limits::IDLE_TIMEOUT_MS),
            listener.protocol.idle_timeout_ms_default(),
            "Silence that ends a connection: `tcp` per direction, `http` between two requests."
        )),
        Entry::Field(field!(
            "connect_timeout",
            listener.connect_timeout_ms,
            Kind::Duration(limits::CONNECT_TIMEOUT_MS),
            limits::CONNECT_TIMEOUT_MS_DEFAULT,
            "Time to reach a backend before the next one is tried."
        )),
        Entry::Field(field!(
            "response_timeout",
            listener.response_timeout_ms,
            Kind::Duration(limits::RESPONSE_TIMEOUT_MS),
            limits::RESPONSE_TIMEOUT_MS_DEFAULT,
            "`http`: silence of a backend after which the client gets 504."
        )),
        Entry::Field(field!(
            "forwarded_for",
            listener.forwarded_for,
            Kind::word::<ForwardedFor>(),
            ForwardedFor::Append,
            "`http`: `append` adds the client's address to `X-Forwarded-For`, `replace` sends only it, `off` neither."
        )),
    ];

    fn blank() -> Self {
        let name = Name::new("none").expect("four letters are a name");
        Self::new(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), Protocol::Tcp, name)
    }
}

const PROTOCOL: Field<Listener> = Field {
    read: |listener, found, kind| {
        let protocol = Value::read(found, kind)?;
        // The idle timeout is the protocol's own unless one was chosen.
        if listener.idle_timeout_ms == listener.protocol.idle_timeout_ms_default() {
            listener.idle_timeout_ms = Protocol::idle_timeout_ms_default(protocol);
        }
        listener.protocol = protocol;
        Ok(())
    },
    ..field!(
        "protocol",
        listener.protocol,
        Kind::word::<Protocol>(),
        "`tcp` forwards connections, `http` schedules each request of HTTP/1.1."
    )
};
