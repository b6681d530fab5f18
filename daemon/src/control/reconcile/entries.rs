//! Persistence entries: pages of them for those who ask, their removal, and their way to the store
//! and back.
//!
//! The tables are the listeners' own. Whoever walks through one does so beside the single writer, on
//! a thread that may wait: a full table takes some milliseconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use poise_core::persistence::{Entry, EntryFilter, SourceTable};
use poise_core::plan::{ListenerId, ListenerPlan, Plan};
use poise_ipc::edit::backend_path;
use poise_ipc::entries::{self, EntryCursor, EntryPage, EntryQuery, EntryRemoval, EntryRow};
use poise_ipc::limits::ENTRIES_REPLY_MAX;
use poise_ipc::message::{Author, ErrorCode, ErrorReply, Reply};
use poise_ipc::status::SourceCounters;
use tracing::info;

use super::commit::answer;
use super::{Asker, Reconcile};
use crate::control::ports::Ports;
use crate::store::{EntryPart, EntryParts};
use crate::wall::now_ms as wall_ms;

/// What the tables had counted when they were handed to the store: whoever uses one moves a counter.
pub(super) type Handed = BTreeMap<ListenerId, SourceCounters>;

impl<P: Ports + 'static> Reconcile<P> {
    /// Answers with a page of entries.
    pub(super) fn entries(&self, query: EntryQuery, asker: Asker) {
        let EntryQuery { filter, limit, after } = query;
        if !(1..=ENTRIES_REPLY_MAX).contains(&limit) {
            let message = format!("a page of {limit} entries, allowed are 1 to {ENTRIES_REPLY_MAX}");
            return answer(asker, Err(refused("limit", message)));
        }
        self.search(filter, asker, move |search| Reply::Entries(search.page(after.as_ref(), limit as usize)));
    }

    /// Forgets entries and answers how many.
    pub(super) fn remove_entries(&self, removal: EntryRemoval, author: &Author, asker: Asker) {
        let EntryRemoval { filter, all } = removal;
        if filter.is_empty() && !all {
            let error = refused("all", "nothing says which entries to remove".to_owned());
            return answer(asker, Err(error.hint("name a listener, a client or a backend, or say that all are meant")));
        }
        let author = author.user.clone();
        self.search(filter.clone(), asker, move |search| {
            let removed = search.remove();
            let entries::EntryFilter { listener, key, backend } = filter;
            let told = |word: Option<String>| word.unwrap_or_else(|| "any".to_owned());
            info!(
                author,
                removed,
                listener = told(listener.map(|name| name.to_string())),
                client = told(key.map(|key| key.to_string())),
                backend = told(backend.map(|path| path.to_string())),
                "persistence entries removed"
            );
            Reply::EntriesRemoved { removed }
        });
    }

    /// Works through the tables that a filter means, on a thread that may wait.
    fn search(&self, filter: entries::EntryFilter, asker: Asker, work: impl FnOnce(&Search) -> Reply + Send + 'static) {
        match self.searched(filter) {
            Ok(search) => drop(tokio::task::spawn_blocking(move || answer(asker, Ok(work(&search))))),
            Err(error) => answer(asker, Err(error)),
        }
    }

    fn searched(&self, filter: entries::EntryFilter) -> Result<Search, ErrorReply> {
        let entries::EntryFilter { listener, key, backend } = filter;
        if let Some(name) = listener.as_ref().filter(|name| !self.state.config.listeners.contains_key(*name)) {
            return Err(absent(format!("listeners.{name}")));
        }
        let known = |path| self.state.identities.backends.get(path).copied().ok_or_else(|| absent(backend_path(path)));
        let filter = EntryFilter { clients: key, backend: backend.as_ref().map(known).transpose()? };
        let plan = self.parts.publisher.published().load_full();
        let mut listeners = remembering(&plan);
        listeners.retain(|plan| listener.as_ref().is_none_or(|name| plan.name == *name));
        listeners.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(Search { listeners, filter, now_ms: self.worker_ms() })
    }

    /// Hands the store what listeners remember, if anything has changed since the last time.
    pub(super) fn store_entries(&mut self) {
        let listeners = remembering(&self.parts.publisher.published().load());
        let counted = counted(&listeners);
        if counted != self.handed && self.parts.store.entries(parts(listeners, self.parts.epoch)) {
            self.handed = counted;
        }
    }

    /// Gives the tables of the first plan what was stored of them; clients cannot come yet. Entries of
    /// listeners and backends that are gone are dropped.
    pub(super) fn restore_entries(&mut self, plan: &Plan) {
        let stored = std::mem::take(&mut self.parts.entries);
        if stored.is_empty() {
            return;
        }
        let (now_ms, at_ms) = (self.worker_ms(), wall_ms());
        for EntryPart { listener, at_ms: taken_ms, mut entries } in stored {
            let Some(listener) = plan.listeners.get(&listener) else { continue };
            let Some(table) = listener.source_table() else { continue };
            entries.retain(|entry| listener.group.backend(entry.backend).is_some());
            // A clock that was set back tells of no time that has passed, never of time to come.
            table.restore(&entries, at_ms.saturating_sub(taken_ms), now_ms);
        }
        self.handed = counted(&remembering(plan));
        let entries_count: u64 = self.handed.values().map(|counters| counters.entries).sum();
        info!(entries_count, "persistence entries restored");
    }
}

