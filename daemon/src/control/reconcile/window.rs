//! Confirm windows: commits that are taken back unless somebody confirms them in time.
//!
//! The window is stored with the commit that opens it. While it is open, a commit that does not join
//! it is refused; one that joins is kept or taken back with the others. At the deadline, when a wire
//! is touched or when somebody asks, the configuration of before is made live first and stored with
//! retries: a full disk must not keep what nobody confirmed.

use std::collections::HashMap;

use poise_core::plan::{BackendId, GroupPlan, Identities};
use poise_ipc::message::{
    Applied, Author, CONFIRM_WITHIN_MS, Commit, ErrorCode, ErrorReply, Reply, TRIPS_MAX, Trip, WindowAct, WindowEvent,
    WindowNews, WindowQuery, WindowStatus, WindowWish,
};
use poise_ipc::{Config, Name, diff, text};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::commit::{answer, gone, outcome, refused_by_store, wanted};
use super::start::daemon;
use super::{Asker, Done, Outcome, Reconcile, State};
use crate::control::bus::What;
use crate::control::identities;
use crate::control::ports::Ports;
use crate::control::wires::usable;
use crate::log::chain;
use crate::store::{self, Running, WindowChange};
use crate::tls::Reading;
use crate::wall::now_ms;

/// Time between two attempts to bring back the configuration of before, or to store that it is back.
const RETRY_MS: u64 = 1_000;

/// The window, and what could not be stored of its end.
#[derive(Debug, Default)]
pub(super) struct Windows {
    open: Option<Open>,
    /// Taken back, live and not stored yet.
    unstored: Vec<Commit>,
    /// Backends that went with them: their health is to be forgotten.
    gone: Vec<BackendId>,
    /// When the next attempt is due.
    retry_ms: u64,
}

/// The window that is open.
#[derive(Clone, Debug)]
pub(super) struct Open {
    status: WindowStatus,
    prior: Prior,
    /// Why it is to be taken back now.
    due: Option<String>,
}

/// What comes back.
#[derive(Clone, Debug)]
struct Prior {
    config: Config,
    identities: Identities,
    taken: Option<String>,
}

/// The window as it is stored.
#[derive(Serialize, Deserialize)]
struct Row {
    status: WindowStatus,
    config: String,
    identities: String,
    taken: Option<String>,
}

/// A change of the window that is being stored.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    Confirm(Author),
    Extend(u64),
}

impl Windows {
    /// Whether one is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The window that is open.
    pub(super) fn status(&self) -> Option<WindowStatus> {
        self.open.as_ref().map(|open| open.status.clone())
    }

    /// Commits that are in force and not stored yet.
    pub(super) fn unstored(&self) -> Vec<Commit> {
        self.unstored.clone()
    }

    /// They are stored.
    pub(super) fn stored(&mut self) {
        self.unstored.clear();
    }

    /// The groups that its wires look at by name.
    pub(super) fn watched(&self) -> impl Iterator<Item = &Name> {
        let trips = self.open.iter().flat_map(|open| &open.status.trips);
        let named = trips.filter_map(|trip| trip.group.as_ref());
        let all = self.open.iter().filter(|open| open.status.trips.iter().any(|trip| trip.group.is_none()));
        named.chain(all.flat_map(|open| open.prior.config.groups.keys()))
    }
}

impl Open {
    /// The window as the store keeps it.
    fn body(&self) -> String {
        let row = Row {
            status: self.status.clone(),
            config: text::print(&self.prior.config),
            identities: identities::print(&self.prior.identities),
            taken: self.prior.taken.clone(),
        };
        serde_json::to_string(&row).unwrap_or_default()
    }

    fn read(body: &str) -> Option<Self> {
        let Row { status, config, identities, taken } = serde_json::from_str(body).ok()?;
        let prior = Prior { config: text::parse(&config).ok()?, identities: identities::parse(&identities)?, taken };
        Some(Self { status, prior, due: None })
    }

    /// What the store is to keep of a window.
    pub(super) fn change(&self) -> WindowChange {
        WindowChange::Open(self.body())
    }

