//! Where a request would go: what `poise route-test` asks and what the daemon answers.
//!
//! The daemon reads the request by the plan in force, as it would one of a client, and sends nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::name::Name;

/// A request that is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteQuery {
    /// The listener that it comes to; those of its scheme, and of its port if any has it, when absent.
    #[serde(default)]
    pub listener: Option<Name>,
    /// It comes by TLS.
    pub is_https: bool,
    /// The port that it comes to.
    pub port: u16,
    /// Its method.
    pub method: String,
    /// Its host, with or without port.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// Its other fields, names and values.
    pub headers: Vec<(String, String)>,
}

/// What a route asks of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// One of its hosts.
    Host,
    /// Its path, prefix or expression.
    Path,
    /// One of its methods.
    Method,
    /// All of its fields.
    Header,
}

impl Condition {
    /// The word for screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Path => "path",
            Self::Method => "method",
            Self::Header => "header",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What one listener would do with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteAnswer {
    /// The listener.
    pub listener: Name,
    /// The path that routes compare: decoded, without dots and doubled slashes.
    pub path: String,
    /// What each rule says, in the order of precedence, up to the one that takes the request.
    pub rules: Vec<RuleVerdict>,
    /// The route that takes it; none: what stands for the listener itself.
    pub route: Option<Name>,
    /// What becomes of it.
    pub outcome: RouteOutcome,
}

/// What a route says to a request for one of its hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    /// The route; none: what stands for the listener itself.
    pub route: Option<Name>,
    /// The host, if the route names any.
    pub host: Option<String>,
    /// The first condition that the request does not meet; absent if it meets all.
    pub fails: Option<Condition>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteOutcome {
    /// It goes to a backend of one of these groups.
    Groups {
        /// The groups, with their parts of a split.
        groups: Vec<RouteGroup>,
        /// The backend that its cookie leads to, as `group/backend`.
        pinned: Option<String>,
    },
    /// The client is sent elsewhere.
    Redirect {
        /// With this status.
        status: u16,
        /// To this place.
        location: String,
    },
    /// It is refused.
    Refused {
        /// Because of this.
        cause: Cause,
    },
}

/// A group that a request may go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteGroup {
    /// Its name.
    pub name: Name,
    /// Its part of the requests, in thousandths.
    pub share_permille: u16,
    /// The backends that take new requests now, each with its part of them in thousandths; for
    /// schedulers that go by load, its part in the long run.
    pub backends: Vec<(Name, u16)>,
    /// Why it takes none, if it does not.
    pub refuses: Option<Cause>,
}