/// The tables that somebody asks about.
struct Search {
    /// Those with a table, by name.
    listeners: Vec<Arc<ListenerPlan>>,
    filter: EntryFilter,
    now_ms: u64,
}

impl Search {
    fn tables(&self) -> impl Iterator<Item = (&ListenerPlan, &SourceTable)> {
        self.listeners.iter().filter_map(|listener| Some((&**listener, listener.source_table()?)))
    }

    fn page(&self, after: Option<&EntryCursor>, limit: usize) -> EntryPage {
        let mut rows = Vec::new();
        for (listener, table) in self.tables().filter(|(l, _)| after.is_none_or(|after| l.name >= after.listener)) {
            let from = after.filter(|after| after.listener == listener.name).map(|after| after.client);
            let found = table.page(&self.filter, from, limit - rows.len(), self.now_ms);
            rows.extend(found.into_iter().map(|entry| row(listener, table, entry)));
        }
        let last = rows.last().filter(|_| rows.len() == limit);
        EntryPage {
            more: last.map(|row| EntryCursor { listener: row.listener.clone(), client: row.key.address }),
            total: after.is_none().then(|| self.tables().map(|(_, table)| self.count(table)).sum()),
            rows,
        }
    }

    fn count(&self, table: &SourceTable) -> u64 {
        table.count(&self.filter, self.now_ms) as u64
    }

    fn remove(&self) -> u64 {
        self.tables().map(|(_, table)| table.remove_all(&self.filter, self.now_ms) as u64).sum()
    }
}

fn row(listener: &ListenerPlan, table: &SourceTable, entry: Entry) -> EntryRow {
    let Entry { client, backend, idle_ms } = entry;
    EntryRow {
        listener: listener.name.clone(),
        key: table.rule().network(client),
        group: listener.group.name.clone(),
        backend: listener.group.backend(backend).map(|backend| backend.name.clone()),
        idle_ms,
        remaining_ms: u64::from(table.rule().timeout_ms).saturating_sub(idle_ms),
    }
}

/// The listeners that have a table.
fn remembering(plan: &Plan) -> Vec<Arc<ListenerPlan>> {
    plan.listeners.values().filter(|listener| listener.source_table().is_some()).cloned().collect()
}

fn counted(listeners: &[Arc<ListenerPlan>]) -> Handed {
    let counted = listeners.iter().filter_map(|listener| Some((listener.id, listener.source_table()?.totals())));
    counted.collect()
}

/// What the tables hold, part by part, each taken when its turn comes.
fn parts(listeners: Vec<Arc<ListenerPlan>>, epoch: Instant) -> EntryParts {
    let part_of = move |listener: &ListenerPlan, part| {
        let now_ms = u64::try_from(epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let entries = listener.source_table()?.part(part, now_ms);
        (!entries.is_empty()).then(|| EntryPart { listener: listener.id, at_ms: wall_ms(), entries })
    };
    let parts = listeners.into_iter().flat_map(|listener| {
        let parts = 0..SourceTable::PARTS;
        parts.map(move |part| (Arc::clone(&listener), part))
    });
    Box::new(parts.filter_map(move |(listener, part)| part_of(&listener, part)))
}

fn refused(path: &str, message: String) -> ErrorReply {
    ErrorReply { path: Some(path.to_owned()), ..ErrorReply::new(ErrorCode::Invalid, message) }
}

fn absent(path: String) -> ErrorReply {
    let error = ErrorReply::new(ErrorCode::NotFound, format!("{path} does not exist"));
    ErrorReply { path: Some(path), ..error }
}
