//! Which backend a request goes to: the one that its cookie names, else the scheduler's choice.
//!
//! It opens no connection. Called once per request by `client`, and again by `exchange` when a
//! backend could not be used.

use std::net::IpAddr;
use std::sync::Arc;

use poise_core::http::request::RequestHead;
use poise_core::live::{Inflight, PersistenceCells};
use poise_core::persistence::{Recall, Visit};
use poise_core::plan::{BackendId, BackendPlan, GroupPlan, ListenerPlan};
use poise_core::queue::Start;
use poise_core::route::{Place, RoutePlan};
use poise_ipc::cause::Cause;
use poise_ipc::persistence::PersistenceVerdict;
use tracing::debug;

use crate::turn::Turn;
use crate::wall;
use crate::worker::WorkerContext;

/// A chosen backend, counted as working on the request while this lives: the next choice, which may
/// come before the connection is open, sees the load.
pub(super) struct Pick {
    /// The backend.
    pub(super) backend: Arc<BackendPlan>,
    _inflight: Inflight,
    /// Whether persistence decided.
    pub(super) pinned: bool,
}

/// Why no backend was chosen.
pub(super) enum Unpicked {
    /// All that may be used are full, or the one that the client is bound to, if there is one: the
    /// request has to wait.
    Full(Option<BackendId>),
    /// There is none, because of this.
    Nobody(Cause),
    /// None is asked: the client is sent to this place.
    Elsewhere(Place),
}

impl Pick {
    /// Counted as working on the request.
    pub(super) fn new(Turn { backend, slot }: Turn, pinned: bool) -> Self {
        Self { backend, _inflight: slot, pinned }
    }
}

/// Where the cookie of a request leads, as far as its route goes by cookies. Counted here.
pub(super) fn visit<'p>(
    ctx: &WorkerContext,
    (listener, route): (&ListenerPlan, &'p RoutePlan),
    head: &RequestHead<'_, '_>,
) -> Option<Visit<'p>> {
    let rule = route.persistence.cookie()?;
    let visit = rule.visit(&route.groups, head.cookies(rule.name.as_bytes()), wall::now_s);
    count(ctx, (listener, route), |cells| cells.judged(visit.mark.verdict));
    if let (PersistenceVerdict::Moved, Some(group)) = (visit.mark.verdict, visit.group) {
        debug!(listener = %listener.name, group = %group.name, "client moves, its backend cannot be used");
    }
    Some(visit)
}

/// Counts what became of a client's binding, for its listener and for its route.
pub(super) fn count(
    ctx: &WorkerContext,
    (listener, route): (&ListenerPlan, &RoutePlan),
    counted: impl Fn(&PersistenceCells),
) {
    counted(&listener.live.worker(ctx.index).persistence);
    if let Some(live) = &route.live {
        counted(&live.worker(ctx.index).persistence);
    }
}

/// The position of the group that a request goes to: the one where its client was before, as far as
/// cookies tell, else the route's choice.
pub(super) fn group(route: &RoutePlan, visit: Option<&Visit<'_>>) -> Option<usize> {
    let known = visit.and_then(|visit| visit.group);
    let known = known.and_then(|known| route.groups.iter().position(|group| Arc::ptr_eq(group, known)));
    known.or_else(|| route.choose())
}

/// The backend for a request of `client`: the one that its cookie leads to, else the scheduler's
/// choice.
///
/// # Errors
/// Why there is none.
pub(super) fn first(group: &GroupPlan, client: IpAddr, visit: Option<&Visit<'_>>) -> Result<Pick, Unpicked> {
    match visit.map(|visit| visit.recall) {
        Some(Recall::Backend(backend)) => {
            let slot = group.start_pinned(backend).ok_or(Unpicked::Full(Some(backend.id)))?;
            Ok(Pick::new(Turn::at(backend, slot), true))
        }
        Some(Recall::Unusable(_)) => Err(Unpicked::Nobody(Cause::Unusable)),
        Some(Recall::Anew) | None => another(group, client, &[]),
    }
}

/// Another backend than those that were tried.
///
/// # Errors
/// Why there is none.
pub(super) fn another(group: &GroupPlan, client: IpAddr, tried: &[BackendId]) -> Result<Pick, Unpicked> {
    match group.start(client, tried) {
        Start::Begun(backend, slot) => Ok(Pick::new(Turn::at(backend, slot), false)),
        Start::Full => Err(Unpicked::Full(None)),
        Start::NoneEligible(cause) => Err(Unpicked::Nobody(cause)),
    }
}
