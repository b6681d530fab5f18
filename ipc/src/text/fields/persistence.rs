//! The settings of persistence, of a listener and of a route.
//!
//! A setting beside another kind than its own is kept and does nothing, which is a finding. Whether
//! the kind fits the protocol is validation.

use super::field;
use crate::limits;
use crate::model::{CookieSecure, Listener, PersistenceKind, Redispatch, Route, SameSite};
use crate::text::field::{Field, Section, Standard};
use crate::text::texts::Alphabet;
use crate::text::value::{Kind, Value};

/// The settings of whatever has a member `persistence`, with the kind of one that names none.
macro_rules! section {
    ($kind:expr) => {
        Section {
            key: "persistence",
            doc: "Whether later work of a client goes to the same backend; `\"off\"` alone turns it off.",
            fields: &[
                field!(
                    "kind",
                    object.persistence.kind,
                    Kind::word::<PersistenceKind>(),
                    $kind,
                    "`source` goes by the client's address (`tcp`, `udp`), `cookie-insert` by a cookie of poised, `cookie-rewrite` by a cookie of the backend (`http`, `https`), `inherit` as the listener says (routes)."
                ),
                field!(
                    "timeout",
                    object.persistence.timeout_ms,
                    Kind::Duration(limits::PERSISTENCE_TIMEOUT_MS),
                    limits::PERSISTENCE_TIMEOUT_MS_DEFAULT,
                    "How long a client stays with its backend: `source` after its last use, `cookie-insert` after the cookie was set."
                ),
                field!(
                    "cookie",
                    object.persistence.cookie,
                    Kind::Text(Alphabet::Cookie),
                    limits::COOKIE_NAME_DEFAULT.to_owned(),
                    "`cookie-insert`: the name of the cookie, which backends get and cannot set; `cookie-rewrite`: the backend's cookie, whose value clients hold behind a token and `~`."
                ),
                field!(
                    "prefix_v4",
                    object.persistence.prefix_v4,
                    Kind::Integer(limits::PREFIX_V4),
                    limits::PREFIX_V4_DEFAULT,
                    "`source`: bits of an IPv4 address that make a client."
                ),
                field!(
                    "prefix_v6",
                    object.persistence.prefix_v6,
                    Kind::Integer(limits::PREFIX_V6),
                    limits::PREFIX_V6_DEFAULT,
                    "`source`: bits of an IPv6 address that make a client."
                ),
                field!(
                    "redispatch",
                    object.persistence.redispatch,
                    Kind::word::<Redispatch>(),
                    Redispatch::Move,
                    "A client whose backend may not be used goes to another (`move`) or nowhere (`refuse`)."
                ),
                field!(
                    "idle",
                    object.persistence.idle_ms,
                    Kind::Duration(limits::PERSISTENCE_TIMEOUT_MS),
                    None,
                    "`cookie-insert`: longest time between two requests of a client, enforced by poised; its cookie is written again when a quarter of it has passed."
                ),
                field!(
                    "life",
                    object.persistence.life_ms,
                    Kind::Duration(limits::PERSISTENCE_TIMEOUT_MS),
                    None,
                    "`cookie-insert`: longest time that a client stays with its backend, enforced by poised."
                ),
                field!(
                    "path",
                    object.persistence.path,
                    Kind::Text(Alphabet::RoutePath),
                    limits::COOKIE_PATH_DEFAULT.to_owned(),
                    "`cookie-insert`: the paths that the cookie is for."
                ),
                field!(
                    "domain",
                    object.persistence.domain,
                    Kind::Text(Alphabet::Host),
                    None,
                    "`cookie-insert`: the domain that the cookie is for; the host of the request unless given."
                ),
                field!(
                    "secure",
                    object.persistence.secure,
                    Kind::word::<CookieSecure>(),
                    CookieSecure::Auto,
                    "`cookie-insert`: whether the cookie travels over TLS only; `auto`: on `https` listeners."
                ),
                field!(
                    "http_only",
                    object.persistence.http_only,
                    Kind::Flag,
                    true,
                    "`cookie-insert`: whether scripts may not read the cookie."
                ),
                field!(
                    "same_site",
                    object.persistence.same_site,
                    Kind::word::<SameSite>(),
                    SameSite::Unset,
                    "`cookie-insert`: whether the cookie travels with requests that other sites cause."
                ),
                field!(
                    "cache_guard",
                    object.persistence.cache_guard,
                    Kind::Flag,
                    true,
                    "`cookie-insert`, `cookie-rewrite`: whether a response that sets the cookie tells shared caches to keep away."
                ),
            ],
        }
    };
}

pub(super) const PERSISTENCE: Section<Listener> = section!(PersistenceKind::Off);
pub(super) const ROUTE_PERSISTENCE: Section<Route> = section!(PersistenceKind::Inherit);
