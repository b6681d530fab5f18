//! Which backend a flow goes to: persistence first, then the scheduler, and another one when the
//! flow has lost its own.
//!
//! It opens nothing; the table of flows asks it.

use std::net::IpAddr;
use std::sync::Arc;

use poise_core::flow::{Guide, Key};
use poise_core::persistence::{PersistencePlan, SourceTable};
use poise_core::plan::{BackendId, BackendPlan, Choice, ListenerPlan};
use poise_ipc::cause::Cause;

use crate::worker::WorkerContext;

/// Judges by the plan in force.
pub(super) struct Judge<'a> {
    pub(super) ctx: &'a WorkerContext,
    pub(super) listener: &'a ListenerPlan,
}

impl Judge<'_> {
    fn table(&self) -> Option<&SourceTable> {
        match &self.listener.persistence {
            PersistencePlan::Source(table) => Some(table),
            PersistencePlan::Off | PersistencePlan::CookieInsert(_) => None,
        }
    }

    /// The backend that this client had before, if it may still be used.
    fn remembered(&self, client: IpAddr) -> Option<BackendId> {
        let id = self.table()?.get(client, self.ctx.clock.now_ms())?;
        let backend = self.listener.group.pinned(id)?;
        let cells = backend.live.worker(self.ctx.index);
        cells.picks.add(1);
        cells.pinned.add(1);
        Some(id)
    }

    fn scheduled(&self, client: IpAddr, lost: Option<BackendId>) -> Result<&Arc<BackendPlan>, Cause> {
        let group = &self.listener.group;
        let choice = match &lost {
            Some(lost) => group.choose_except(client, std::slice::from_ref(lost)),
            None => group.choose(client),
        };
        match choice {
            Choice::Backend(backend) => Ok(backend),
            Choice::NoneEligible(cause) => Err(cause),
        }
    }
}

impl Guide for Judge<'_> {
    fn keeps(&mut self, backend: BackendId) -> bool {
        self.listener.group.pinned(backend).is_some()
    }

    fn choose(&mut self, key: &Key, lost: Option<BackendId>) -> Result<BackendId, Cause> {
        let client = key.client.ip();
        if let Some(id) = lost.is_none().then(|| self.remembered(client)).flatten() {
            return Ok(id);
        }
        let backend = self.scheduled(client, lost)?;
        backend.live.worker(self.ctx.index).picks.add(1);
        if let Some(table) = self.table() {
            table.bind(client, backend.id, self.ctx.clock.now_ms());
        }
        Ok(backend.id)
    }
}
