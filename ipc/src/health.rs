//! Questions about the health of one backend: probe it now, and why was it as it was.
//!
//! Asked by the verbs `poise health` and by the console; answered by the daemon's control.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{Address, CheckProtocol, CodeRange};
use crate::name::Name;
use crate::status::{CheckRow, Health, Phases, Verdict};

/// Bytes of a request or an answer that are kept.
pub const EXCERPT_BYTES_MAX: usize = 2_048;

/// A backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendQuery {
    /// Its group.
    pub group: Name,
    /// Its name.
    pub backend: Name,
}

/// How a backend was at a moment, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyQuery {
    /// Its group.
    pub group: Name,
    /// Its name.
    pub backend: Name,
    /// The moment, in milliseconds since the epoch; now if absent.
    #[serde(default)]
    pub at_ms: Option<u64>,
}

/// What a probe sent and received, as far as that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The first bytes that were sent, at most [`EXCERPT_BYTES_MAX`]; over TLS what was encrypted.
    pub sent: Vec<u8>,
    /// The first bytes that were received, at most [`EXCERPT_BYTES_MAX`].
    pub received: Vec<u8>,
    /// Bytes that were received in all.
    pub received_bytes: u64,
}

/// A probe that was made because somebody asked. It does not count towards the health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// Where it went, as configured.
    pub address: Address,
    /// Where that led.
    pub peer: Option<Address>,
    /// The address and port that it came from; none where nothing was connected.
    pub source: Option<Address>,
    /// What it spoke.
    pub protocol: CheckProtocol,
    /// What it found.
    pub verdict: Verdict,
    /// How long it took, in microseconds.
    pub latency_us: u64,
    /// How long each of its parts took.
    pub phases: Phases,
    /// What went over the wire.
    pub exchange: Exchange,
    /// The command that does the same from a shell (T-04).
    pub replay: String,
    /// The address that the way there begins at, which backends have to let in (T-07).
    #[serde(default)]
    pub way: Option<IpAddr>,
    /// `http`, `https`: the status codes that pass (T-03).
    #[serde(default)]
    pub expect: Vec<CodeRange>,
}

/// How a backend was at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyAnswer {
    /// The moment, in milliseconds since the epoch.
    pub at_ms: u64,
    /// Its health then.
    pub health: Health,
    /// Since when, in milliseconds since the epoch; 0 where the log does not reach so far.
    pub since_ms: u64,
    /// The transition that had led there, where the log has it.
    pub transition: Option<CheckRow>,
    /// What the probe of that transition sent and received.
    pub exchange: Option<Exchange>,
    /// The rows around the moment, oldest first.
    pub rows: Vec<CheckRow>,
    /// The transition that ended it, if it has ended.
    pub ended: Option<CheckRow>,
}
