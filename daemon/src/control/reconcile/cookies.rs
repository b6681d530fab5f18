//! Whom a persistence cookie binds, for those who ask: the rules of the plan in force read it, as they
//! would for a request.
//!
//! It changes nothing and counts nothing. Called for the request `Cookie`.

use std::sync::Arc;

use poise_core::persistence::CookieRule;
use poise_core::plan::{GroupPlan, ListenerPlan, Plan};
use poise_ipc::Name;
use poise_ipc::model::PersistenceKind;
use poise_ipc::persistence::{CookieQuery, CookieRow};

use crate::wall;

/// What the cookie means to each listener and route whose cookie has its name, by listener.
pub(super) fn rows(plan: &Plan, query: &CookieQuery) -> Vec<CookieRow> {
    let mut rows: Vec<_> = plan.listeners.values().filter_map(|listener| row_of(listener, query)).collect();
    rows.sort_by(|a, b| (&a.listener, &a.route).cmp(&(&b.listener, &b.route)));
    rows
}

fn row_of(listener: &ListenerPlan, query: &CookieQuery) -> Option<CookieRow> {
    let rule = listener.persistence.cookie().filter(|rule| rule.name == query.name)?;
    Some(row((&listener.name, None), rule, std::slice::from_ref(&listener.group), &query.value))
}

fn row(of: (&Name, Option<&Name>), rule: &CookieRule, groups: &[Arc<GroupPlan>], value: &str) -> CookieRow {
    let visit = rule.visit(groups, std::iter::once(value.as_bytes()), wall::now_s);
    let id = rule.backend(value.as_bytes());
    let found = id.and_then(|id| groups.iter().find_map(|group| Some((group, group.backend(id)?))));
    let times = rule.times(value.as_bytes());
    let ms = |s: u32| u64::from(s) * 1_000;
    CookieRow {
        listener: of.0.clone(),
        route: of.1.cloned(),
        kind: if rule.restores().is_some() { PersistenceKind::CookieRewrite } else { PersistenceKind::CookieInsert },
        verdict: visit.mark.verdict,
        group: found.map(|(group, _)| group.name.clone()),
        backend: found.map(|(_, backend)| backend.name.clone()),
        first_ms: times.map(|times| ms(times.first_s)),
        last_ms: times.map(|times| ms(times.last_s)),
    }
}
