//! Forecasts and aftermaths: what a change would do to traffic, and what a commit has done.
//!
//! A forecast compiles the plan that would be, with what is known at this moment, and compares it with the
//! plan in force; nothing is published, bound or stored. Every commit is forecast too, at the moment at
//! which it takes effect, and remembered until the process ends, so that both can be compared.

use std::collections::{HashMap, VecDeque};

use poise_core::forecast::{Seen, forecast};
use poise_core::layer;
use poise_core::plan::{BackendId, BackendPlan, ListenerId, Plan};
use poise_ipc::diff;
use poise_ipc::message::{
    Aftermath, BackendSeen, ErrorCode, ErrorReply, Forecast, GroupSeen, PlanQuery, Planned, Reply,
};
use poise_ipc::status::BackendCounters;

use super::Reconcile;
use super::commit::{Change, Source};
use super::start::daemon;
use crate::control::command::Answer;
use crate::control::ports::Ports;
use crate::wall::now_ms;

/// Commits whose forecasts are remembered.
const REMEMBERED_MAX: usize = 16;

/// The last commits, the newest last.
#[derive(Debug, Default)]
pub(super) struct Remembered(VecDeque<Past>);

/// A commit with what was counted when it took effect.
#[derive(Debug)]
struct Past {
    forecast: Forecast,
    /// The revision that it made.
    revision: u64,
    at_ms: u64,
    picks: HashMap<BackendId, (u64, u64)>,
    errors: HashMap<BackendId, u64>,
    moved: HashMap<ListenerId, u64>,
}

/// What a commit is compared with, taken before it is in force.
pub(super) struct Eve {
    plan: std::sync::Arc<Plan>,
    seen: Seen,
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Says what a change would do.
    pub(super) fn plan(&mut self, query: PlanQuery) -> Answer {
        let source = match query.wanted {
            Planned::Edits(edits) => Source::Edits(edits),
            Planned::Text(text) => Source::Text(text),
        };
        let change = Change { if_revision: query.if_revision, ..Change::of(source, daemon(), None) };
        self.expects(&change)?;
        let candidate = self.candidate(&change)?;
        let edits = diff::diff(&self.state.config, &candidate);
        let Eve { plan, seen } = self.eve();
        let identities = self.state.identities.renamed(&self.state.config, &candidate).follow(&candidate);
        let in_force = layer::in_force(&candidate, self.layers.list(), self.steady_ms()).0;
        let would_be = self.compile_as(&in_force, &identities, &plan);
        let (groups, listeners) = forecast(&plan, &would_be, &seen, self.worker_ms());
        let (before, after) = (self.advice(self.in_force(), &self.state.config), self.advice(&in_force, &candidate));
        let only = |these: &[poise_ipc::advice::Finding], those: &[poise_ipc::advice::Finding]| {
            these.iter().filter(|finding| !those.contains(finding)).cloned().collect()
        };
        let (findings, findings_gone) = (only(&after, &before), only(&before, &after));
        let revision = self.state.revision;
        Ok(Reply::Plan(Box::new(Forecast {
            revision,
            at_ms: now_ms(),
            edits,
            groups,
            listeners,
            findings,
            findings_gone,
        })))
    }

    /// What there is before a commit takes effect.
    pub(super) fn eve(&self) -> Eve {
        let plan = self.parts.publisher.published().load_full();
        let seen = self.pulse.seen(&plan, self.worker_ms());
        Eve { plan, seen }
    }

    /// Remembers what a commit that has taken effect was expected to do.
    pub(super) fn remember(&mut self, eve: &Eve, commit: &poise_ipc::message::Commit) {
        let plan = self.parts.publisher.published().load_full();
        let (groups, listeners) = forecast(&eve.plan, &plan, &eve.seen, self.worker_ms());
        let (revision, edits) = (commit.revision, commit.edits.clone());
        let forecast =
            Forecast { revision: revision - 1, at_ms: commit.at_ms, edits, groups, listeners, ..Forecast::default() };
        let backends = || plan.groups.iter().flat_map(|group| &group.backends);
        if self.remembered.0.len() == REMEMBERED_MAX {
            self.remembered.0.pop_front();
        }
        self.remembered.0.push_back(Past {
            forecast,
            revision,
            at_ms: self.worker_ms(),
            picks: backends().map(|backend| (backend.id, backend.live.picks())).collect(),
            errors: backends().map(|backend| (backend.id, errors(&backend.live.totals()))).collect(),
            moved: moved(&plan),
        });
    }

    /// Says what a commit has done.
    pub(super) fn aftermath(&self, revision: Option<u64>) -> Answer {
        let Remembered(remembered) = &self.remembered;
        let past = match revision {
            None => remembered.back(),
            Some(revision) => remembered.iter().rev().find(|past| past.revision == revision),
        };
        let Some(past) = past else { return Err(forgotten(revision, remembered)) };
        let plan = self.parts.publisher.published().load_full();
        let entries_moved = moved(&plan)
            .into_iter()
            .map(|(id, now)| now.saturating_sub(past.moved.get(&id).copied().unwrap_or_default()));
        let groups = past.forecast.groups.iter().filter_map(|told| plan.group(&told.group)).map(|group| {
            let picks = |backend: &BackendPlan| past.since(backend);
            let all = group.backends.iter().map(|backend| picks(backend).0).sum::<u64>();
            let backends = group.backends.iter().map(|backend| {
                let (picks, pinned) = picks(backend);
                let errors = errors(&backend.live.totals());
                BackendSeen {
                    backend: backend.name.clone(),
                    share_permille: (all > 0).then(|| u16::try_from((picks * 1_000 + all / 2) / all).unwrap_or(1_000)),
                    picks,
                    pinned,
                    errors: errors.saturating_sub(past.errors.get(&backend.id).copied().unwrap_or_default()),
                }
            });
            GroupSeen { group: group.name.clone(), picks: all, backends: backends.collect() }
        });
        Ok(Reply::Aftermath(Box::new(Aftermath {
            revision: past.revision,
            forecast: past.forecast.clone(),
            span_ms: self.worker_ms().saturating_sub(past.at_ms),
            entries_moved: entries_moved.sum(),
            groups: groups.collect(),
        })))
    }
}

impl Past {
    /// Work that a backend got since, and how much of that persistence decided.
    fn since(&self, backend: &BackendPlan) -> (u64, u64) {
        let (picks, pinned) = backend.live.picks();
        let (before, pinned_before) = self.picks.get(&backend.id).copied().unwrap_or_default();
        (picks.saturating_sub(before), pinned.saturating_sub(pinned_before))
    }
}

fn forgotten(revision: Option<u64>, remembered: &VecDeque<Past>) -> ErrorReply {
    let message = match (revision, remembered.front()) {
        (_, None) => "nothing was committed since this process began".to_owned(),
        (None, Some(_)) => "nothing is remembered".to_owned(),
        (Some(revision), Some(oldest)) => {
            format!(
                "revision {revision} is not remembered; those of the last {REMEMBERED_MAX} commits from {} on are",
                oldest.revision
            )
        }
    };
    ErrorReply::new(ErrorCode::NotFound, message).hint("poise history tells what was changed, without what came of it")
}

fn errors(counters: &BackendCounters) -> u64 {
    counters.responses_total[4] + counters.connect_failures_total + counters.failures_total
}

/// Clients of source persistence that went to another backend, by listener.
fn moved(plan: &Plan) -> HashMap<ListenerId, u64> {
    let tables = plan.listeners.values().filter_map(|listener| Some((listener.id, listener.source_table()?)));
    tables.map(|(id, table)| (id, table.totals().redispatched_total)).collect()
}
