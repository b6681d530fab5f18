//! Where a request would go, for those who ask: read by the plan in force, as one of a client is.
//!
//! It sends nothing, counts nothing and moves no scheduler on. Called for the request `RouteTest`.

use std::net::SocketAddr;
use std::sync::Arc;

use poise_core::http::cookie;
use poise_core::http::refusal::Refusal;
use poise_core::persistence::Recall;
use poise_core::plan::{GroupPlan, ListenerPlan, Plan};
use poise_core::route::{Ambiguous, Asking, Place, RoutePlan, normal_path};
use poise_ipc::cause::Cause;
use poise_ipc::model::{HeaderMatch, Protocol, Scheduler};
use poise_ipc::routing::{RouteAnswer, RouteGroup, RouteOutcome, RouteQuery, RuleVerdict};

use crate::wall;

/// The whole of something, in thousandths.
const WHOLE_PERMILLE: u64 = 1_000;

/// What each listener that the request may come to would do with it, by name.
pub(super) fn answers(plan: &Plan, query: &RouteQuery) -> Vec<RouteAnswer> {
    let named = |listener: &ListenerPlan| query.listener.as_ref().is_none_or(|name| *name == listener.name);
    let spoken = if query.is_https { Protocol::Https } else { Protocol::Http };
    let fits = |listener: &ListenerPlan| {
        listener.protocol().is_http() && named(listener) && (query.listener.is_some() || listener.protocol() == spoken)
    };
    let mut listeners: Vec<_> = plan.listeners.values().filter(|listener| fits(listener)).collect();
    let at_port =
        |listener: &ListenerPlan| listener.settings.bind.ip().as_ref().map(SocketAddr::port) == Some(query.port);
    if listeners.iter().any(|listener| at_port(listener)) {
        listeners.retain(|listener| at_port(listener));
    }
    listeners.sort_by(|a, b| a.name.cmp(&b.name));
    listeners.into_iter().map(|listener| answer(listener, &Asked(query))).collect()
}

/// The request as routes look at it.
struct Asked<'q>(&'q RouteQuery);

impl Asking for Asked<'_> {
    fn method(&self) -> &[u8] {
        self.0.method.as_bytes()
    }

    fn host(&self) -> Option<&[u8]> {
        Some(self.0.host.as_bytes())
    }

    fn target(&self) -> &[u8] {
        self.0.target.as_bytes()
    }

    fn has(&self, field: &HeaderMatch) -> bool {
        self.0.headers.iter().any(|(name, value)| field.fits(name.as_bytes(), value.trim().as_bytes()))
    }
}

fn answer(listener: &ListenerPlan, asked: &Asked<'_>) -> RouteAnswer {
    let rules = listener.routes.judge(asked).into_iter().map(|judged| RuleVerdict {
        route: judged.route.name.clone(),
        host: judged.host.map(ToString::to_string),
        fails: judged.fails,
    });
    let found = listener.routes.find(asked);
    let route = listener.routes.at(found.unwrap_or(usize::MAX));
    RouteAnswer {
        listener: listener.name.clone(),
        path: String::from_utf8_lossy(&normal_path(asked.target())).into_owned(),
        rules: rules.collect(),
        route: route.name.clone(),
        outcome: match found {
            Ok(_) => outcome(route, listener.protocol() == Protocol::Https, asked),
            Err(Ambiguous) => RouteOutcome::Refused { cause: Refusal::PathAmbiguous.of_request() },
        },
    }
}

fn outcome(route: &RoutePlan, is_https: bool, asked: &Asked<'_>) -> RouteOutcome {
    let redirect = &route.settings.redirect;
    if redirect.is_on() {
        return match Place::of(redirect, is_https, asked) {
            Some(place) => RouteOutcome::Redirect {
                status: place.status,
                location: String::from_utf8_lossy(&place.location).into_owned(),
            },
            None => RouteOutcome::Refused { cause: Cause::BadRequest },
        };
    }
    if let [group] = &route.groups[..]
        && group.backends.is_empty()
        && group.refusal() == Cause::NoRoute
    {
        return RouteOutcome::Refused { cause: group.refusal() };
    }
    let weights = route.settings.split.iter().map(|share| share.weight).chain([1]);
    let weights: Vec<u64> = weights.take(route.groups.len()).map(u64::from).collect();
    let shares = permille(&weights);
    let groups = route.groups.iter().zip(shares).map(|(group, share)| of_group(group, share));
    RouteOutcome::Groups { groups: groups.collect(), pinned: pinned(route, asked) }
}

/// The backend that the cookies of the request lead to.
fn pinned(route: &RoutePlan, asked: &Asked<'_>) -> Option<String> {
    let rule = route.persistence.cookie()?;
    let fields = asked.0.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let values = fields.flat_map(|(_, value)| cookie::values(value.as_bytes(), rule.name.as_bytes()));
    let visit = rule.visit(&route.groups, values, wall::now_s);
    let Recall::Backend(backend) = visit.recall else { return None };
    Some(format!("{}/{}", visit.group?.name, backend.name))
}

fn of_group(group: &Arc<GroupPlan>, share_permille: u16) -> RouteGroup {
    let takers: Vec<_> = group.backends.iter().filter(|backend| backend.effective_weight > 0).collect();
    let weight = |weight: u32| if group.scheduler() == Scheduler::Rr { 1 } else { u64::from(weight) };
    let weights: Vec<u64> = takers.iter().map(|backend| weight(backend.effective_weight)).collect();
    let shares = permille(&weights);
    RouteGroup {
        name: group.name.clone(),
        share_permille,
        refuses: takers.is_empty().then(|| group.refusal()),
        backends: takers.iter().map(|backend| backend.name.clone()).zip(shares).collect(),
    }
}

/// Parts of the whole, rounded down.
fn permille(weights: &[u64]) -> Vec<u16> {
    let total = weights.iter().sum::<u64>().max(1);
    weights.iter().map(|weight| u16::try_from(weight * WHOLE_PERMILLE / total).unwrap_or(u16::MAX)).collect()
}
