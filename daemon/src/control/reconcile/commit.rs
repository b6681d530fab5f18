//! Commits: from what an operator wants to a revision that is durable and live, or a refusal that
//! leaves everything as it was.
//!
//! The order is that of the design: check, apply, validate, compare, prepare the sockets, store,
//! publish, answer, tell. Verdicts are taken between storing and publishing; the plan is compiled
//! with what is known then.

use poise_core::plan::{BackendId, Identities};
use poise_ipc::edit::Edit;
use poise_ipc::message::{Applied, Author, Commit, ErrorCode, ErrorReply, Reply, WindowWish};
use poise_ipc::{Config, apply, diff, text};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::certificates::{Loading, Vetted};
use super::resolving::{Addresses, Asked};
use super::window::Open;
use super::{Asker, Done, Job, Outcome, Reconcile, State};
use crate::control::bus::What;
use crate::control::identities;
use crate::control::ports::{PortError, Ports, Want, Wanted};
use crate::log::chain;
use crate::store::{self, Running, StoreError};
use crate::tls::Reading;
use crate::wall::now_ms;

/// A change of the configuration that somebody wants.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it leads to.
    pub source: Source,
    /// Who wants it.
    pub author: Author,
    /// Refuse unless this is the revision now.
    pub if_revision: Option<u64>,
    /// Validate and compute only.
    pub dry_run: bool,
    /// Why.
    pub reason: Option<String>,
    /// The text of the operator's file, when the change is to take it.
    pub taken: Option<String>,
    /// Whether it has to be confirmed.
    pub window: WindowWish,
    /// The ramp that it ends.
    pub arrives: Option<u64>,
}

impl Change {
    /// A change without conditions.
    pub fn of(source: Source, author: Author, reason: Option<String>) -> Self {
        let (if_revision, dry_run, taken, window) = (None, false, None, WindowWish::default());
        Self { source, author, if_revision, dry_run, reason, taken, window, arrives: None }
    }
}

/// What a change leads to.
#[derive(Clone, Debug)]
pub enum Source {
    /// The running configuration with these edits.
    Edits(Vec<Edit>),
    /// The configuration of this text.
    Text(String),
    /// This configuration, which is valid.
    Config(Box<Config>),
}

/// A commit that is being stored.
pub(super) struct Storing<S> {
    state: State,
    /// What was found for the names that it brings.
    found: Addresses,
    prepared: S,
    /// What was read of the certificates that it brings.
    reading: Reading,
    commit: Commit,
    taken: Option<String>,
    /// The confirm window after it.
    window: Option<Open>,
    /// The ramp that it ends.
    arrives: Option<u64>,
    asker: Asker,
}

/// A file that is being marked as taken.
pub(super) struct Marking {
    taken: String,
    asker: Option<Asker>,
}

impl Job {
    /// Tells the one who waits that it will not be done.
    pub(super) fn refuse(self, error: ErrorReply) {
        match self {
            Self::Change(_, asker)
            | Self::Certificates(_, asker)
            | Self::Layer(_, _, asker)
            | Self::Window(_, _, asker) => answer(asker, Err(error)),
            Self::File(task) => task.refuse(error),
        }
    }
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Does everything up to storing; answers at once what needs no storing.
    pub(super) fn begin_change(&mut self, change: Change, asker: Asker) {
        let candidate = match self
            .expects(&change)
            .and_then(|()| self.admits(&change.window))
            .and_then(|()| self.candidate(&change))
        {
            Ok(candidate) => candidate,
            Err(error) => return answer(asker, Err(error)),
        };
        let missing = self.names.missing(&candidate);
        if missing.is_empty() {
            self.begin_commit(candidate, Addresses::new(), change, asker);
        } else {
            self.begin_resolving(missing, Asked { candidate, change, asker });
        }
    }

    /// Goes on with a candidate whose names all have addresses, those of new ones in `found`.
    pub(super) fn begin_commit(&mut self, candidate: Config, found: Addresses, change: Change, asker: Asker) {
        let edits = diff::diff(&self.state.config, &candidate);
        if edits.is_empty() && !change.dry_run && change.taken.is_some() {
            return self.begin_marking(change.taken.unwrap_or_default(), Some(asker));
        }
        let wants = self.parts.tls.wants(&candidate);
        let vetted = Vetted { candidate, found, change, edits, asker };
        if vetted.edits.is_empty() || wants.is_empty() {
            self.go_on(vetted, Reading::default());
        } else {
            self.begin_loading(wants, Loading::Commit(Box::new(vetted)));
        }
    }

