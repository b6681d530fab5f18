//! The settings of a listener.

use std::net::{Ipv4Addr, SocketAddr};

use super::bounds::{ACCEPT_PROXY, ACCESS, LIMITS};
use super::field;
use super::persistence::PERSISTENCE;
use super::route::REDIRECT;
use super::tls::{ACCESS_LOG, TLS};
use crate::Name;
use crate::limits;
use crate::model::{ClientAddress, ForwardedFor, Http2, Listener, Protocol, ReplyRule};
use crate::text::field::{Entry, Field, Object, Standard};
use crate::text::value::{Kind, Value};

impl Object for Listener {
    const WHAT: &'static str = "listener";
    const INNER: Option<&'static str> = Some("routes");
    const ENTRIES: &'static [Entry<Self>] = &[
        Entry::Field(field!("bind", listener.bind, Kind::Bind, "Where to accept: address and port, or a Unix socket.")),
        Entry::Field(field!(
            "dual_stack",
            listener.dual_stack,
            Kind::Flag,
            false,
            "Whether `[::]` takes IPv4 clients too."
        )),
        Entry::Field(field!(
            "socket_mode",
            listener.socket_mode,
            Kind::Mode,
            limits::SOCKET_MODE_DEFAULT,
            "Who may connect to a Unix socket."
        )),
        Entry::Field(PROTOCOL),
        Entry::Field(field!(
            "group",
            listener.group,
            Kind::Name,
            None,
            "The group that receives the traffic; `http`, `https`: what no route takes, 404 without one."
        )),
        Entry::Section(REDIRECT),
        Entry::Section(TLS),
        Entry::Field(field!(
            "http2",
            listener.http2,
            Kind::word::<Http2>(),
            Http2::Auto,
            "`https`: HTTP/2 by agreement unless `off`; `http`: for clients that begin with it if `on`."
        )),
        Entry::Section(PERSISTENCE),
        Entry::Field(field!(
            "idle_timeout",
            listener.idle_timeout_ms,
            Kind::Duration(limits::IDLE_TIMEOUT_MS),
            listener.protocol.idle_timeout_ms_default(),
            "Silence that ends a connection or flow: `tcp` of both directions, or of one whose bytes nobody takes; `http` between two requests; `udp` both ways."
        )),
        Entry::Field(field!(
            "replies_max",
            listener.replies_max,
            Kind::Integer(limits::REPLIES),
            0,
            "`udp`: datagrams of the backend after which a flow ends; 0 for as many as come."
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
            "`http`, `https`: silence of a backend after which the client gets 504."
        )),
        Entry::Field(field!(
            "head_timeout",
            listener.head_timeout_ms,
            Kind::Duration(limits::HEAD_TIMEOUT_MS),
            limits::HEAD_TIMEOUT_MS_DEFAULT,
            "`http`, `https`: time from the first byte of a request's head to its last; 408 for more."
        )),
        Entry::Field(field!(
            "keepalive",
            listener.keepalive_ms,
            Kind::Duration(limits::KEEPALIVE_MS),
            None,
            "`tcp`, `http`: silence after which TCP asks both peers for a sign of life."
        )),
        Entry::Field(field!(
            "user_timeout",
            listener.user_timeout_ms,
            Kind::Duration(limits::USER_TIMEOUT_MS),
            None,
            "`tcp`, `http`: time that sent bytes may stay unacknowledged; the kernel's unless given."
        )),
        Entry::Field(field!(
            "forwarded_for",
            listener.forwarded_for,
            Kind::word::<ForwardedFor>(),
            ForwardedFor::Append,
            "`http`, `https`: `append` adds the peer's address to `X-Forwarded-For`, `replace` sends the client's alone, both with `X-Forwarded-Proto`, `-Host` and `-Port`; `off` leaves all four as they came."
        )),
        Entry::Field(field!(
            "forwarded",
            listener.forwarded,
            Kind::word::<ForwardedFor>(),
            ForwardedFor::Off,
            "`http`, `https`: the same for `Forwarded` (RFC 7239)."
        )),
        Entry::Field(field!(
            "real_ip",
            listener.real_ip,
            Kind::Flag,
            false,
            "`http`, `https`: whether backends get the client's address in `X-Real-IP`."
        )),
        Entry::Field(field!(
            "trusted",
            listener.trusted,
            Kind::Networks,
            Vec::new(),
            "`http`, `https`: proxies in front whose word on the client's address is believed, from the right; what others say of it is then not passed on."
        )),
        Entry::Field(field!(
            "via",
            listener.via,
            Kind::Flag,
            true,
            "`http`, `https`: whether backends get `Via`, for which nginx and IIS compress nothing by default; if not, `CDN-Loop` tells requests that come round."
        )),
        Entry::Field(field!(
            "client_address",
            listener.client_address,
            Kind::word::<ClientAddress>(),
            ClientAddress::Off,
            "`tcp`, `udp`: how backends learn the client's address: by a PROXY header, or `transparent` by its own packets."
        )),
        Entry::Section(ACCEPT_PROXY),
        Entry::Section(LIMITS),
        Entry::Section(ACCESS),
        Entry::Section(ACCESS_LOG),
        Entry::Field(field!(
            "replies",
            listener.replies,
            Kind::items::<ReplyRule>(),
            Vec::new(),
            "`http`, `https`: files with what poised's own replies say, by cause."
        )),
    ];

    fn blank() -> Self {
        let name = Name::new("none").expect("four letters are a name");
        let blank = Self::new(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), Protocol::Tcp, name);
        Self { group: None, ..blank }
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
        "`tcp` forwards connections, `http` and `https` schedule each request, `udp` forwards datagrams."
    )
};
