//! Which backend a request goes to: the one that its cookie names, else the scheduler's choice.
//!
//! It opens no connection. Called once per request by `client`, and again by `exchange` when a
//! backend could not be used.

use std::net::IpAddr;
use std::sync::Arc;

use poise_core::http::request::RequestHead;
use poise_core::live::Inflight;
use poise_core::persistence::PersistencePlan;
use poise_core::plan::{BackendId, BackendPlan, Choice, GroupPlan, ListenerPlan};
use poise_ipc::cause::Cause;

/// A chosen backend, counted as working on the request while this lives: the next choice, which may
/// come before the connection is open, sees the load.
pub(super) struct Pick {
    /// The backend.
    pub(super) backend: Arc<BackendPlan>,
    _inflight: Inflight,
    /// Whether persistence decided.
    pub(super) pinned: bool,
}

impl Pick {
    fn new(backend: &Arc<BackendPlan>, pinned: bool) -> Self {
        Self { backend: Arc::clone(backend), _inflight: Inflight::start(backend), pinned }
    }
}

/// The backend for a request of `client`.
///
/// # Errors
/// Why there is none.
pub(super) fn first(listener: &ListenerPlan, client: IpAddr, head: &RequestHead<'_, '_>) -> Result<Pick, Cause> {
    if let Some(backend) = remembered(listener, head) {
        return Ok(Pick::new(backend, true));
    }
    chosen(listener.group.choose(client))
}

/// Another backend than those that were tried.
///
/// # Errors
/// Why there is none.
pub(super) fn another(group: &GroupPlan, client: IpAddr, tried: &[BackendId]) -> Result<Pick, Cause> {
    chosen(group.choose_except(client, tried))
}

fn chosen(choice: Choice<'_>) -> Result<Pick, Cause> {
    match choice {
        Choice::Backend(backend) => Ok(Pick::new(backend, false)),
        Choice::NoneEligible(cause) => Err(cause),
    }
}

/// The first cookie that stands for a backend that may still be used.
fn remembered<'p>(listener: &'p ListenerPlan, head: &RequestHead<'_, '_>) -> Option<&'p Arc<BackendPlan>> {
    let PersistencePlan::CookieInsert(rule) = &listener.persistence else { return None };
    head.cookies(rule.name.as_bytes()).find_map(|value| listener.group.pinned(rule.backend(value)?))
}
