//! The settings of a route, and of redirects, which listeners have too.

use super::field;
use super::persistence::ROUTE_PERSISTENCE;
use crate::limits;
use crate::model::{HeaderEdit, HeaderMatch, HostPattern, Listener, MethodName, RedirectTo, Route, Share};
use crate::text::field::{Entry, Field, Object, Section, Standard};
use crate::text::texts::Alphabet;
use crate::text::value::{Kind, Value};

/// The settings of whatever has a member `redirect`.
macro_rules! redirect {
    () => {
        Section {
            key: "redirect",
            doc: "`http`, `https`: sends clients elsewhere instead of serving them; `\"https\"` alone does what most want.",
            fields: &[
                field!(
                    "to",
                    object.redirect.to,
                    Kind::word::<RedirectTo>(),
                    RedirectTo::Off,
                    "The scheme: `https`, `http`, the `same` as the request's, or `off`."
                ),
                field!(
                    "status",
                    object.redirect.status,
                    Kind::RedirectStatus,
                    limits::REDIRECT_STATUS_DEFAULT,
                    "The status code; 307 and 308 keep the method, 301 and 308 may be remembered by clients."
                ),
                field!(
                    "host",
                    object.redirect.host,
                    Kind::Text(Alphabet::Host),
                    None,
                    "The host; that of the request unless given."
                ),
                field!(
                    "port",
                    object.redirect.port,
                    Kind::Integer(1..=65_535),
                    None,
                    "The port; the scheme's own unless given, that of the request with `same`."
                ),
                field!(
                    "path",
                    object.redirect.path,
                    Kind::Text(Alphabet::Target),
                    None,
                    "The path and query; those of the request unless given."
                ),
            ],
        }
    };
}

pub(super) const REDIRECT: Section<Listener> = redirect!();

impl Object for Route {
    const WHAT: &'static str = "route";
    const ENTRIES: &'static [Entry<Self>] = &[
        Entry::Field(field!(
            "hosts",
            route.hosts,
            Kind::items::<HostPattern>(),
            Vec::new(),
            "Hosts that it takes; every host unless given."
        )),
        Entry::Field(field!("path", route.path, Kind::Text(Alphabet::RoutePath), None, "The path that it takes.")),
        Entry::Field(field!(
            "path_prefix",
            route.path_prefix,
            Kind::Text(Alphabet::RoutePath),
            None,
            "The beginning of the paths that it takes, by whole segments: `/shop` takes `/shop` and `/shop/cart`, not `/shopping`."
        )),
        Entry::Field(field!(
            "path_regex",
            route.path_regex,
            Kind::Text(Alphabet::Regex),
            None,
            "The regular expression of the paths that it takes, from beginning to end."
        )),
        Entry::Field(field!(
            "methods",
            route.methods,
            Kind::items::<MethodName>(),
            Vec::new(),
            "Methods that it takes; every method unless given."
        )),
        Entry::Field(field!(
            "headers",
            route.headers,
            Kind::items::<HeaderMatch>(),
            Vec::new(),
            "Fields that a request must have, all of them: by name, or by name and value."
        )),
        Entry::Field(field!(
            "priority",
            route.priority,
            Kind::Integer(limits::ROUTE_PRIORITY),
            0,
            "Order among the routes of the listener, higher first; equals by how narrow they are."
        )),
        Entry::Field(field!("group", route.group, Kind::Name, None, "The group that its requests go to.")),
        Entry::Field(field!(
            "split",
            route.split,
            Kind::items::<Share>(),
            Vec::new(),
            "The groups that its requests are split between, each with its part."
        )),
        Entry::Section(redirect!()),
        Entry::Section(ROUTE_PERSISTENCE),
        Entry::Field(field!(
            "response_timeout",
            route.response_timeout_ms,
            Kind::Duration(limits::RESPONSE_TIMEOUT_MS),
            None,
            "Silence of a backend after which the client gets 504; the listener's unless given."
        )),
        Entry::Field(field!(
            "request_headers",
            route.request_headers,
            Kind::items::<HeaderEdit>(),
            Vec::new(),
            "Fields that are changed on the way to the backend."
        )),
        Entry::Field(field!(
            "response_headers",
            route.response_headers,
            Kind::items::<HeaderEdit>(),
            Vec::new(),
            "Fields that are changed on the way to the client."
        )),
    ];

    fn blank() -> Self {
        Self::default()
    }
}
