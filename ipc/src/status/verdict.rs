//! What one probe of a backend found: passed, failed where and why, or silence.
//!
//! Words for logs, screens and the wire. What verdicts lead to is core's; probing is the daemon's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What one probe found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The check passed; for `http` with this status code.
    Pass {
        /// Status code of an HTTP probe.
        code: Option<u16>,
    },
    /// The check failed.
    Fail {
        /// How far the probe came.
        phase: Phase,
        /// What went wrong there.
        reason: Reason,
        /// Status code, where one was read.
        code: Option<u16>,
    },
    /// `udp`: nothing came back where nothing had to, which proves neither the one nor the other.
    Silent,
}

impl Verdict {
    /// Whether the check passed.
    pub const fn passed(&self) -> bool {
        matches!(self, Self::Pass { .. })
    }

    /// Whether the check failed.
    pub const fn failed(&self) -> bool {
        matches!(self, Self::Fail { .. })
    }

    /// Status code of an HTTP probe, where one was read.
    pub const fn code(&self) -> Option<u16> {
        match self {
            Self::Pass { code } | Self::Fail { code, .. } => *code,
            Self::Silent => None,
        }
    }
}

/// How far a probe came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Reaching the backend.
    Connect,
    /// Sending the request.
    Send,
    /// Waiting for the head of the response.
    Response,
    /// Shaking hands over TLS.
    Tls,
    /// Finding the address of a name.
    Resolve,
    /// Reading the body of the response.
    Body,
}

/// What went wrong with a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing listens there.
    Refused,
    /// No answer within the timeout.
    Timeout,
    /// No route, or another error of the network.
    Unreachable,
    /// The connection was reset or closed early.
    Reset,
    /// A status code outside the expected ones.
    Code,
    /// What came back is no HTTP response.
    Garbage,
    /// poised could not send the probe (descriptors or ports used up); not the backend's fault.
    Local,
    /// Its certificate is not valid at this time.
    Expired,
    /// Its certificate is signed by nobody who is believed.
    UnknownIssuer,
    /// Its certificate is for another name.
    WrongName,
    /// Its certificate is not believed for another reason.
    BadCertificate,
    /// The handshake failed, or it does not speak TLS.
    Handshake,
    /// What came back is not what was to come.
    Content,
    /// gRPC: the service says that it does not serve.
    NotServing,
}

impl Phase {
    /// The word for logs and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Send => "send",
            Self::Response => "response",
            Self::Tls => "tls",
            Self::Resolve => "resolve",
            Self::Body => "body",
        }
    }
}

impl Reason {
    /// Every reason, for helps and completions.
    pub const ALL: [Self; 14] = [
        Self::Refused,
        Self::Timeout,
        Self::Unreachable,
        Self::Reset,
        Self::Code,
        Self::Garbage,
        Self::Local,
        Self::Expired,
        Self::UnknownIssuer,
        Self::WrongName,
        Self::BadCertificate,
        Self::Handshake,
        Self::Content,
        Self::NotServing,
    ];

    /// The word for logs and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Code => "code",
            Self::Garbage => "garbage",
            Self::Local => "local",
            Self::Expired => "expired",
            Self::UnknownIssuer => "unknown-issuer",
            Self::WrongName => "wrong-name",
            Self::BadCertificate => "bad-certificate",
            Self::Handshake => "handshake",
            Self::Content => "content",
            Self::NotServing => "not-serving",
        }
    }
}

/// How long each part of a probe took, in microseconds from the end of the part before; absent where
/// it did not come so far or there is no such part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Phases {
    /// Finding the address of a name.
    #[serde(default)]
    pub resolve_us: Option<u64>,
    /// Reaching the backend.
    #[serde(default)]
    pub connect_us: Option<u64>,
    /// Shaking hands over TLS.
    #[serde(default)]
    pub tls_us: Option<u64>,
    /// From the request to the first byte of the response.
    #[serde(default)]
    pub first_byte_us: Option<u64>,
    /// From there to all of the response that was looked at.
    #[serde(default)]
    pub rest_us: Option<u64>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass { code: None } => f.pad("pass"),
            Self::Silent => f.pad("silent"),
            Self::Pass { code: Some(code) } => f.pad(&format!("pass {code}")),
            Self::Fail { phase, reason, code: None } => f.pad(&format!("fail {} {}", phase.word(), reason.word())),
            Self::Fail { reason, code: Some(code), .. } => f.pad(&format!("fail {} {code}", reason.word())),
        }
    }
}
