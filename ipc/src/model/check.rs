//! How backends are judged: by probes, by the traffic itself, and what a group does with the verdicts.
//!
//! What the settings lead to is core's `health`; the words among them are in `words`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ByteSize, CheckMethod, CheckProtocol, CheckProxy, CheckVersion, FailOpenUse, FailOpenWhen, HealthLog};
use super::{InitialHealth, Switch};
use crate::limits;

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
    /// `http`, `https`: request method (S-23, L-01).
    pub method: CheckMethod,
    /// `http`, `https`: request target (S-25).
    pub path: String,
    /// `http`, `https`, `grpc`: `Host`; the backend's address when absent (S-26).
    pub host: Option<String>,
    /// `http`, `https`: status codes that pass, sorted and disjoint (S-27).
    pub expect: Vec<CodeRange>,
    /// `udp`, `tcp`: what is sent; `http`, `https`: the body of a POST (L-19). Text, or bytes as `hex:0a0b`.
    pub send: Option<String>,
    /// What must come back, written like `send`. `udp`, `tcp`: what a reply begins with; without it
    /// any reply to what was sent passes. `http`, `https`: what the body contains.
    pub receive: Option<String>,
    /// The PROXY protocol header that goes ahead, for backends that insist on one (L-04).
    pub proxy: CheckProxy,
    /// `http`, `https`: the version that is spoken.
    pub version: CheckVersion,
    /// `http`, `https`: fields of the request beside poised's own.
    pub headers: Vec<CheckField>,
    /// `https`, `grpc` over TLS: the name that is asked for (SNI); `host`, or the group's, when absent.
    pub server_name: Option<String>,
    /// `udp`, `tcp`, `http`, `https`: an expression that what comes back must match somewhere.
    pub receive_regex: Option<String>,
    /// Bytes of an answer that are looked at (S-40).
    pub receive_max: ByteSize,
    /// `grpc`: the service that is asked after; the server as a whole when absent.
    pub service: Option<String>,
    /// Time between probes while verdicts contradict the health, in milliseconds; `interval_ms` when absent.
    pub fast_interval_ms: Option<u32>,
    /// Time between probes of a backend that is down, in milliseconds; `interval_ms` when absent.
    pub down_interval_ms: Option<u32>,
    /// What a backend counts as before its first verdict.
    pub initial: InitialHealth,
    /// Which verdicts the health log keeps (S-61).
    pub log: HealthLog,
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
            send: None,
            receive: None,
            proxy: CheckProxy::Off,
            version: CheckVersion::Auto,
            headers: Vec::new(),
            server_name: None,
            receive_regex: None,
            receive_max: limits::CHECK_RECEIVE_DEFAULT,
            service: None,
            fast_interval_ms: None,
            down_interval_ms: None,
            initial: InitialHealth::default(),
            log: HealthLog::default(),
        }
    }
}

impl HealthCheck {
    /// Whether `code` passes.
    pub fn expects(&self, code: u16) -> bool {
        self.expect.iter().any(|range| (range.low..=range.high).contains(&code))
    }

    /// The bytes of a payload as written in `send` and `receive`: those behind `hex:`, or the text's
    /// own. Digits that make no byte, which validation refuses, are left out.
    pub fn payload(text: &str) -> Vec<u8> {
        let Some(digits) = text.strip_prefix("hex:") else { return text.as_bytes().to_vec() };
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (pairs, _) = digits.as_bytes().as_chunks::<2>();
        pairs.iter().filter_map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
    }
}

/// Status codes from `low` to `high`, both included; written `204`, `200-204` or `2xx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CodeRange {
    /// First code, 100 to 599.
    pub low: u16,
    /// Last code, `low` to 599.
    pub high: u16,
}

/// A field that a probe sends: `X-Key: value`. Travels as its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CheckField {
    /// Its name, as written.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How many of a group's backends: a number, or a part of them, as in `2` and `25%`. Travels as its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Amount {
    /// So many.
    Number(u16),
    /// So many of a hundred, rounded up.
    Percent(u8),
}

impl Default for Amount {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Amount {
    /// How many of `all` that are.
    pub const fn of(self, all: usize) -> usize {
        match self {
            Self::Number(number) => number as usize,
            Self::Percent(percent) => (all * percent as usize).div_ceil(100),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.pad(&number.to_string()),
            Self::Percent(percent) => f.pad(&format!("{percent}%")),
        }
    }
}

/// What a group does when too few of its backends are usable (behaviour.md §4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailOpen {
    /// When that is so.
    pub when: FailOpenWhen,
    /// `below`: fewer usable backends than this.
    pub below: Amount,
    /// Whom it uses then.
    pub using: FailOpenUse,
}

impl FailOpen {
    /// What is so while it does, in few words: why, and who is used.
    pub fn words(&self) -> String {
        let why = match self.when {
            FailOpenWhen::Below => format!("fewer than {} usable", self.below),
            FailOpenWhen::AllDown | FailOpenWhen::Never => "none usable".to_owned(),
        };
        let who = match self.using {
            FailOpenUse::All => "every enabled one is used",
            FailOpenUse::LastKnownGood => "those of before are used",
            FailOpenUse::Reject => "everything is refused",
        };
        format!("{why}, {who}")
    }
}

/// Whether backends that come and go are kept out for longer (route flap damping, RFC 2439).
///
/// Each transition to down adds [`limits::FLAP_PENALTY`] to a score that halves every `half_life_ms`.
/// From `suppress` on the backend takes no traffic, until the score has fallen below `reuse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damping {
    /// Whether it is done.
    pub mode: Switch,
    /// Time in which the score halves, in milliseconds.
    pub half_life_ms: u32,
    /// Score from which on a backend is kept out.
    pub suppress: u16,
    /// Score below which it is used again.
    pub reuse: u16,
    /// Longest time that it is kept out, in milliseconds.
    pub suppress_ms_max: u32,
}

impl Default for Damping {
    fn default() -> Self {
        Self {
            mode: Switch::Off,
            half_life_ms: limits::FLAP_HALF_LIFE_MS_DEFAULT,
            suppress: limits::FLAP_SUPPRESS_DEFAULT,
            reuse: limits::FLAP_REUSE_DEFAULT,
            suppress_ms_max: limits::FLAP_SUPPRESS_MS_MAX_DEFAULT,
        }
    }
}

/// What traffic itself says of backends: one that fails so many times in a row is ejected for a time.
///
/// What clients break off counts for nothing. The time grows with each ejection that follows closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passive {
    /// Whether it is done.
    pub mode: Switch,
    /// Connections in a row that could not be made; 0: they do not count.
    pub connect_errors: u16,
    /// `http`, `https`: responses in a row with a 5xx status; 0: they do not count.
    pub server_errors: u16,
    /// Responses in a row that did not come in time; 0: they do not count.
    pub timeouts: u16,
    /// Length of the first ejection, in milliseconds.
    pub ejection_ms: u32,
    /// Longest ejection, in milliseconds.
    pub ejection_ms_max: u32,
}

impl Default for Passive {
    fn default() -> Self {
        Self {
            mode: Switch::Off,
            connect_errors: limits::PASSIVE_COUNT_DEFAULT,
            server_errors: limits::PASSIVE_COUNT_DEFAULT,
            timeouts: limits::PASSIVE_COUNT_DEFAULT,
            ejection_ms: limits::EJECTION_MS_DEFAULT,
            ejection_ms_max: limits::EJECTION_MS_MAX_DEFAULT,
        }
    }
}

#[cfg(test)]
mod tests;
