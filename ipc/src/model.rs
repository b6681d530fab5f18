//! The configuration as the daemon needs it: typed, complete, every default filled in.
//!
//! The text that operators write (TOML, durations as `2s`) is read and printed by `text`;
//! whether a configuration makes sense as a whole is decided by `validate`. On the wire these
//! types travel as they are: durations are integers in milliseconds. Fields and variants are only
//! ever appended.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::name::Name;

/// The desired state of the balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Listeners by name.
    pub listeners: BTreeMap<Name, Listener>,
    /// Groups by name.
    pub groups: BTreeMap<Name, Group>,
}

/// An address, port and protocol that poised accepts on (S-01, S-02).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Address and port to accept on (S-03).
    pub bind: SocketAddr,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The group that receives the traffic.
    pub group: Name,
    /// Whether later work of a client goes to the same backend.
    pub persistence: Persistence,
    /// Silence after which a connection is closed, in milliseconds: for `tcp` per direction
    /// (default 900 s, S-57), for `http` between two requests of a client (default 60 s).
    pub idle_timeout_ms: u32,
    /// Time to reach a backend before the next one is tried, in milliseconds.
    pub connect_timeout_ms: u32,
    /// `http`: silence of a backend after which the client gets 504, in milliseconds (S-56).
    pub response_timeout_ms: u32,
    /// `http`: what happens to `X-Forwarded-For` (S-52, S-54).
    pub forwarded_for: ForwardedFor,
}

impl Listener {
    /// A listener with every default of its protocol.
    pub fn new(bind: SocketAddr, protocol: Protocol, group: Name) -> Self {
        Self {
            bind,
            protocol,
            group,
            persistence: Persistence::Off,
            idle_timeout_ms: protocol.idle_timeout_ms_default(),
            connect_timeout_ms: limits::CONNECT_TIMEOUT_MS_DEFAULT,
            response_timeout_ms: limits::RESPONSE_TIMEOUT_MS_DEFAULT,
            forwarded_for: ForwardedFor::default(),
        }
    }
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Byte streams, forwarded as they are.
    Tcp,
    /// HTTP/1.1 requests, each scheduled on its own.
    Http,
}

impl Protocol {
    /// The idle timeout of a listener that names none, in milliseconds.
    pub const fn idle_timeout_ms_default(self) -> u32 {
        match self {
            Self::Tcp => limits::TCP_IDLE_TIMEOUT_MS_DEFAULT,
            Self::Http => limits::HTTP_IDLE_TIMEOUT_MS_DEFAULT,
        }
    }
}

/// Later work of a client goes to the same backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persistence {
    /// Every connection or request is scheduled anew.
    #[default]
    Off,
    /// By client address; `tcp` listeners (S-41).
    Source {
        /// How long an entry outlives its last use, in milliseconds.
        timeout_ms: u32,
    },
    /// By a cookie that poised inserts; `http` listeners (S-42, S-43).
    CookieInsert {
        /// Name of the cookie (S-45).
        cookie: String,
        /// Age after which the client drops the cookie, in milliseconds.
        timeout_ms: u32,
    },
}

/// What happens to the `X-Forwarded-For` of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// A named set of backends with its scheduler and health check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// How a backend is chosen (S-11).
    pub scheduler: Scheduler,
    /// How backends are probed.
    pub health_check: HealthCheck,
    /// What happens when no backend is up.
    pub fail_open: FailOpen,
    /// Backends by name.
    pub backends: BTreeMap<Name, Backend>,
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
    /// Fewest connections or requests in flight per effective weight.
    Wlc,
}

/// What a group does when no backend is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailOpen {
    /// All enabled backends with weight are used although down (behaviour.md §4.4).
    #[default]
    AllDown,
    /// Connections are refused and requests answered 503.
    Never,
}

/// One address and port that receives traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Where it listens.
    pub address: SocketAddr,
    /// Configured weight, 0 to 1000; 0 takes no new connections or requests (S-12).
    pub weight: u16,
    /// What the operator wants of it.
    pub state: AdminState,
}

impl Backend {
    /// An enabled backend of default weight.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, weight: limits::WEIGHT_DEFAULT, state: AdminState::Enabled }
    }
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
}

/// How the backends of a group are probed (S-20 to S-38).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What a probe speaks.
    pub protocol: CheckProtocol,
    /// Port to probe; the backend's own when absent (S-24).
    pub port: Option<u16>,
    /// Time between the starts of two probes, in milliseconds (S-29).
    pub interval_ms: u32,
    /// Time one probe may take, in milliseconds (S-28).
    pub timeout_ms: u32,
    /// Consecutive passes that turn a backend up (S-30).
    pub rise: u16,
    /// Consecutive failures that turn a backend down (S-30).
    pub fall: u16,
    /// `http`: request method (S-23, L-01).
    pub method: CheckMethod,
    /// `http`: request target (S-25).
    pub path: String,
    /// `http`: `Host`; the backend's address when absent (S-26).
    pub host: Option<String>,
    /// `http`: status codes that pass, sorted and disjoint (S-27).
    pub expect: Vec<CodeRange>,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            protocol: CheckProtocol::Tcp,
            port: None,
            interval_ms: limits::CHECK_INTERVAL_MS_DEFAULT,
            timeout_ms: limits::CHECK_TIMEOUT_MS_DEFAULT,
            rise: limits::CHECK_THRESHOLD_DEFAULT,
            fall: limits::CHECK_THRESHOLD_DEFAULT,
            method: CheckMethod::Head,
            path: "/".to_owned(),
            host: None,
            expect: vec![CodeRange { low: 200, high: 399 }],
        }
    }
}

impl HealthCheck {
    /// Whether `code` passes.
    pub fn expects(&self, code: u16) -> bool {
        self.expect.iter().any(|range| (range.low..=range.high).contains(&code))
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
}

/// Status codes from `low` to `high`, both included; written `204`, `200-204` or `2xx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CodeRange {
    /// First code, 100 to 599.
    pub low: u16,
    /// Last code, `low` to 599.
    pub high: u16,
}

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

words! {
    Protocol { Self::Tcp => "tcp", Self::Http => "http" }
    ForwardedFor { Self::Append => "append", Self::Replace => "replace", Self::Off => "off" }
    Scheduler { Self::Rr => "rr", Self::Wrr => "wrr", Self::Wlc => "wlc" }
    FailOpen { Self::AllDown => "all-down", Self::Never => "never" }
    AdminState { Self::Enabled => "enabled", Self::Draining => "draining", Self::Disabled => "disabled" }
    CheckProtocol { Self::Off => "off", Self::Tcp => "tcp", Self::Http => "http" }
    CheckMethod { Self::Head => "HEAD", Self::Get => "GET" }
}
