//! Persistence in the words of the protocol: what it said of a request, what was counted, and whom
//! a cookie binds.
//!
//! The rules are core's. Used by status, logs, `poise test persistence` and the console.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::PersistenceKind;
use crate::name::Name;

/// What persistence said of a request, the gravest last: of several cookies of one name the first
/// that can be used decides, else the gravest verdict on any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum PersistenceVerdict {
    /// The request carried no cookie.
    #[default]
    New,
    /// It carried a value that poise never writes.
    Forged,
    /// It carried a token of no backend that the request may go to: removed, of another group, or
    /// made under another key.
    Unknown,
    /// Its client had been away for longer than the idle time.
    IdleExpired,
    /// Its client had been bound for longer than the life time.
    LifeExpired,
    /// Its backend could not be used, and another took the client over.
    Moved,
    /// Its backend could not be used, and nobody else may take the client.
    Refused,
    /// It went to the backend of its client.
    Kept,
}

impl PersistenceVerdict {
    /// Every verdict, in the order of its discriminant.
    pub const ALL: [Self; 8] = [
        Self::New,
        Self::Forged,
        Self::Unknown,
        Self::IdleExpired,
        Self::LifeExpired,
        Self::Moved,
        Self::Refused,
        Self::Kept,
    ];

    /// The word for logs and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Forged => "forged",
            Self::Unknown => "unknown",
            Self::IdleExpired => "idle-expired",
            Self::LifeExpired => "life-expired",
            Self::Moved => "moved",
            Self::Refused => "refused",
            Self::Kept => "kept",
        }
    }
}

impl fmt::Display for PersistenceVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What cookie persistence has counted: requests by verdict, and cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersistenceCounters {
    /// Requests without a cookie.
    #[serde(default)]
    pub new_total: u64,
    /// Requests that went to the backend of their client.
    #[serde(default)]
    pub kept_total: u64,
    /// Requests whose client had been away for too long.
    #[serde(default)]
    pub idle_expired_total: u64,
    /// Requests whose client had been bound for too long.
    #[serde(default)]
    pub life_expired_total: u64,
    /// Requests with a token of no backend that they may go to.
    #[serde(default)]
    pub unknown_total: u64,
    /// Requests with a value that poise never writes.
    #[serde(default)]
    pub forged_total: u64,
    /// Clients that moved because their backend could not be used or reached.
    #[serde(default)]
    pub redispatched_total: u64,
    /// Requests that were refused because their client may not move.
    #[serde(default)]
    pub refused_total: u64,
    /// Cookies set, anew or refreshed, and cookies of backends rewritten.
    #[serde(default)]
    pub set_total: u64,
    /// Cookies of backends left as they were because browsers would have dropped the longer ones.
    #[serde(default)]
    pub too_long_total: u64,
}

impl PersistenceCounters {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whom a cookie binds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CookieQuery {
    /// Its name.
    pub name: String,
    /// Its value, as a client holds it.
    pub value: String,
}

/// What a cookie means to one listener or route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CookieRow {
    /// The listener whose cookie has this name.
    pub listener: Name,
    /// Its route, if the cookie is that of a route.
    pub route: Option<Name>,
    /// Whether poised inserts the cookie or rewrites the backend's.
    pub kind: PersistenceKind,
    /// What a request with it would be told now.
    pub verdict: PersistenceVerdict,
    /// The group of the backend that it binds to.
    pub group: Option<Name>,
    /// The backend that it binds to, if it is known.
    pub backend: Option<Name>,
    /// Since when, in milliseconds since the epoch, where the cookie says so.
    pub first_ms: Option<u64>,
    /// When the client was last seen, likewise.
    pub last_ms: Option<u64>,
}