    /// The window as the protocol tells it.
    pub(super) fn told(&self) -> WindowStatus {
        self.status.clone()
    }
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Whether a change may be committed as far as windows go.
    pub(super) fn admits(&self, wish: &WindowWish) -> Result<(), ErrorReply> {
        if let Some(within) = wish.confirm_within_ms.filter(|within| !CONFIRM_WITHIN_MS.contains(within)) {
            let message = format!("{within} ms to confirm in; allowed: 10s to 24h");
            return Err(at("window.confirm_within_ms", message));
        }
        if wish.trips.len() > TRIPS_MAX {
            return Err(at("window.trips", format!("{} wires; allowed: up to {TRIPS_MAX}", wish.trips.len())));
        }
        if !wish.trips.is_empty() && wish.confirm_within_ms.is_none() && !wish.join {
            let error = at("window.trips", "a trip wire needs a confirm window".to_owned());
            return Err(error.hint("say how long there is to confirm in: --confirm-within 60s"));
        }
        match (&self.window.open, wish.join) {
            (None, true) => {
                let error = ErrorReply::new(ErrorCode::Conflict, "no confirm window is open to join");
                Err(error.hint("open one with --confirm-within, or commit without --join"))
            }
            (Some(open), false) => {
                let WindowStatus { revision, author, .. } = &open.status;
                let user = &author.user;
                let message = format!("revision {revision} of {user} waits to be confirmed");
                let error = ErrorReply { revision: Some(*revision), ..ErrorReply::new(ErrorCode::WindowOpen, message) };
                Err(error.hint(format!(
                    "poise confirm {revision} keeps it, poise window back takes it back; --join commits within its window"
                )))
            }
            (Some(open), true) if open.status.trips.len() + wish.trips.len() > TRIPS_MAX => {
                Err(at("window.trips", format!("the window would have too many wires; allowed: up to {TRIPS_MAX}")))
            }
            _ => known_groups(&self.state.config, &wish.trips),
        }
    }

    /// The window after a commit that wants this of it; none where it stays as it is.
    pub(super) fn window_with(&self, wish: &WindowWish, commit: &Commit) -> Option<Open> {
        let now_ms = self.steady_ms();
        let deadline = |within_ms: u64| now_ms + within_ms;
        if let Some(open) = self.window.open.as_ref().filter(|_| wish.join) {
            let mut open = open.clone();
            open.status.revision = commit.revision;
            open.status.revisions.push(commit.revision);
            open.status.trips.extend(wish.trips.iter().cloned());
            if let Some(within_ms) = wish.confirm_within_ms {
                open.status.deadline_ms = deadline(within_ms);
            }
            return Some(open);
        }
        let within_ms = wish.confirm_within_ms?;
        let status = WindowStatus {
            revision: commit.revision,
            back_to: self.state.revision,
            revisions: vec![commit.revision],
            opened_ms: now_ms,
            deadline_ms: deadline(within_ms),
            author: commit.author.clone(),
            reason: commit.reason.clone(),
            trips: wish.trips.clone(),
            trouble: None,
        };
        let State { config, identities, .. } = &self.state;
        let prior = Prior { config: config.clone(), identities: identities.clone(), taken: self.file.taken.clone() };
        Some(Open { status, prior, due: None })
    }

    /// Opens or changes the window, as it was stored with a commit.
    pub(super) fn open_window(&mut self, open: Open) {
        let what = if self.window.is_open() { WindowEvent::Changed } else { WindowEvent::Opened };
        let WindowStatus { revision, back_to, deadline_ms, .. } = open.status;
        info!(
            revision,
            back_to,
            within_ms = deadline_ms.saturating_sub(self.steady_ms()),
            "the commit has to be confirmed"
        );
        let window = open.told();
        self.window.open = Some(open);
        self.sample_wires();
        self.tell_window(what, window);
    }

    fn tell_window(&mut self, what: WindowEvent, window: WindowStatus) {
        self.snapshot = None;
        self.parts.bus.publish(now_ms(), What::Window(Box::new(WindowNews { what, window })));
    }

