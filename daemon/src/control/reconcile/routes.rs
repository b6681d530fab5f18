//! Where a request would go, for those who ask: read by the plan in force, as one of a client is.
//!
//! The question becomes the head of a request and is parsed as one, so that what is refused is refused
//! here too. It sends nothing, counts nothing and moves no scheduler on. Called for the request `RouteTest`.

use std::net::SocketAddr;
use std::sync::Arc;

use poise_core::http::fields::FieldStore;
use poise_core::http::refusal::Refusal;
use poise_core::http::request::RequestHead;
use poise_core::http::scan::Scanner;
use poise_core::persistence::Recall;
use poise_core::plan::{GroupPlan, ListenerPlan, Plan};
use poise_core::route::{Ambiguous, Asking, Place, RoutePlan, normal_path};
use poise_ipc::cause::Cause;
use poise_ipc::model::{Protocol, Scheduler};
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
    let head = head_of(query);
    listeners.into_iter().map(|listener| answer(listener, &head)).collect()
}

/// The head that such a request has.
fn head_of(query: &RouteQuery) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", query.method, query.target, query.host);
    for (name, value) in query.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        for part in [name, ": ", value, "\r\n"] {
            head.push_str(part);
        }
    }
    (head + "\r\n").into_bytes()
}

fn answer(listener: &ListenerPlan, head: &[u8]) -> RouteAnswer {
    let mut store = FieldStore::default();
    let asked = match Scanner::default().scan(head, &listener.bounds) {
        Ok(Some(len)) if len == head.len() => RequestHead::parse(head, &mut store),
        Ok(_) => Err(Refusal::LineEnd),
        Err(refusal) => Err(refusal),
    };
    match asked {
        Ok(asked) => answer_to(listener, &asked),
        Err(refusal) => RouteAnswer {
            listener: listener.name.clone(),
            path: String::new(),
            rules: Vec::new(),
            route: None,
            outcome: RouteOutcome::Refused { cause: refusal.of_request() },
        },
    }
}

fn answer_to(listener: &ListenerPlan, asked: &RequestHead<'_, '_>) -> RouteAnswer {
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
            Ok(_) if listener.forwarding.goes_round(asked) => RouteOutcome::Refused { cause: Cause::Loop },
            Ok(_) => outcome(route, listener.protocol() == Protocol::Https, asked),
            Err(Ambiguous) => RouteOutcome::Refused { cause: Refusal::PathAmbiguous.of_request() },
        },
    }
}

fn outcome(route: &RoutePlan, is_https: bool, asked: &RequestHead<'_, '_>) -> RouteOutcome {
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
fn pinned(route: &RoutePlan, asked: &RequestHead<'_, '_>) -> Option<String> {
    let rule = route.persistence.cookie()?;
    let visit = rule.visit(&route.groups, asked.cookies(rule.name.as_bytes()), wall::now_s);
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
