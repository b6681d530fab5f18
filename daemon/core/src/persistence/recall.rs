//! Recalling: what source persistence says of a client that comes, before any scheduler is asked.
//!
//! The table knows the backend, the plan knows whether it may be used, the listener's settings say
//! what happens when it may not. Binding a client to the backend that took it is the data path's,
//! once that one was reached.

use std::net::IpAddr;
use std::sync::Arc;

use poise_ipc::model::Redispatch;

use super::cookie::may_return;
use super::{PersistencePlan, SourceTable};
use crate::plan::{BackendId, BackendPlan, ListenerPlan};

/// What is remembered of a client.
#[derive(Clone, Copy, Debug)]
pub enum Recall<'a> {
    /// It goes to this backend.
    Backend(&'a Arc<BackendPlan>),
    /// Nothing, or its backend is of no use to it any more: the scheduler chooses.
    Anew,
    /// It belongs to this backend, which may not be used, and nobody else may take it: it is closed
    /// as [`Cause::Unusable`](poise_ipc::cause::Cause::Unusable) and stays remembered.
    Unusable(BackendId),
}

impl ListenerPlan {
    /// What source persistence remembers of a client; this is a use. `now_ms` as in
    /// [`SourceTable::get`].
    ///
    /// A backend that left the group, and a backup that need not serve any more, are no reason to
    /// refuse a client: neither will ever be its backend again.
    pub fn recall(&self, client: IpAddr, now_ms: u64) -> Recall<'_> {
        let Some((table, id)) = self.source_table().and_then(|table| Some((table, table.get(client, now_ms)?))) else {
            return Recall::Anew;
        };
        let known = self.group.backend(id);
        match known.filter(|backend| backend.takes_pinned()) {
            Some(backend) => Recall::Backend(backend),
            None if self.binds() && known.is_some_and(|backend| may_return(&self.group, backend)) => {
                table.count_refusal();
                Recall::Unusable(id)
            }
            None => {
                table.count_redispatch();
                Recall::Anew
            }
        }
    }

    /// The table of source persistence, if the listener has one.
    pub fn source_table(&self) -> Option<&SourceTable> {
        match &self.persistence {
            PersistencePlan::Source(table) => Some(table),
            PersistencePlan::Off | PersistencePlan::Cookie(_) => None,
        }
    }

    /// Whether a client may go to no other backend than the one that is remembered, not even when
    /// that one cannot be reached.
    pub fn binds(&self) -> bool {
        self.settings.persistence.redispatch == Redispatch::Refuse
    }
}

#[cfg(test)]
mod tests;
