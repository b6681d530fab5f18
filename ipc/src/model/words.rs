//! Every setting that is one of a few words, with those words.
//!
//! A variant is appended here, documented where it is defined, and given its word in the list at
//! the end; configuration, screens, completion and the reference follow from that.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Byte streams, forwarded as they are.
    Tcp,
    /// HTTP/1.1 requests, each scheduled on its own.
    Http,
    /// Datagrams; those of one client address and port are a flow.
    Udp,
    /// HTTP requests over TLS (S-04).
    Https,
}

impl Protocol {
    /// The idle timeout of a listener that names none, in milliseconds.
    pub const fn idle_timeout_ms_default(self) -> u32 {
        match self {
            Self::Tcp => limits::TCP_IDLE_TIMEOUT_MS_DEFAULT,
            Self::Http | Self::Https => limits::HTTP_IDLE_TIMEOUT_MS_DEFAULT,
            Self::Udp => limits::UDP_IDLE_TIMEOUT_MS_DEFAULT,
        }
    }

    /// Whether its ports are those of TCP: TCP and UDP may use the same number.
    pub const fn is_stream(self) -> bool {
        match self {
            Self::Tcp | Self::Http | Self::Https => true,
            Self::Udp => false,
        }
    }

    /// Whether it is made of HTTP requests.
    pub const fn is_http(self) -> bool {
        match self {
            Self::Http | Self::Https => true,
            Self::Tcp | Self::Udp => false,
        }
    }
}

/// What persistence goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersistenceKind {
    /// Every connection, request or flow is scheduled anew.
    #[default]
    Off,
    /// The client's address; `tcp` and `udp` listeners (S-41).
    Source,
    /// A cookie that poised inserts; `http` and `https` listeners (S-42, S-43).
    CookieInsert,
    /// A cookie that the backend sets and poised rewrites; `http` and `https` listeners (S-44).
    CookieRewrite,
    /// That of the listener; routes.
    Inherit,
}

/// What happens to a client whose remembered backend may not be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Redispatch {
    /// It goes to another backend, which is remembered from then on.
    #[default]
    Move,
    /// It is refused until its backend is back or its entry has expired.
    Refuse,
}

/// What happens to the `X-Forwarded-For` of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedFor {
    /// The client's address is added behind what the request brought (S-54).
    #[default]
    Append,
    /// Only the client's address is sent.
    Replace,
    /// The field passes untouched.
    Off,
}

/// How backends of `tcp` and `udp` listeners learn the client's address (S-52, S-53, L-04).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAddress {
    /// They see poised's own address.
    #[default]
    Off,
    /// A PROXY protocol header of version 1 goes ahead of a connection.
    ProxyV1,
    /// A PROXY protocol header of version 2 goes ahead of a connection or of a flow's first datagram.
    ProxyV2,
    /// poised speaks from the client's own address; needs `CAP_NET_ADMIN` and routes back.
    Transparent,
}

/// Whether clients send a PROXY protocol header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyMode {
    /// None is read.
    #[default]
    Off,
    /// Listed addresses may send one; what others send is data.
    Optional,
    /// Connections without one, or from an address that is not listed, are refused.
    Required,
}

/// How a group chooses a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheduler {
    /// In turn, whatever the weight (weight 0 is still skipped).
    Rr,
    /// In turn, in exact proportion to the effective weight.
    #[default]
    Wrr,
    /// Fewest connections, flows or requests in flight per effective weight.
    Wlc,
    /// By the client's address: the same client always meets the same backend, and when one goes
    /// only its own clients move.
    Hash,
    /// The less loaded of two backends drawn by weight.
    P2c,
}

/// When a group counts as having too few usable backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailOpenWhen {
    /// When none is usable (behaviour.md §4.4).
    #[default]
    AllDown,
    /// Never: connections are refused and requests answered 503 when none is usable.
    Never,
    /// When fewer are usable than `below` says.
    Below,
}

/// Whom a group uses that has too few usable backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailOpenUse {
    /// All enabled backends with weight.
    #[default]
    All,
    /// Those that were usable when there were last enough of them.
    LastKnownGood,
    /// Nobody: connections are refused and requests answered 503, so that the few are not overrun.
    Reject,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// No.
    #[default]
    Off,
    /// Yes.
    On,
}

/// What a backend counts as before its first verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialHealth {
    /// What was known of it before a restart, and otherwise unknown.
    #[default]
    CarryOver,
    /// Unknown: usable, and the first verdict decides at once.
    Unknown,
    /// Up: usable until it fails `fall` times in a row.
    Up,
    /// Down: unused until it passes `rise` times in a row.
    Down,
}

/// Which verdicts the health log keeps (S-61, L-12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthLog {
    /// Every one, equal ones in a row folded.
    #[default]
    All,
    /// Failures and transitions.
    Failures,
    /// Transitions.
    Transitions,
}

