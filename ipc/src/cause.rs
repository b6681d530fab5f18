//! Why a connection or request ended as it did: one list for counters, logs, replies and screens.
//!
//! The HTTP status of a reply made by poised derives from its cause, never the reverse.

mod advice;

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a connection or request ended as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Cause {
    /// The request cannot be read in one way only, or breaks the protocol.
    BadRequest,
    /// The client did not finish the head in time.
    RequestTimeout,
    /// The request target exceeds its limit.
    TargetTooLong,
    /// The head exceeds its limit of bytes or fields.
    HeadTooLarge,
    /// An expectation other than `100-continue`.
    ExpectationFailed,
    /// A method or a feature that the relay does not take.
    NotImplemented,
    /// The group has no backend that is enabled and has weight.
    NoBackend,
    /// Every backend is down and the group does not fail open.
    AllDown,
    /// No backend accepted the connection: refused or unreachable.
    ConnectFailed,
    /// No backend accepted the connection in time.
    ConnectTimeout,
    /// The backend closed or reset before the response was complete.
    BackendClosed,
    /// The backend's response breaks the protocol.
    BadResponse,
    /// The head of the response exceeds its limit.
    ResponseHeadTooLarge,
    /// The backend was silent for longer than the response timeout.
    ResponseTimeout,
    /// The client went away before the response was complete.
    ClientClosed,
    /// Nothing moved for the idle timeout.
    IdleTimeout,
    /// poised is ending or the listener was removed.
    Shutdown,
    /// A fault of poised itself.
    Internal,
    /// The worker holds as many connections as its descriptors allow.
    ConnectionLimit,
    /// Every backend was full, and so was the group's queue.
    QueueFull,
    /// Every backend was full for as long as one may wait.
    QueueTimeout,
    /// The access list of the listener does not let the client in.
    Denied,
    /// The client's address has as many connections, or new ones per second, as it may have.
    SourceLimit,
    /// The listener has as many connections as it may have.
    ListenerLimit,
    /// The PROXY protocol header is missing, breaks the protocol or comes from where none is believed.
    BadProxyHeader,
    /// The connection came from poised itself: a backend leads back to its own listener.
    Loop,
    /// The backend that persistence remembers may not be used, and the listener does not redispatch.
    Unusable,
    /// The time of a drain was over.
    Drained,
    /// The table of UDP flows is full.
    FlowLimit,
    /// poised could not speak from the client's address.
    TransparentFailed,
    /// `udp`: the bandwidth of the listener was used up.
    Bandwidth,
    /// No route of the listener takes the request, and the listener has no group (C1).
    NoRoute,
    /// The body of the request exceeds its limit.
    BodyTooLarge,
    /// The request is for a name that the connection's certificate does not speak for.
    Misdirected,
    /// The client's address has sent as many requests per second as it may.
    RateLimited,
    /// The TLS handshake with the client failed or took too long.
    TlsHandshake,
    /// The TLS handshake with the backend failed, or its certificate is not believed.
    TlsToBackend,
    /// An HTTP/2 client sent more of what costs work than serving it needs.
    Http2Flood,
    /// Plain HTTP was sent to a listener of `https`.
    PlainHttp,
}

impl Cause {
    /// Every cause, in the order of its discriminant.
    pub const ALL: [Self; 39] = [
        Self::BadRequest,
        Self::RequestTimeout,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::ExpectationFailed,
        Self::NotImplemented,
        Self::NoBackend,
        Self::AllDown,
        Self::ConnectFailed,
        Self::ConnectTimeout,
        Self::BackendClosed,
        Self::BadResponse,
        Self::ResponseHeadTooLarge,
        Self::ResponseTimeout,
        Self::ClientClosed,
        Self::IdleTimeout,
        Self::Shutdown,
        Self::Internal,
        Self::ConnectionLimit,
        Self::QueueFull,
        Self::QueueTimeout,
        Self::Denied,
        Self::SourceLimit,
        Self::ListenerLimit,
        Self::BadProxyHeader,
        Self::Loop,
        Self::Unusable,
        Self::Drained,
        Self::FlowLimit,
        Self::TransparentFailed,
        Self::Bandwidth,
        Self::NoRoute,
        Self::BodyTooLarge,
        Self::Misdirected,
        Self::RateLimited,
        Self::TlsHandshake,
        Self::TlsToBackend,
        Self::Http2Flood,
        Self::PlainHttp,
    ];

