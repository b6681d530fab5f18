//! What the daemon says about TLS: its certificates, and the handshakes of listeners.
//!
//! Times are milliseconds since the Unix epoch, and those of certificates may lie before it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A certificate of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// Its name in the configuration.
    pub name: Name,
    /// The file of its chain.
    pub chain: String,
    /// What the certificate in use says of itself; absent when none could be read.
    pub facts: Option<CertificateFacts>,
    /// Whole days until it expires, negative afterwards; absent when none could be read.
    pub days_left: Option<i64>,
    /// When it was read, in milliseconds since the epoch.
    pub loaded_ms: u64,
    /// Why the files could not be used when they were last read; the certificate of before stays in
    /// use then.
    pub error: Option<String>,
    /// The listeners that use it.
    pub listeners: Vec<Name>,
    /// What is doubtful about the files in use.
    pub notes: Vec<String>,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// Whom it is for: the common name, or the whole name where there is none.
    pub subject: String,
    /// The names and addresses that it speaks for; `*` stands for one label.
    pub names: Vec<String>,
    /// Who has signed it.
    pub issuer: String,
    /// Its serial number, in hexadecimal digits.
    pub serial: String,
    /// From when on it is valid, in milliseconds since the epoch.
    pub not_before_ms: i64,
    /// Until when it is valid.
    pub not_after_ms: i64,
    /// The kind of its key, as in `ECDSA P-256` or `RSA 2048`.
    pub key_type: String,
}

impl CertificateFacts {
    /// Whole days until it expires, negative afterwards.
    pub fn days_left(&self, now_ms: u64) -> i64 {
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        self.not_after_ms.saturating_sub(now_ms).div_euclid(DAY_MS)
    }
}

/// Handshakes of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsCounters {
    /// Handshakes that succeeded, those that resumed a session included.
    pub handshakes_total: u64,
    /// Those that resumed a session.
    pub resumed_total: u64,
    /// Those that failed, by reason; reasons that never occurred are absent.
    pub failures_total: Vec<(TlsFailure, u64)>,
    /// Those under way now.
    pub handshakes_open: u64,
}

/// Why a handshake with a client failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum TlsFailure {
    /// What came is no TLS.
    NotTls,
    /// No version of TLS is spoken by both.
    Version,
    /// No cipher, signature or protocol is known to both.
    Parameters,
    /// The client asked for a name of which no certificate speaks.
    UnknownName,
    /// The listener has no certificate that could be read.
    NoCertificate,
    /// The client did not like what it got.
    Refused,
    /// The client broke the protocol.
    Protocol,
    /// The client left.
    Closed,
    /// It took too long.
    Timeout,
    /// Too many handshakes were under way, and it was the one that had taken the longest.
    Busy,
    /// The client did not believe the certificate: an unknown authority, another name, a past.
    Distrusted,
    /// The client sent a request of plain HTTP; it was told so.
    PlainHttp,
}

impl TlsFailure {
    /// Every reason, in the order of its discriminant.
    pub const ALL: [Self; 12] = [
        Self::NotTls,
        Self::Version,
        Self::Parameters,
        Self::UnknownName,
        Self::NoCertificate,
        Self::Refused,
        Self::Protocol,
        Self::Closed,
        Self::Timeout,
        Self::Busy,
        Self::Distrusted,
        Self::PlainHttp,
    ];

    /// The word for counters, logs and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotTls => "not-tls",
            Self::Version => "version",
            Self::Parameters => "parameters",
            Self::UnknownName => "unknown-name",
            Self::NoCertificate => "no-certificate",
            Self::Refused => "refused",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Busy => "busy",
            Self::Distrusted => "distrusted",
            Self::PlainHttp => "plain-http",
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
