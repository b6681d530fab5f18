//! The settings of a listener's persistence.
//!
//! A setting beside another kind than its own is kept and does nothing, which is a finding. Whether
//! the kind fits the protocol is validation.

use super::field;
use crate::limits;
use crate::model::{Listener, PersistenceKind, Redispatch};
use crate::text::field::{Field, Section, Standard};
use crate::text::texts::Alphabet;
use crate::text::value::{Kind, Value};

pub(super) const PERSISTENCE: Section<Listener> = Section {
    key: "persistence",
    doc: "Whether later work of a client goes to the same backend; `\"off\"` alone turns it off.",
    fields: &[
        field!(
            "kind",
            listener.persistence.kind,
            Kind::word::<PersistenceKind>(),
            PersistenceKind::Off,
            "`source` goes by the client's address (`tcp`, `udp`), `cookie-insert` by a cookie (`http`)."
        ),
        field!(
            "timeout",
            listener.persistence.timeout_ms,
            Kind::Duration(limits::PERSISTENCE_TIMEOUT_MS),
            limits::PERSISTENCE_TIMEOUT_MS_DEFAULT,
            "How long a client stays with its backend: `source` after its last use, `cookie-insert` after the cookie was set."
        ),
        field!(
            "cookie",
            listener.persistence.cookie,
            Kind::Text(Alphabet::Cookie),
            limits::COOKIE_NAME_DEFAULT.to_owned(),
            "`cookie-insert`: the name of the cookie."
        ),
        field!(
            "prefix_v4",
            listener.persistence.prefix_v4,
            Kind::Integer(limits::PREFIX_V4),
            limits::PREFIX_V4_DEFAULT,
            "`source`: bits of an IPv4 address that make a client."
        ),
        field!(
            "prefix_v6",
            listener.persistence.prefix_v6,
            Kind::Integer(limits::PREFIX_V6),
            limits::PREFIX_V6_DEFAULT,
            "`source`: bits of an IPv6 address that make a client."
        ),
        field!(
            "redispatch",
            listener.persistence.redispatch,
            Kind::word::<Redispatch>(),
            Redispatch::Move,
            "`source`: a client whose backend may not be used goes to another (`move`) or nowhere (`refuse`)."
        ),
    ],
};
