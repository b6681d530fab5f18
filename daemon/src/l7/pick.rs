//! Which backend a request goes to: the one that its cookie names, else the scheduler's choice.
//!
//! It opens no connection. Called once per request by `client`, and again by `exchange` when a
//! backend could not be used.

use std::net::IpAddr;
use std::sync::Arc;

use poise_core::http::request::RequestHead;
use poise_core::live::Inflight;
use poise_core::persistence::PersistencePlan;
use poise_core::plan::{BackendId, BackendPlan, GroupPlan, ListenerPlan};
use poise_core::queue::Start;
use poise_ipc::cause::Cause;

use crate::turn::Turn;

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
}

impl Pick {
    /// Counted as working on the request.
    pub(super) fn new(Turn { backend, slot }: Turn, pinned: bool) -> Self {
        Self { backend, _inflight: slot, pinned }
    }
}

/// The backend for a request of `client`.
///
/// # Errors
/// Why there is none.
pub(super) fn first(listener: &ListenerPlan, client: IpAddr, head: &RequestHead<'_, '_>) -> Result<Pick, Unpicked> {
    if let Some(backend) = remembered(listener, head) {
        let slot = listener.group.start_pinned(backend).ok_or(Unpicked::Full(Some(backend.id)))?;
        return Ok(Pick::new(Turn::at(backend, slot), true));
    }
    another(&listener.group, client, &[])
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

/// The first cookie that stands for a backend that may still be used.
fn remembered<'p>(listener: &'p ListenerPlan, head: &RequestHead<'_, '_>) -> Option<&'p Arc<BackendPlan>> {
    let PersistencePlan::CookieInsert(rule) = &listener.persistence else { return None };
    head.cookies(rule.name.as_bytes()).find_map(|value| listener.group.pinned(rule.backend(value)?))
}