    /// Does what an operator asks of the window.
    pub(super) fn begin_turn(&mut self, query: WindowQuery, author: Author, asker: Asker) {
        let Some(open) = &self.window.open else {
            let error = ErrorReply::new(ErrorCode::NotFound, "no confirm window is open");
            return answer(asker, Err(error.hint("poise history shows what has become of commits")));
        };
        let newest = open.status.revision;
        if let Some(expected) = query.revision.filter(|&expected| expected != newest) {
            let message = format!("the window holds revision {newest}, not {expected}");
            let error = ErrorReply { revision: Some(newest), ..ErrorReply::new(ErrorCode::Conflict, message) };
            return answer(asker, Err(error.hint("look at what has changed, then name that revision")));
        }
        match query.act {
            WindowAct::Back => {
                let why = format!("{} took it back", author.user);
                self.begin_back(why, author, Some(asker));
            }
            WindowAct::Confirm => {
                let ack = self.parts.store.window(WindowChange::Closed);
                let turn = Turn::Confirm(author);
                self.under_way = Some(Box::pin(async move { Done::Turned(turn, outcome(ack).await, asker) }));
            }
            WindowAct::Extend { for_ms } if !CONFIRM_WITHIN_MS.contains(&for_ms) => {
                answer(asker, Err(at("for_ms", format!("{for_ms} ms to confirm in; allowed: 10s to 24h"))));
            }
            WindowAct::Extend { for_ms } => {
                let deadline_ms = self.steady_ms() + for_ms;
                let mut open = open.clone();
                open.status.deadline_ms = deadline_ms;
                let ack = self.parts.store.window(open.change());
                let turn = Turn::Extend(deadline_ms);
                self.under_way = Some(Box::pin(async move { Done::Turned(turn, outcome(ack).await, asker) }));
            }
        }
    }

    /// Does what is stored, or says why it could not be.
    pub(super) fn finish_turn(&mut self, turn: Turn, outcome: Outcome, asker: Asker) {
        if let Err(error) = outcome {
            return answer(asker, Err(refused_by_store(&error)));
        }
        let Some(mut open) = self.window.open.take() else { return };
        let what = match turn {
            Turn::Confirm(by) => {
                info!(revision = open.status.revision, user = by.user, "the commit is confirmed");
                WindowEvent::Confirmed { by }
            }
            Turn::Extend(deadline_ms) => {
                open.status.deadline_ms = deadline_ms;
                open.due = None;
                self.window.open = Some(open.clone());
                WindowEvent::Changed
            }
        };
        self.tell_window(what, open.told());
        answer(asker, Ok(Reply::Window(open.status)));
    }

    /// Looks whether the window is to be taken back, and tries again what could not be done.
    pub(super) fn step_window(&mut self) {
        let now_ms = self.steady_ms();
        if let Some(open) = self.window.open.as_mut().filter(|open| open.due.is_none())
            && open.status.deadline_ms <= now_ms
        {
            let within_ms = open.status.deadline_ms.saturating_sub(open.status.opened_ms);
            open.due = Some(format!("nobody confirmed it within {}", span(within_ms)));
            self.window.retry_ms = 0;
        }
        if now_ms < self.window.retry_ms || self.under_way.is_some() {
            return;
        }
        if let Some(why) = self.window.open.as_ref().and_then(|open| open.due.clone()) {
            self.window.retry_ms = now_ms + RETRY_MS;
            self.begin_back(why, daemon(), None);
        } else if !self.window.unstored.is_empty() {
            self.window.retry_ms = now_ms + RETRY_MS;
            self.store_back(None);
        }
    }

    /// Takes a sample where wires are laid, and takes back what they are touched by.
    pub(super) fn watch_wires(&mut self) {
        let now_ms = self.steady_ms();
        if !self.wires.is_due(now_ms) {
            return;
        }
        if self.groups_watched().is_empty() {
            return self.wires.clear();
        }
        self.sample_wires();
        let plan = self.parts.publisher.published().load_full();
        let fit = |group: &GroupPlan| usable(group, |id| self.trackers.is_fit(id));
        if let Some(open) = self.window.open.as_ref().filter(|open| open.due.is_none()) {
            let groups = open.prior.config.groups.keys().cloned().collect();
            let WindowStatus { trips, opened_ms, .. } = &open.status;
            if let Some(touched) = self.wires.touched(trips, &groups, *opened_ms, &plan, fit)
                && let Some(open) = &mut self.window.open
            {
                warn!(revision = open.status.revision, why = touched.why, "a trip wire is touched");
                open.due = Some(format!("a trip wire was touched: {}", touched.why));
                self.window.retry_ms = 0;
            }
        }
        self.abort_ramps(|this, layer, ramp| {
            let groups = [ramp.backend.group.clone()].into();
            let fit = |group: &GroupPlan| usable(group, |id| this.trackers.is_fit(id));
            this.wires.touched(&ramp.aborts, &groups, layer.began_ms, &plan, fit)
        });
        self.step_window();
    }

