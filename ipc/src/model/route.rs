//! Routes: which requests of a listener go where.
//!
//! How each text is written and read is `text::routes`; matching is the daemon's.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{Persistence, PersistenceKind, RedirectTo};
use crate::limits;
use crate::name::Name;

/// A rule of an `http` or `https` listener: the requests that it takes, and where they go.
///
/// Of those that fit a request the first takes it: by priority, then by host (exact, then wildcards
/// with more labels, then none), then by path (exact, then regex, then longer prefixes, then none),
/// then by how many methods and headers are asked for, then by name. What no route takes goes where
/// the listener says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Hosts that it takes; every host if there is none.
    pub hosts: Vec<HostPattern>,
    /// The path that it takes.
    pub path: Option<String>,
    /// The beginning of the paths that it takes, by whole segments.
    pub path_prefix: Option<String>,
    /// The regular expression of the paths that it takes, from beginning to end.
    pub path_regex: Option<String>,
    /// Methods that it takes; every method if there is none.
    pub methods: Vec<MethodName>,
    /// Fields that a request must have, all of them.
    pub headers: Vec<HeaderMatch>,
    /// Order among the routes of the listener, higher first.
    pub priority: u16,
    /// The group that its requests go to.
    pub group: Option<Name>,
    /// The groups that its requests are split between.
    pub split: Vec<Share>,
    /// Where its requests are sent instead.
    pub redirect: Redirect,
    /// Whether later requests of a client go to the same backend.
    pub persistence: Persistence,
    /// Silence of a backend after which the client gets 504, in milliseconds; the listener's if
    /// absent (L-16).
    pub response_timeout_ms: Option<u32>,
    /// Fields that are changed on the way to the backend.
    pub request_headers: Vec<HeaderEdit>,
    /// Fields that are changed on the way to the client.
    pub response_headers: Vec<HeaderEdit>,
}

impl Default for Route {
    /// A route that takes every request and leads nowhere yet.
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            path: None,
            path_prefix: None,
            path_regex: None,
            methods: Vec::new(),
            headers: Vec::new(),
            priority: 0,
            group: None,
            split: Vec::new(),
            redirect: Redirect::default(),
            persistence: Persistence { kind: PersistenceKind::Inherit, ..Persistence::default() },
            response_timeout_ms: None,
            request_headers: Vec::new(),
            response_headers: Vec::new(),
        }
    }
}

impl Route {
    /// The groups that its requests may go to.
    pub fn groups(&self) -> impl Iterator<Item = &Name> {
        self.group.iter().chain(self.split.iter().map(|share| &share.group))
    }

    /// Its place among the routes of a listener for one of its hosts, or for every host: the smaller
    /// comes first, and names decide between equals.
    pub fn rank(&self, host: Option<&HostPattern>) -> impl Ord + use<> {
        let host = match host {
            Some(host) if !host.below => (0, 0),
            Some(host) => (1, usize::MAX - host.name.split('.').count()),
            None => (2, 0),
        };
        let path = match (&self.path, &self.path_regex, &self.path_prefix) {
            (Some(_), ..) => (0, 0),
            (None, Some(_), _) => (1, 0),
            (None, None, Some(prefix)) => (2, usize::MAX - prefix.len()),
            (None, None, None) => (3, 0),
        };
        let conditions = usize::from(!self.methods.is_empty()) + self.headers.len();
        (Reverse(self.priority), host, path, Reverse(conditions))
    }
}

/// Where requests are sent instead of to a backend; what is absent stays as in the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The scheme, or that there is none.
    pub to: RedirectTo,
    /// The status code.
    pub status: RedirectStatus,
    /// The host.
    pub host: Option<String>,
    /// The port; the scheme's own if absent and the scheme changes.
    pub port: Option<u16>,
    /// The path; the query is kept unless this has one.
    pub path: Option<String>,
}

impl Default for Redirect {
    fn default() -> Self {
        Self { to: RedirectTo::Off, status: limits::REDIRECT_STATUS_DEFAULT, host: None, port: None, path: None }
    }
}

impl Redirect {
    /// Whether there is one.
    pub fn is_on(&self) -> bool {
        self.to != RedirectTo::Off
    }

    /// Where it leads, in few words: `308 https://shop.example.com/new`. A star stands for what stays
    /// as in the request.
    pub fn words(&self) -> String {
        let scheme = match self.to {
            RedirectTo::Https => "https",
            RedirectTo::Http => "http",
            RedirectTo::Same | RedirectTo::Off => "*",
        };
        let host = self.host.as_deref().unwrap_or("*");
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        let path = self.path.as_deref().unwrap_or("/*");
        format!("{} {scheme}://{host}{port}{path}", self.status.0)
    }
}

/// The status code of a redirect: 301, 302, 307 or 308 (RFC 9110 section 15.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectStatus(pub u16);

/// A host as routes name it, in lower case: `shop.example.com`, or `*.example.com` for every name
/// below. Travels as its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HostPattern {
    /// The name, without what stands for the rest.
    pub name: String,
    /// Whether it is every name below instead.
    pub below: bool,
}

/// A method, as requests spell it. Travels as its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MethodName(pub String);

/// A field that a request must have: `X-Canary`, or `X-Canary: yes`. Travels as its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HeaderMatch {
    /// The name of the field, in any case.
    pub name: String,
    /// What one of its values must be; anything if absent.
    pub value: Option<String>,
}

impl HeaderMatch {
    /// Whether this is such a field: of the name in any case, and of the value, as a whole or as one of
    /// a list.
    pub fn fits(&self, name: &[u8], value: &[u8]) -> bool {
        let is = |wanted: &str| {
            let mut members = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            value == wanted.as_bytes() || members.any(|member| member == wanted.as_bytes())
        };
        name.eq_ignore_ascii_case(self.name.as_bytes()) && self.value.as_deref().is_none_or(is)
    }
}

/// A change of a field: `set X-A: b`, `add X-A: b`, `remove X-A`. Travels as its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum HeaderEdit {
    /// The field has this value and no other.
    Set(String, String),
    /// The field has this value too.
    Add(String, String),
    /// The field goes.
    Remove(String),
}

impl HeaderEdit {
    /// The name of the field.
    pub fn name(&self) -> &str {
        match self {
            Self::Set(name, _) | Self::Add(name, _) | Self::Remove(name) => name,
        }
    }
}

/// A group's part of a split: `blue 90`. Travels as its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Share {
    /// The group.
    pub group: Name,
    /// Its part, in proportion to the others'; 0: none.
    pub weight: u16,
}
