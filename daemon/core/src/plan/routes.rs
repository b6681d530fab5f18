//! Compiling routes: each with its groups, its persistence and its counters, in one table.
//!
//! A route of which nothing changed is the very one of the plan before, and so is the table. Called
//! by [`compile`](super::compile()) for each listener.

use std::sync::Arc;

use poise_ipc::Name;
use poise_ipc::model::{Listener, PersistenceKind, Route};

use super::{Compile, GroupPlan, Plan};
use crate::live::RouteLive;
use crate::persistence::PersistencePlan;
use crate::route::{RoutePlan, Routes};

/// Compiles the routes of one listener.
pub(super) struct RouteCompiler<'a> {
    pub(super) input: &'a Compile<'a>,
    /// With its groups compiled.
    pub(super) plan: &'a Plan,
    pub(super) listener: &'a Listener,
    pub(super) before: Option<&'a Arc<Routes>>,
}

impl RouteCompiler<'_> {
    /// The table, given the listener's own group and persistence.
    pub(super) fn compile(&self, group: &Arc<GroupPlan>, persistence: &PersistencePlan) -> Arc<Routes> {
        let named = self.listener.routes.iter().map(|(name, route)| self.route(name, route));
        let named: Vec<_> = named.collect();
        let own = self.own(group, persistence);
        match self.before {
            Some(before) if before.iter().map(Arc::as_ptr).eq(named.iter().chain([&own]).map(Arc::as_ptr)) => {
                Arc::clone(before)
            }
            _ => Arc::new(Routes::new(named, own)),
        }
    }

    fn route(&self, name: &Name, route: &Route) -> Arc<RoutePlan> {
        let before = self.before.and_then(|before| before.named(name));
        let groups: Box<[_]> = route.groups().filter_map(|group| self.plan.group(group)).map(Arc::clone).collect();
        // What is inherited are the settings: the listener's own cookie knows nothing of these groups.
        let wanted = match route.persistence.kind {
            PersistenceKind::Inherit => &self.listener.persistence,
            _ => &route.persistence,
        };
        let remembered = before.map(|before| &before.persistence);
        let persistence = self.input.persistence((wanted, self.listener.protocol), &groups, remembered);
        let live = before.and_then(|before| before.live.as_ref()).map(Arc::clone);
        let live = live.unwrap_or_else(|| Arc::new(RouteLive::new(self.input.workers)));
        let fresh = RoutePlan::new(
            (Some(name.clone()), route.clone()),
            groups,
            persistence,
            (Some(live), before.map(|before| &**before)),
        );
        kept(fresh, before)
    }

    /// What stands for the listener itself: where everything goes that no route takes.
    fn own(&self, group: &Arc<GroupPlan>, persistence: &PersistencePlan) -> Arc<RoutePlan> {
        let before = self.before.map(|before| before.own());
        let counted = !self.listener.routes.is_empty();
        let live = before.and_then(|before| before.live.as_ref()).map(Arc::clone);
        let live = counted.then(|| live.unwrap_or_else(|| Arc::new(RouteLive::new(self.input.workers))));
        let settings = Route { redirect: self.listener.redirect.clone(), ..Route::default() };
        let fresh = RoutePlan::new((None, settings), Box::new([Arc::clone(group)]), persistence.clone(), (live, None));
        kept(fresh, before)
    }
}

/// The route of before, if compiling gave the same again.
fn kept(fresh: RoutePlan, before: Option<&Arc<RoutePlan>>) -> Arc<RoutePlan> {
    match before {
        Some(before) if before.same(&fresh) => Arc::clone(before),
        _ => Arc::new(fresh),
    }
}