    /// Takes a sample of the groups that wires look at.
    pub(super) fn sample_wires(&mut self) {
        let (now_ms, groups) = (self.steady_ms(), self.groups_watched());
        if groups.is_empty() {
            return;
        }
        let plan = self.parts.publisher.published().load_full();
        let tallies = &self.tallies;
        self.wires.sample(&plan, &groups, |group| tallies.group(group), now_ms);
    }

    /// Reads the certificates of the configuration of before, beside the writer.
    fn begin_back(&mut self, why: String, author: Author, asker: Option<Asker>) {
        let Some(open) = &self.window.open else { return };
        let wants = self.parts.tls.wants(&open.prior.config);
        let read = tokio::task::spawn_blocking(move || wants.read());
        self.under_way = Some(Box::pin(async move {
            // Fails only when reading panics: then it is as if there were no files.
            Done::Back(Box::new(Back { why, author, asker, reading: read.await.unwrap_or_default() }))
        }));
    }

    /// Brings the configuration of before back: live first, then stored.
    pub(super) async fn finish_back(&mut self, back: Back) {
        let Back { why, author, asker, reading } = back;
        let Some(open) = &self.window.open else { return };
        let Prior { config, identities, taken } = open.prior.clone();
        let next = identities.next.max(self.state.identities.next);
        let identities = Identities { next, ..identities };
        let prepared = match self.parts.ports.prepare(&wanted(&config, &identities)) {
            Ok(prepared) => prepared,
            Err(error) => return self.not_back(chain(&error), asker),
        };
        let Some(open) = self.window.open.take() else { return };
        let (revision, back_to) = (self.state.revision + 1, open.status.back_to);
        let edits = diff::diff(&self.state.config, &config);
        let inverse = diff::diff(&config, &self.state.config);
        let reason = Some(format!("back to revision {back_to}: {why}"));
        let commit = Commit { revision, at_ms: now_ms(), author, reason, edits, inverse };
        self.window.gone.extend(gone(&self.state.identities, &identities));
        self.book();
        let before = std::mem::replace(&mut self.state, State { revision, config, identities, findings: Vec::new() });
        self.rename_layers(&before.identities);
        self.file.took(taken);
        self.lay();
        self.follow(&HashMap::new());
        self.follow_names(Vec::new());
        self.use_certificates(reading);
        let failed_open = self.publish();
        self.parts.ports.commit(prepared).await;
        self.judge();
        warn!(revision, back_to, why, "the configuration of before is back");
        self.parts.bus.publish(commit.at_ms, What::Committed(commit.clone()));
        self.tell_window(WindowEvent::Back { why, revision }, open.told());
        self.tell_fail_open(&failed_open, commit.at_ms);
        self.window.unstored.push(commit);
        self.store_back(asker);
    }

    fn not_back(&mut self, why: String, asker: Option<Asker>) {
        warn!(why, "the configuration of before cannot be brought back yet; it is tried again");
        if let Some(asker) = asker {
            let error =
                ErrorReply::new(ErrorCode::Bind, format!("the configuration of before cannot be brought back: {why}"));
            answer(asker, Err(error.hint("free the address and try again; at the deadline poised tries by itself")));
        }
        if let Some(open) = &mut self.window.open {
            open.status.trouble = Some(why);
        }
        self.snapshot = None;
    }

    /// Stores that the configuration of before is back.
    fn store_back(&mut self, asker: Option<Asker>) {
        let mut commits = self.window.unstored.clone();
        let Some(commit) = commits.pop() else { return };
        let running = self.running(None);
        let gone = std::mem::take(&mut self.window.gone);
        let names = self.names.rows();
        let layers = Some(self.layers.body_without(0));
        let change = store::Change {
            commit: commit.clone(),
            running,
            gone: gone.clone(),
            names,
            earlier: commits,
            window: WindowChange::Closed,
            layers,
        };
        let ack = self.parts.store.commit(change);
        let stored = BackStored { commit, gone, asker };
        self.under_way = Some(Box::pin(async move { Done::BackStored(Box::new(stored), outcome(ack).await) }));
    }