/// What the operator wants of a backend; health never changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdminState {
    /// Takes traffic when healthy.
    #[default]
    Enabled,
    /// Takes no new clients; clients that persistence binds to it still come; still probed.
    Draining,
    /// Maintenance: no traffic and no probes.
    Disabled,
    /// Takes nobody new, bound clients move to other backends; still probed.
    DrainingHard,
}

impl AdminState {
    /// Whether it is being emptied.
    pub const fn is_draining(self) -> bool {
        matches!(self, Self::Draining | Self::DrainingHard)
    }
}

/// What happens to what is still open when the time of a drain is over (behaviour.md §4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrainEnd {
    /// It stays open.
    #[default]
    Leave,
    /// It is closed in good order.
    Close,
    /// It is reset.
    Reset,
}

impl DrainEnd {
    /// Whether what is left is ended.
    pub const fn cuts(self) -> bool {
        matches!(self, Self::Close | Self::Reset)
    }
}

/// What a probe speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckProtocol {
    /// No probes: backends count as up, a dead one is noticed only by failing dials (S-32).
    Off,
    /// A three-way handshake (S-22).
    #[default]
    Tcp,
    /// One HTTP request; its status code decides (S-23).
    Http,
    /// One datagram; a reply, or an ICMP error, decides (L-19).
    Udp,
    /// `http` over TLS, also where the group speaks none (L-01).
    Https,
    /// The health service of gRPC over HTTP/2.
    Grpc,
}

/// Version of an HTTP probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckVersion {
    /// What the group speaks to its backends.
    #[default]
    Auto,
    /// HTTP/1.0, as the reference's probes (S-36).
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2, with prior knowledge or as TLS agrees on.
    Http2,
}

/// Method of an HTTP probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CheckMethod {
    /// S-23.
    #[default]
    Head,
    /// L-01.
    Get,
    /// L-01; its body is `send`.
    Post,
    /// L-01.
    Options,
}

/// The PROXY protocol header of a probe: it says that poised speaks for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckProxy {
    /// None is sent.
    #[default]
    Off,
    /// Version 1, `UNKNOWN`; it has no form for `udp`.
    V1,
    /// Version 2, `LOCAL`.
    V2,
}

/// Gives each value of a type its word.
macro_rules! words {
    ($($kind:ty { $($variant:path => $word:literal),+ $(,)? })+) => {$(
        impl $kind {
            /// Every value with the word that stands for it in configuration and on screens.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, $variant)),+];

            /// The word that stands for this value.
            pub const fn word(self) -> &'static str {
                match self { $($variant => $word),+ }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    )+};
}
pub(super) use words;

words! {
    Protocol { Self::Tcp => "tcp", Self::Http => "http", Self::Udp => "udp", Self::Https => "https" }
    PersistenceKind {
        Self::Off => "off",
        Self::Source => "source",
        Self::CookieInsert => "cookie-insert",
        Self::CookieRewrite => "cookie-rewrite",
        Self::Inherit => "inherit",
    }
    Redispatch { Self::Move => "move", Self::Refuse => "refuse" }
    ForwardedFor { Self::Append => "append", Self::Replace => "replace", Self::Off => "off" }
    ClientAddress {
        Self::Off => "off",
        Self::ProxyV1 => "proxy-v1",
        Self::ProxyV2 => "proxy-v2",
        Self::Transparent => "transparent",
    }
    ProxyMode { Self::Off => "off", Self::Optional => "optional", Self::Required => "required" }
    Scheduler { Self::Rr => "rr", Self::Wrr => "wrr", Self::Wlc => "wlc", Self::Hash => "hash", Self::P2c => "p2c" }
    FailOpenWhen { Self::AllDown => "all-down", Self::Never => "never", Self::Below => "below" }
    FailOpenUse { Self::All => "all", Self::LastKnownGood => "last-known-good", Self::Reject => "reject" }
    Switch { Self::Off => "off", Self::On => "on" }
    InitialHealth {
        Self::CarryOver => "carry-over",
        Self::Unknown => "unknown",
        Self::Up => "up",
        Self::Down => "down",
    }
    HealthLog { Self::All => "all", Self::Failures => "failures", Self::Transitions => "transitions" }
    AdminState {
        Self::Enabled => "enabled",
        Self::Draining => "draining",
        Self::Disabled => "disabled",
        Self::DrainingHard => "draining-hard",
    }
    DrainEnd { Self::Leave => "leave", Self::Close => "close", Self::Reset => "reset" }
    CheckProtocol {
        Self::Off => "off",
        Self::Tcp => "tcp",
        Self::Http => "http",
        Self::Udp => "udp",
        Self::Https => "https",
        Self::Grpc => "grpc",
    }
    CheckVersion { Self::Auto => "auto", Self::Http10 => "1.0", Self::Http11 => "1.1", Self::Http2 => "2" }
    CheckMethod { Self::Head => "HEAD", Self::Get => "GET", Self::Post => "POST", Self::Options => "OPTIONS" }
    CheckProxy { Self::Off => "off", Self::V1 => "v1", Self::V2 => "v2" }
}
