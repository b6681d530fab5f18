//! Certificates, what is spoken over TLS, the log of requests and poised's own replies.

use serde::{Deserialize, Serialize};

use super::{BackendTlsMode, LogFormat, TlsVersion, UnknownName};
use crate::cause::Cause;
use crate::limits;
use crate::name::Name;

/// A certificate with its key, by the files that hold them. The files are read at the commit and
/// when a reload is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// PEM file of the certificate and those that lead to its root, the certificate first.
    pub chain: String,
    /// PEM file of its key.
    pub key: String,
}

/// `https`: the certificates of a listener and what is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerTls {
    /// Certificates; each serves the names that it speaks for, the first also serves clients that
    /// ask for none.
    pub certificates: Vec<Name>,
    /// What a client gets that asks for another name.
    pub unknown_name: UnknownName,
    /// The oldest TLS that is spoken.
    pub min_version: TlsVersion,
    /// Time that a handshake may take, in milliseconds.
    pub handshake_timeout_ms: u32,
}

impl Default for ListenerTls {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            unknown_name: UnknownName::default(),
            min_version: TlsVersion::default(),
            handshake_timeout_ms: limits::HANDSHAKE_TIMEOUT_MS_DEFAULT,
        }
    }
}

/// TLS towards the backends of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendTls {
    /// Whether it is spoken.
    pub mode: BackendTlsMode,
    /// PEM file of the roots that are believed; the system's if absent.
    pub ca: Option<String>,
    /// The name that is asked for and verified; the host of the backend's address if absent.
    pub name: Option<String>,
}

/// The log of a listener's requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLog {
    /// How they are written.
    pub format: LogFormat,
    /// The file; the daemon's standard output if absent.
    pub path: Option<String>,
    /// The field that tells backends the id of a request.
    pub id_header: String,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { format: LogFormat::default(), path: None, id_header: limits::ID_HEADER_DEFAULT.to_owned() }
    }
}

/// What poised's own replies of one cause say: `no-route /etc/poise/404.html`. Travels as its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ReplyRule {
    /// The cause.
    pub cause: Cause,
    /// The file that holds the body.
    pub path: String,
}