    pub(super) fn finish_store_back(&mut self, stored: BackStored, outcome: Outcome) {
        let BackStored { commit, gone, asker } = stored;
        let said = match outcome {
            Ok(()) => {
                self.window.unstored.clear();
                Ok(Reply::Applied(Applied {
                    revision: commit.revision,
                    changed: true,
                    edits: commit.edits,
                    window: None,
                }))
            }
            Err(error) => {
                self.window.gone.extend(gone);
                self.window.retry_ms = self.steady_ms() + RETRY_MS;
                warn!(
                    error = chain(&error),
                    revision = commit.revision,
                    "the rollback is live and not stored yet; it is tried again"
                );
                let message =
                    format!("the configuration of before is back, but that is not stored yet: {}", chain(&error));
                Err(ErrorReply::new(ErrorCode::Storage, message).hint("poised tries again by itself"))
            }
        };
        if let Some(asker) = asker {
            answer(asker, said);
        }
    }

    /// The running configuration as the store keeps it.
    pub(super) fn running(&self, taken: Option<&String>) -> Running {
        let State { revision, config, identities, .. } = &self.state;
        Running {
            revision: *revision,
            text: text::print(config),
            identities: identities::print(identities),
            taken: taken.or(self.file.taken.as_ref()).cloned(),
        }
    }

    /// Goes on with the window that was stored. One whose deadline has passed meanwhile is taken back
    /// before anything is served.
    pub(super) fn restore_window(&mut self, body: Option<&str>) {
        let Some(body) = body else { return };
        let Some(open) = Open::read(body) else {
            warn!("the stored confirm window cannot be read; what was committed in it stays");
            return;
        };
        if open.status.deadline_ms > self.steady_ms() {
            info!(revision = open.status.revision, "a commit still has to be confirmed");
            self.window.open = Some(open);
            return;
        }
        let Open { status, prior: Prior { config, identities, taken }, .. } = open;
        let why = "nobody confirmed it before poised started again";
        let revision = self.state.revision + 1;
        let commit = Commit {
            revision,
            at_ms: now_ms(),
            author: daemon(),
            reason: Some(format!("back to revision {}: {why}", status.back_to)),
            edits: diff::diff(&self.state.config, &config),
            inverse: diff::diff(&config, &self.state.config),
        };
        let next = identities.next.max(self.state.identities.next);
        let identities = Identities { next, ..identities };
        self.window.gone.extend(gone(&self.state.identities, &identities));
        let before = std::mem::replace(&mut self.state, State { revision, config, identities, findings: Vec::new() });
        self.rename_layers(&before.identities);
        self.file.took(taken);
        warn!(revision, back_to = status.back_to, why, "the configuration of before is back");
        self.window.unstored.push(commit);
    }
}

/// A window that is being taken back.
pub(super) struct Back {
    why: String,
    author: Author,
    asker: Option<Asker>,
    reading: Reading,
}

/// A rollback that is being stored.
pub(super) struct BackStored {
    commit: Commit,
    gone: Vec<BackendId>,
    asker: Option<Asker>,
}

/// Wires have to look at groups that are there.
pub(super) fn known_groups(config: &Config, trips: &[Trip]) -> Result<(), ErrorReply> {
    let unknown = trips.iter().filter_map(|trip| trip.group.as_ref()).find(|group| !config.groups.contains_key(*group));
    match unknown {
        None => Ok(()),
        Some(group) => {
            let path = Some(format!("groups.{group}"));
            let message = format!("a trip wire looks at groups.{group}, which does not exist");
            Err(ErrorReply { path, ..ErrorReply::new(ErrorCode::NotFound, message) })
        }
    }
}

fn at(path: &str, message: String) -> ErrorReply {
    ErrorReply { path: Some(path.to_owned()), ..ErrorReply::new(ErrorCode::Invalid, message) }
}

fn span(ms: u64) -> String {
    u32::try_from(ms).map_or_else(|_| format!("{ms} ms"), text::duration_text)
}