    /// Goes on with a candidate of which everything is known, its certificates included.
    pub(super) fn go_on(&mut self, vetted: Vetted, reading: Reading) {
        let Vetted { candidate, found, change, edits, asker } = vetted;
        if edits.is_empty() || change.dry_run {
            let applied = Applied { revision: self.state.revision, changed: !edits.is_empty(), edits, window: None };
            return answer(asker, Ok(Reply::Applied(applied)));
        }
        let identities = self.state.identities.renamed(&self.state.config, &candidate).follow(&candidate);
        match self.parts.ports.prepare(&wanted(&candidate, &identities)) {
            Err(error) => answer(asker, Err(refused_by_port(&error))),
            Ok(prepared) => {
                let revision = self.state.revision + 1;
                let inverse = diff::diff(&candidate, &self.state.config);
                let Change { author, reason, taken, window, arrives, .. } = change;
                let commit = Commit { revision, at_ms: now_ms(), author, reason, edits, inverse };
                let state = State { revision, config: candidate, identities, findings: Vec::new() };
                let window = self.window_with(&window, &commit);
                self.begin_storing(Storing { state, found, prepared, reading, commit, taken, window, arrives, asker });
            }
        }
    }

    /// Whether a change was made from what is running.
    pub(super) fn expects(&self, change: &Change) -> Result<(), ErrorReply> {
        let now = self.state.revision;
        if let Some(expected) = change.if_revision.filter(|&expected| expected != now) {
            let error =
                ErrorReply::new(ErrorCode::Conflict, format!("revision {expected} was expected, {now} is running"));
            return Err(ErrorReply { revision: Some(now), ..error }.hint("look at what has changed, then try again"));
        }
        Ok(())
    }

    /// The configuration that a change leads to, valid as a whole.
    pub(super) fn candidate(&self, change: &Change) -> Result<Config, ErrorReply> {
        match &change.source {
            Source::Config(config) => Ok(Config::clone(config)),
            Source::Text(text) => text::parse(text).map_err(invalid),
            Source::Edits(edits) => {
                apply::apply(&self.state.config, edits).map_err(|faults| match missing(&self.state.config, edits) {
                    Some(path) => not_found(path, faults),
                    None => invalid(faults),
                })
            }
        }
    }

    fn begin_storing(&mut self, storing: Storing<P::Prepared>) {
        let State { revision, config, identities, .. } = &storing.state;
        let running = Running {
            revision: *revision,
            text: text::print(config),
            identities: identities::print(identities),
            taken: storing.taken.clone().or_else(|| self.file.taken.clone()),
        };
        let gone = gone(&self.state.identities, identities);
        let names = self.names_of(config, &storing.found);
        let layers = match storing.arrives {
            Some(id) => Some(self.layers.body_without(id)),
            None => self.layers.body_renamed(&self.state.identities, identities),
        };
        let ack = self.parts.store.commit(store::Change {
            commit: storing.commit.clone(),
            running,
            gone,
            names,
            earlier: self.window.unstored(),
            window: storing.window.as_ref().map(Open::change).unwrap_or_default(),
            layers,
        });
        let storing = Box::new(storing);
        self.under_way = Some(Box::pin(async move { Done::Stored(storing, outcome(ack).await) }));
    }

    /// Publishes what is stored, or refuses what could not be.
    pub(super) async fn finish_storing(&mut self, storing: Storing<P::Prepared>, outcome: Outcome) {
        let Storing { state, found, prepared, reading, commit, taken, window, arrives, asker } = storing;
        if let Err(error) = outcome {
            return answer(asker, Err(refused_by_store(&error)));
        }
        self.window.stored();
        let eve = self.eve();
        self.book();
        let before = std::mem::replace(&mut self.state, state);
        self.rename_layers(&before.identities);
        if let Some(id) = arrives {
            self.end_arrived(id, commit.revision);
        }
        self.lay();
        if taken.is_some() {
            self.file.took(taken);
        }
        self.follow(&std::collections::HashMap::new());
        self.follow_names(found);
        self.use_certificates(reading);
        let failed_open = self.publish();
        self.remember(&eve, &commit);
        self.parts.ports.commit(prepared).await;
        self.judge();
        let (revision, edits_count, author) = (commit.revision, commit.edits.len(), commit.author.user.as_str());
        info!(revision, generation = self.generation(), author, edits_count, "configuration committed");
        let told = window.as_ref().map(Open::told);
        let applied = Applied { revision, changed: true, edits: commit.edits.clone(), window: told };
        answer(asker, Ok(Reply::Applied(applied)));
        let at_ms = commit.at_ms;
        self.parts.bus.publish(at_ms, What::Committed(commit));
        if let Some(window) = window {
            self.open_window(window);
        }
        self.tell_fail_open(&failed_open, at_ms);
    }

