//! The settings of a listener's persistence.
//!
//! The model holds a timeout and a cookie only where the kind has them, so each setting says by
//! itself whether it may stand beside the kind. Whether the kind fits the protocol is validation.

use crate::fault::Fault;
use crate::limits;
use crate::model::{Listener, Persistence};
use crate::text::field::{Field, Section, Standard};
use crate::text::texts::Alphabet;
use crate::text::value::{Kind, Value};
use crate::text::words::Word;

/// What persistence goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Nothing,
    Source,
    CookieInsert,
}

impl Word for By {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Nothing), ("source", Self::Source), ("cookie-insert", Self::CookieInsert)];

    fn word(self) -> &'static str {
        match self {
            Self::Nothing => "off",
            Self::Source => "source",
            Self::CookieInsert => "cookie-insert",
        }
    }
}

impl By {
    const fn of(persistence: &Persistence) -> Self {
        match persistence {
            Persistence::Off => Self::Nothing,
            Persistence::Source { .. } => Self::Source,
            Persistence::CookieInsert { .. } => Self::CookieInsert,
        }
    }

    /// Persistence of this kind with what `before` had chosen, as far as both have it.
    fn turned(self, before: &mut Persistence) -> Persistence {
        let timeout_ms = before.timeout_ms().map_or(limits::PERSISTENCE_TIMEOUT_MS_DEFAULT, |ms| *ms);
        let cookie = before.cookie().map_or_else(|| limits::COOKIE_NAME_DEFAULT.to_owned(), std::mem::take);
        match self {
            Self::Nothing => Persistence::Off,
            Self::Source => Persistence::Source { timeout_ms },
            Self::CookieInsert => Persistence::CookieInsert { cookie, timeout_ms },
        }
    }
}

impl Persistence {
    fn timeout_ms(&mut self) -> Option<&mut u32> {
        match self {
            Self::Off => None,
            Self::Source { timeout_ms } | Self::CookieInsert { timeout_ms, .. } => Some(timeout_ms),
        }
    }

    fn cookie(&mut self) -> Option<&mut String> {
        match self {
            Self::CookieInsert { cookie, .. } => Some(cookie),
            Self::Off | Self::Source { .. } => None,
        }
    }

    const fn timeout_ms_now(&self) -> Option<u32> {
        match self {
            Self::Off => None,
            Self::Source { timeout_ms } | Self::CookieInsert { timeout_ms, .. } => Some(*timeout_ms),
        }
    }

    fn cookie_now(&self) -> Option<&String> {
        match self {
            Self::CookieInsert { cookie, .. } => Some(cookie),
            Self::Off | Self::Source { .. } => None,
        }
    }
}

pub(super) const PERSISTENCE: Section<Listener> = Section {
    key: "persistence",
    doc: "Whether later work of a client goes to the same backend; `\"off\"` alone turns it off.",
    fields: &[KIND, TIMEOUT, COOKIE],
};

const KIND: Field<Listener> = Field {
    key: "kind",
    kind: Kind::word::<By>(),
    doc: "`source` goes by the client's address (`tcp`), `cookie-insert` by a cookie (`http`).",
    read: |listener, found, kind| {
        let by: By = Value::read(found, kind)?;
        listener.persistence = by.turned(&mut listener.persistence);
        Ok(())
    },
    check: |_, _| Ok(()),
    show: |listener| By::of(&listener.persistence).show(),
    standard: Some(Standard {
        holds: |listener| listener.persistence == Persistence::Off,
        reset: |listener| listener.persistence = Persistence::Off,
    }),
};

const TIMEOUT: Field<Listener> = Field {
    key: "timeout",
    kind: Kind::Duration(limits::PERSISTENCE_TIMEOUT_MS),
    doc: "How long a client stays with its backend: `source` after its last connection, `cookie-insert` after the cookie was set.",
    read: |listener, found, kind| {
        let read = Value::read(found, kind)?;
        *listener.persistence.timeout_ms().ok_or_else(|| {
            Fault::new("", "a timeout without a kind of persistence").hint("add kind = \"source\" or \"cookie-insert\"")
        })? = read;
        Ok(())
    },
    check: |listener, kind| listener.persistence.timeout_ms_now().check(kind),
    show: |listener| listener.persistence.timeout_ms_now().show(),
    standard: Some(Standard {
        holds: |listener| {
            listener.persistence.timeout_ms_now().is_none_or(|ms| ms == limits::PERSISTENCE_TIMEOUT_MS_DEFAULT)
        },
        reset: |listener| {
            if let Some(timeout_ms) = listener.persistence.timeout_ms() {
                *timeout_ms = limits::PERSISTENCE_TIMEOUT_MS_DEFAULT;
            }
        },
    }),
};

const COOKIE: Field<Listener> = Field {
    key: "cookie",
    kind: Kind::Text(Alphabet::Cookie),
    doc: "`cookie-insert`: the name of the cookie.",
    read: |listener, found, kind| {
        let read = Value::read(found, kind)?;
        *listener.persistence.cookie().ok_or_else(|| {
            Fault::new("", "a cookie beside another kind of persistence").hint("set kind = \"cookie-insert\"")
        })? = read;
        Ok(())
    },
    check: |listener, kind| listener.persistence.cookie_now().cloned().check(kind),
    show: |listener| listener.persistence.cookie_now().and_then(Value::show),
    standard: Some(Standard {
        holds: |listener| listener.persistence.cookie_now().is_none_or(|name| name == limits::COOKIE_NAME_DEFAULT),
        reset: |listener| {
            if let Some(cookie) = listener.persistence.cookie() {
                limits::COOKIE_NAME_DEFAULT.clone_into(cookie);
            }
        },
    }),
};