    /// The word for counters, logs and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::RequestTimeout => "request-timeout",
            Self::TargetTooLong => "target-too-long",
            Self::HeadTooLarge => "head-too-large",
            Self::ExpectationFailed => "expectation-failed",
            Self::NotImplemented => "not-implemented",
            Self::NoBackend => "no-backend",
            Self::AllDown => "all-down",
            Self::ConnectFailed => "connect-failed",
            Self::ConnectTimeout => "connect-timeout",
            Self::BackendClosed => "backend-closed",
            Self::BadResponse => "bad-response",
            Self::ResponseHeadTooLarge => "response-head-too-large",
            Self::ResponseTimeout => "response-timeout",
            Self::ClientClosed => "client-closed",
            Self::IdleTimeout => "idle-timeout",
            Self::Shutdown => "shutdown",
            Self::Internal => "internal",
            Self::ConnectionLimit => "connection-limit",
            Self::QueueFull => "queue-full",
            Self::QueueTimeout => "queue-timeout",
            Self::Denied => "denied",
            Self::SourceLimit => "source-limit",
            Self::ListenerLimit => "listener-limit",
            Self::BadProxyHeader => "bad-proxy-header",
            Self::Loop => "loop",
            Self::Unusable => "unusable",
            Self::Drained => "drained",
            Self::FlowLimit => "flow-limit",
            Self::TransparentFailed => "transparent-failed",
            Self::Bandwidth => "bandwidth",
            Self::NoRoute => "no-route",
            Self::BodyTooLarge => "body-too-large",
            Self::Misdirected => "misdirected",
            Self::RateLimited => "rate-limited",
            Self::TlsHandshake => "tls-handshake",
            Self::TlsToBackend => "tls-to-backend",
            Self::Http2Flood => "http2-flood",
            Self::PlainHttp => "plain-http",
        }
    }

    /// The phase of a request in which its time was over, for replies that name it.
    pub const fn phase(self) -> Option<&'static str> {
        match self {
            Self::RequestTimeout => Some("request"),
            Self::QueueTimeout => Some("queue"),
            Self::ConnectTimeout => Some("connect"),
            Self::ResponseTimeout => Some("response"),
            _ => None,
        }
    }

    /// The HTTP status that poised answers with, where an answer is still possible.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::BadRequest | Self::BadProxyHeader | Self::PlainHttp => Some(400),
            Self::Denied => Some(403),
            Self::NoRoute => Some(404),
            Self::RequestTimeout => Some(408),
            Self::BodyTooLarge => Some(413),
            Self::TargetTooLong => Some(414),
            Self::ExpectationFailed => Some(417),
            Self::Misdirected => Some(421),
            Self::SourceLimit | Self::RateLimited => Some(429),
            Self::HeadTooLarge => Some(431),
            Self::Internal | Self::TransparentFailed => Some(500),
            Self::NotImplemented => Some(501),
            Self::ConnectFailed
            | Self::BackendClosed
            | Self::BadResponse
            | Self::ResponseHeadTooLarge
            | Self::TlsToBackend => Some(502),
            Self::NoBackend
            | Self::AllDown
            | Self::Shutdown
            | Self::ConnectionLimit
            | Self::QueueFull
            | Self::QueueTimeout
            | Self::ListenerLimit
            | Self::Unusable => Some(503),
            Self::ConnectTimeout | Self::ResponseTimeout => Some(504),
            Self::Loop => Some(508),
            Self::ClientClosed
            | Self::IdleTimeout
            | Self::Drained
            | Self::FlowLimit
            | Self::Bandwidth
            | Self::TlsHandshake
            | Self::Http2Flood => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
