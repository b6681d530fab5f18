//! Persistence: later work of a client goes to the backend it had before.
//!
//! Two kinds: [`SourceTable`] remembers client addresses, [`CookieRule`] lets the client carry a
//! token. Whether the remembered backend may still be used is the plan's to say
//! ([`GroupPlan::pinned`](crate::plan::GroupPlan::pinned)), and [`Recall`] puts both together;
//! reading and writing cookie headers is the HTTP engine's.

mod cookie;
mod entries;
mod lru;
mod recall;
mod source;

use std::sync::Arc;

pub(crate) use cookie::may_return;
pub use cookie::{Binding, CookieRule, Mark, SetCookie, Times, VALUE_LEN_MAX, Value, Visit};
pub use entries::{Entry, EntryFilter};
pub use recall::Recall;
pub(crate) use source::Keyed;
pub use source::{SOURCE_ENTRIES_MAX, SourceRule, SourceTable};

/// How a listener of the plan remembers its clients.
#[derive(Clone, Debug, Default)]
pub enum PersistencePlan {
    /// It does not.
    #[default]
    Off,
    /// By client address.
    Source(Arc<SourceTable>),
    /// By a cookie that poised inserts, or one of the backend's that it rewrites.
    Cookie(Arc<CookieRule>),
}

impl PersistencePlan {
    /// The rule of its cookie, if it goes by one.
    #[inline]
    pub fn cookie(&self) -> Option<&CookieRule> {
        match self {
            Self::Cookie(rule) => Some(rule),
            Self::Off | Self::Source(_) => None,
        }
    }

    /// Whether both remember the same clients in the same way.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Off, Self::Off) => true,
            (Self::Source(a), Self::Source(b)) => Arc::ptr_eq(a, b),
            (Self::Cookie(a), Self::Cookie(b)) => a == b,
            _ => false,
        }
    }
}
