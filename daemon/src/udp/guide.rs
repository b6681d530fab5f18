//! Which backend a flow goes to: access and limits first, then persistence, then the scheduler, and
//! another backend when the flow has lost its own.
//!
//! It opens nothing; the table of flows asks it. A datagram waits for nobody: where a connection
//! would queue for a full backend, it is dropped.

use std::net::IpAddr;
use std::sync::Arc;

use poise_core::flow::{Guide, Key};
use poise_core::limit::Admitted;
use poise_core::live::Inflight;
use poise_core::persistence::Recall;
use poise_core::plan::{BackendId, BackendPlan, ListenerPlan};
use poise_core::queue::Start;
use poise_ipc::cause::Cause;

use crate::admit::admit;
use crate::loops::Caller;
use crate::worker::WorkerContext;

/// Judges by the plan in force, and holds what a choice has taken up.
pub(super) struct Judge<'a> {
    ctx: &'a WorkerContext,
    listener: &'a ListenerPlan,
    /// The chosen backend's slot.
    pub(super) slot: Option<Inflight>,
    /// The place of a new flow within the limits.
    pub(super) admitted: Option<Admitted>,
}

impl<'a> Judge<'a> {
    pub(super) const fn new(ctx: &'a WorkerContext, listener: &'a ListenerPlan) -> Self {
        Self { ctx, listener, slot: None, admitted: None }
    }

    /// Begins at the backend that this client had before, or at the scheduler's choice.
    fn begin(&self, client: IpAddr, lost: Option<BackendId>) -> Result<(&'a Arc<BackendPlan>, Inflight), Cause> {
        let (listener, group) = (self.listener, &self.listener.group);
        match listener.recall(client, self.ctx.clock.now_ms()) {
            Recall::Unusable(_) => Err(Cause::Unusable),
            Recall::Backend(backend) if Some(backend.id) != lost => {
                backend.live.worker(self.ctx.index).pinned.add(1);
                Ok((backend, group.start_pinned(backend).ok_or(Cause::QueueFull)?))
            }
            // Its host has refused, and no other may take the client.
            Recall::Backend(_) if listener.binds() => Err(Cause::Unusable),
            Recall::Backend(_) | Recall::Anew => match group.start(client, lost.as_slice()) {
                Start::Begun(backend, slot) => {
                    self.remember(client, backend.id, lost.is_some());
                    Ok((backend, slot))
                }
                Start::NoneEligible(cause) => Err(cause),
                Start::Full => Err(Cause::QueueFull),
            },
        }
    }

    fn remember(&self, client: IpAddr, backend: BackendId, is_moved: bool) {
        let Some(table) = self.listener.source_table() else { return };
        table.bind(client, backend, self.ctx.clock.now_ms());
        if is_moved {
            table.count_redispatch();
        }
    }
}

impl Guide for Judge<'_> {
    fn keeps(&mut self, backend: BackendId) -> bool {
        self.listener.group.pinned(backend).is_some()
    }

    fn choose(&mut self, key: &Key, lost: Option<BackendId>) -> Result<BackendId, Cause> {
        if lost.is_none() {
            if self.ctx.loops.goes_round(self.listener.id, &Caller::udp(key.client)).is_some() {
                return Err(Cause::Loop);
            }
            self.admitted = Some(admit(self.listener, key.client, self.ctx.clock.now_ms())?);
        }
        let group = &self.listener.group;
        if lost.is_none() {
            group.came(self.ctx.index);
        }
        let begun = self.begin(key.client.ip(), lost);
        let (backend, slot) = begun.inspect_err(|&cause| group.ended(self.ctx.index, None, cause))?;
        backend.live.worker(self.ctx.index).picks.add(1);
        self.slot = Some(slot);
        Ok(backend.id)
    }
}
