//! Groups, their backends and how those are probed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Address, AdminState, BackendProtocol, BackendTls, CheckMethod, CheckProtocol, CheckProxy, Count};
use super::{DrainEnd, FailOpen, Scheduler};
use crate::limits;
use crate::name::Name;

/// A named set of backends with its scheduler and health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// How a backend is chosen (S-11).
    pub scheduler: Scheduler,
    /// How backends are probed.
    pub health_check: HealthCheck,
    /// What happens when no backend is up.
    pub fail_open: FailOpen,
    /// Time in which a backend that comes back grows to its weight, in milliseconds; at once if
    /// absent (behaviour.md §4.3).
    pub slow_start_ms: Option<u32>,
    /// Connections or requests that may wait while every backend is full; 0: nobody waits.
    pub queue_max: Count,
    /// How long one may wait, in milliseconds.
    pub queue_timeout_ms: u32,
    /// Backends by name.
    pub backends: BTreeMap<Name, Backend>,
    /// `http`, `https`: what is spoken to the backends.
    pub backend_protocol: BackendProtocol,
    /// `http`, `https`: TLS towards the backends.
    pub tls: BackendTls,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            scheduler: Scheduler::default(),
            health_check: HealthCheck::default(),
            fail_open: FailOpen::default(),
            slow_start_ms: None,
            queue_max: limits::QUEUE_DEFAULT,
            queue_timeout_ms: limits::QUEUE_TIMEOUT_MS_DEFAULT,
            backends: BTreeMap::new(),
            backend_protocol: BackendProtocol::default(),
            tls: BackendTls::default(),
        }
    }
}

impl Group {
    /// The same group without its backends.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self { health_check: self.health_check.clone(), tls: self.tls.clone(), backends: BTreeMap::new(), ..*self }
    }
}

/// One address and port that receives traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Where it listens.
    pub address: Address,
    /// Configured weight, 0 to 1000; 0 takes no new connections or requests (S-12).
    pub weight: u16,
    /// What the operator wants of it.
    pub state: AdminState,
    /// Whether it serves only while no other backend can.
    pub backup: bool,
    /// Connections or requests it works on at once; no bound if absent.
    pub max_connections: Option<Count>,
    /// How a drain ends.
    pub drain: Drain,
}

impl Backend {
    /// An enabled backend of default weight.
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            address: address.into(),
            weight: limits::WEIGHT_DEFAULT,
            state: AdminState::Enabled,
            backup: false,
            max_connections: None,
            drain: Drain::default(),
        }
    }
}

/// How a drain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Time that what is open has to end by itself, in milliseconds.
    pub timeout_ms: u32,
    /// What happens then to what is left.
    pub then: DrainEnd,
}

impl Default for Drain {
    fn default() -> Self {
        Self { timeout_ms: limits::DRAIN_TIMEOUT_MS_DEFAULT, then: DrainEnd::Leave }
    }
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
    /// `udp`: what is sent; an empty datagram when absent (L-19). Text, or bytes as `hex:0a0b`.
    pub send: Option<String>,
    /// `udp`: what a reply must begin with, written like `send`; when absent any reply passes, and
    /// silence proves nothing unless something was sent.
    pub receive: Option<String>,
    /// `http`, `udp`: the PROXY protocol header that goes ahead, for backends that insist on one (L-04).
    pub proxy: CheckProxy,
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

#[cfg(test)]
mod tests;
