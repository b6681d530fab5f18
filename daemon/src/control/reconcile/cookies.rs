//! Whom a persistence cookie binds, for those who ask: the rules of the plan in force read it, as they
//! would for a request.
//!
//! It changes nothing and counts nothing. Called for the request `Cookie`.

use std::sync::Arc;

use poise_core::plan::{ListenerPlan, Plan};
use poise_core::route::RoutePlan;
use poise_ipc::Name;
use poise_ipc::model::PersistenceKind;
use poise_ipc::persistence::{CookieQuery, CookieRow};

use crate::wall;

/// What the cookie means to each listener and route whose cookie has its name, by listener and route.
pub(super) fn rows(plan: &Plan, query: &CookieQuery) -> Vec<CookieRow> {
    let of_listener = |listener: &Arc<ListenerPlan>| {
        let rows = listener.routes.iter().filter_map(|route| row(&listener.name, route, query));
        rows.collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = plan.listeners.values().flat_map(of_listener).collect();
    rows.sort_by(|a, b| (&a.listener, &a.route).cmp(&(&b.listener, &b.route)));
    rows
}

/// What the cookie means to a route, or to what stands for the listener itself.
fn row(listener: &Name, route: &RoutePlan, query: &CookieQuery) -> Option<CookieRow> {
    let rule = route.persistence.cookie().filter(|rule| rule.name == query.name)?;
    let (value, groups) = (query.value.as_bytes(), &route.groups);
    let visit = rule.visit(groups, std::iter::once(value), wall::now_s);
    let id = rule.backend(value);
    let found = id.and_then(|id| groups.iter().find_map(|group| Some((group, group.backend(id)?))));
    let times = rule.times(value);
    let ms = |s: u32| u64::from(s) * 1_000;
    Some(CookieRow {
        listener: listener.clone(),
        route: route.name.clone(),
        kind: if rule.restores().is_some() { PersistenceKind::CookieRewrite } else { PersistenceKind::CookieInsert },
        verdict: visit.mark.verdict,
        group: found.map(|(group, _)| group.name.clone()),
        backend: found.map(|(_, backend)| backend.name.clone()),
        first_ms: times.map(|times| ms(times.first_s)),
        last_ms: times.map(|times| ms(times.last_s)),
    })
}
