//! Routes: which rule of a listener takes a request, and which group the request goes to.
//!
//! A listener's routes are compiled into a [`Routes`] table in the order of precedence; what none of
//! them takes goes to the last one, which stands for the listener itself. Requests are seen through
//! [`Asking`], so every version of HTTP and `poise route-test` ask alike. It chooses no backend and
//! writes no reply.

mod normal;
mod place;
mod split;
mod table;

use std::sync::Arc;

use poise_ipc::Name;
use poise_ipc::model::{HeaderMatch, Route};

pub use self::normal::{Host, normal_path};
pub use self::place::Place;
use self::split::Split;
pub use self::table::{Ambiguous, Judged, Routes};
use crate::live::RouteLive;
use crate::persistence::PersistencePlan;
use crate::plan::GroupPlan;

/// A request, as far as routes look at it.
pub trait Asking {
    /// The method, as sent.
    fn method(&self) -> &[u8];
    /// The host with or without port, as sent; absent in old versions of HTTP.
    fn host(&self) -> Option<&[u8]>;
    /// Path and query, as sent.
    fn target(&self) -> &[u8];
    /// Whether it has the field.
    fn has(&self, field: &HeaderMatch) -> bool;
}

/// A route of the plan.
#[derive(Debug)]
pub struct RoutePlan {
    /// Its name; none for what stands for the listener itself.
    pub name: Option<Name>,
    /// Its settings, as configured.
    pub settings: Route,
    /// The groups that its requests may go to: one, those of a split, or none.
    pub groups: Box<[Arc<GroupPlan>]>,
    /// How it remembers its clients.
    pub persistence: PersistencePlan,
    /// Its counters; absent for a listener without routes, whose own counters say the same.
    pub live: Option<Arc<RouteLive>>,
    split: Option<Split>,
}

impl RoutePlan {
    /// A route to these groups, those of a split in the order of its shares. The split goes on where
    /// that of `before` stands.
    pub fn new(
        (name, settings): (Option<Name>, Route),
        groups: Box<[Arc<GroupPlan>]>,
        persistence: PersistencePlan,
        (live, before): (Option<Arc<RouteLive>>, Option<&Self>),
    ) -> Self {
        let weights = settings.split.iter().map(|share| (&share.group, share.weight));
        let split =
            (!settings.split.is_empty()).then(|| Split::new(weights, before.and_then(|before| before.split.as_ref())));
        Self { name, settings, groups, persistence, live, split }
    }

    /// The position of the group for a new client among [`RoutePlan::groups`]: of a split, in exact
    /// proportion to the shares. `None` where there is none to go to.
    #[inline]
    pub fn choose(&self) -> Option<usize> {
        match &self.split {
            None => (!self.groups.is_empty()).then_some(0),
            Some(split) => split.choose(),
        }
    }

    /// The word for it in logs and on screens.
    pub fn word(&self) -> &str {
        self.name.as_ref().map_or("-", Name::as_str)
    }

    /// Whether compiling would give the same again.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let same_groups = self.groups.len() == other.groups.len()
            && self.groups.iter().zip(&other.groups).all(|(a, b)| Arc::ptr_eq(a, b));
        let same_live = match (&self.live, &other.live) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        self.name == other.name
            && self.settings == other.settings
            && same_groups
            && same_live
            && self.persistence.same(&other.persistence)
    }
}