    /// Stores that the operator's file counts as taken while the configuration stays.
    pub(super) fn begin_marking(&mut self, taken: String, asker: Option<Asker>) {
        let ack = self.parts.store.taken(taken.clone());
        let marking = Marking { taken, asker };
        self.under_way = Some(Box::pin(async move { Done::Marked(marking, outcome(ack).await) }));
    }

    pub(super) fn finish_marking(&mut self, marking: Marking, outcome: Outcome) {
        let said = match outcome {
            Ok(()) => {
                self.file.took(Some(marking.taken));
                self.snapshot = None;
                Ok(Reply::Applied(Applied {
                    revision: self.state.revision,
                    changed: false,
                    edits: Vec::new(),
                    window: None,
                }))
            }
            Err(error) => {
                warn!(error = chain(&error), "what the configuration file says cannot be stored");
                Err(refused_by_store(&error))
            }
        };
        if let Some(asker) = marking.asker {
            answer(asker, said);
        }
    }
}

/// Answers; whoever does not wait any more misses it.
pub(super) fn answer(asker: Asker, said: crate::control::command::Answer) {
    let _ = asker.send(said);
}

/// What the store says; a store that is gone has refused.
pub(super) async fn outcome(ack: oneshot::Receiver<Outcome>) -> Outcome {
    ack.await.unwrap_or(Err(StoreError::Stalled))
}

/// The listeners of a configuration by identity.
pub(super) fn wanted(config: &Config, identities: &Identities) -> Wanted {
    let listeners = config.listeners.iter();
    let known = listeners.filter_map(|(name, listener)| {
        let id = *identities.listeners.get(name)?;
        Some((id, Want { name: name.clone(), settings: listener.clone() }))
    });
    known.collect()
}

/// Backends whose identity is gone.
pub(super) fn gone(before: &Identities, after: &Identities) -> Vec<BackendId> {
    let kept = |path| after.backends.contains_key(path);
    before.backends.iter().filter(|(path, _)| !kept(*path)).map(|(_, &id)| id).collect()
}

/// The first object that edits need and that is not there.
fn missing(config: &Config, edits: &[Edit]) -> Option<String> {
    let there = |path: &str, before: &[Edit]| {
        let set = |edit: &Edit| matches!(edit, Edit::Set { path: set, .. } if path.starts_with(set.as_str()));
        apply::get(config, path).is_some() || before.iter().any(set)
    };
    let needs = edits.iter().enumerate().filter_map(|(at, edit)| Some((at, needed(edit)?)));
    needs.filter(|(at, path)| !there(path, &edits[..*at])).map(|(_, path)| path).next()
}

/// The object that has to be there for an edit to apply.
fn needed(edit: &Edit) -> Option<String> {
    let keys: Vec<&str> = edit.path().split('.').collect();
    let adds = matches!(edit, Edit::Set { .. });
    let len = match keys.as_slice() {
        [_] => return None,
        ["groups", _, "backends", _] if adds => 2,
        [_, _] if adds => return None,
        ["groups", _, "backends", _, ..] => 4,
        _ => 2,
    };
    Some(keys[..len].join("."))
}

pub(super) fn not_found(path: String, faults: Vec<poise_ipc::fault::Fault>) -> ErrorReply {
    let error = ErrorReply::new(ErrorCode::NotFound, format!("{path} does not exist"));
    ErrorReply { path: Some(path), faults, ..error }
}

/// The refusal of an invalid configuration.
pub(super) fn invalid(faults: Vec<poise_ipc::fault::Fault>) -> ErrorReply {
    let message = match faults.as_slice() {
        [fault] => fault.to_string(),
        faults => format!("the configuration would have {} faults", faults.len()),
    };
    let path = faults.first().map(|fault| fault.path.clone());
    ErrorReply { path, faults, ..ErrorReply::new(ErrorCode::Invalid, message) }
}

fn refused_by_port(error: &PortError) -> ErrorReply {
    let refusal = ErrorReply::new(ErrorCode::Bind, chain(error));
    let path = Some(format!("listeners.{}.{}", error.listener, error.setting));
    let hint = match error.setting {
        "bind" => "nothing was changed; choose another address or end what uses it",
        _ => "nothing was changed",
    };
    ErrorReply { path, ..refusal }.hint(hint)
}

pub(super) fn refused_by_store(error: &StoreError) -> ErrorReply {
    let refusal = ErrorReply::new(ErrorCode::Storage, format!("the change was not made: {}", chain(error)));
    refusal.hint("traffic goes on as before; see to the disk of the state directory, then try again")
}
