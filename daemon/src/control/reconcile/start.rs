//! The start: which configuration runs first, and that it runs before anything else happens.
//!
//! The first start takes the operator's file and refuses to run with an invalid one. Later starts
//! run with what was running; the file is taken when it alone has changed. Whatever is wrong with
//! the file then is a warning: traffic must not stop for it.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use poise_core::ramp::Ramps;
use poise_ipc::fault::Fault;
use poise_ipc::files::ConfigFiles;
use poise_ipc::merge::Conflict;
use poise_ipc::message::{Author, ErrorReply};
use poise_ipc::{Config, text};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{info, warn};

use super::commit::wanted;
use super::logs;
use super::refusals::Refusals;
use super::reload::OperatorFile;
use super::resolving::Addresses;
use super::{
    Blindness, Books, Change, CheckLog, Emptying, Expiry, Handed, JoinSet, Latencies, Layers, Names, Parts, Pulse,
    Reconcile, Remembered, Source, Sources, State, Trackers, VecDeque, Windows, Wires, slow_work,
};
use crate::control::checks::ROWS_MAX;
use crate::control::file::{self, Step};
use crate::control::identities;
use crate::control::ports::{PortError, Ports};
use crate::control::tallies::Tallies;
use crate::log::chain;
use crate::store::{HealthRow, Running};
use crate::wall::now_ms;

/// Why poised cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The operator's file is invalid and nothing else could run.
    #[error("{} is no valid configuration", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All its faults.
        faults: Vec<Fault>,
    },
    /// The operator's file cannot be read and nothing else could run.
    #[error("read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The stored configuration does not make sense to this version.
    #[error("the stored configuration cannot run in this version: {}", faults.first().map_or_else(String::new, ToString::to_string))]
    Stored {
        /// All its faults.
        faults: Vec<Fault>,
    },
    /// The operator's file was refused and nothing else could run.
    #[error("{}", .0.message)]
    Refused(Box<ErrorReply>),
    /// An address of the stored configuration cannot be bound.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Makes the writer and publishes the first plan.
    ///
    /// # Errors
    /// [`StartError`] when there is no configuration that can run.
    pub async fn start(
        mut parts: Parts<P>,
        running: Option<Running>,
        health: Vec<HealthRow>,
        file: Option<PathBuf>,
    ) -> Result<Self, StartError> {
        let first = running.is_none();
        let (state, taken) = restored(running)?;
        let read = file.as_ref().map(|path| ConfigFiles::read(path));
        let undertakings = std::mem::take(&mut parts.undertakings);
        let born_ms = parts.facts.started_ms;
        let names = Names::new(&parts.facts.daemon_id, std::mem::take(&mut parts.names));
        let log = CheckLog::new(ROWS_MAX, parts.run_ms_max, parts.recorder.first_seq());
        let mut this = Self {
            parts,
            state,
            file: OperatorFile { path: file, taken, drift: false },
            trackers: Trackers::default(),
            log,
            unrecorded: None,
            questions: logs::leave(),
            latencies: Latencies::default(),
            blindness: Blindness::default(),
            tallies: Tallies::default(),
            under_way: None,
            waiting: VecDeque::new(),
            unstored: HashMap::new(),
            failing_open: Vec::new(),
            names,
            names_unstored: false,
            lookups: JoinSet::new(),
            sources: Sources::default(),
            refusals: Refusals::default(),
            resolved: HashMap::new(),
            ramps: Ramps::default(),
            emptying: Emptying::default(),
            expiry: Expiry::default(),
            handed: Handed::default(),
            layers: Layers::restored(undertakings.layers.as_deref()),
            arrivals: JoinSet::new(),
            window: Windows::default(),
            wires: Wires::default(),
            born: Instant::now(),
            born_ms,
            snapshot: None,
            pulse: Pulse::default(),
            books: Books::default(),
            remembered: Remembered::default(),
            predecessors: Vec::new(),
            upgrader: None,
            frozen: false,
            ticks: 0,
        };
        this.restore_window(undertakings.window.as_deref());
        this.lay();
        let health = health.into_iter().map(|row| (row.backend, row)).collect();
        this.follow(&health);
        this.follow_names(Addresses::new());
        if let Some(inheritance) = this.parts.life.inheritance.take() {
            // Nothing is stored until it is known that this process is the one: the file waits.
            return this.take_up(*inheritance).await.map(|()| this);
        }
        let live = match read {
            Some(read) => this.consider(read, first).await?,
            None => false,
        };
        if !live {
            this.open().await?;
        }
        Ok(this)
    }

    /// Runs with the configuration as it is.
    pub(super) async fn open(&mut self) -> Result<(), StartError> {
        let prepared = self.parts.ports.prepare(&wanted(&self.state.config, &self.state.identities))?;
        self.load_what_is_there().await;
        let failed_open = self.publish();
        self.parts.ports.commit(prepared).await;
        self.judge();
        info!(revision = self.state.revision, generation = self.generation(), "configuration in force");
        self.tell_fail_open(&failed_open, now_ms());
        Ok(())
    }

    /// Does with the file what its standing asks for; whether a commit made it the configuration.
    async fn consider(&mut self, read: io::Result<ConfigFiles>, first: bool) -> Result<bool, StartError> {
        let outcome = match self.wanted_of(read) {
            Ok((Step::Commit, text, config)) => {
                self.take_file(text, Source::Config(Box::new(config))).await.map(|()| true)
            }
            Ok((Step::Mark, text, _)) => {
                self.mark_file(text).await;
                Ok(false)
            }
            Ok((Step::Merge, text, config)) => match self.merged(&config, |_| None) {
                Ok(edits) if edits.is_empty() => {
                    self.mark_file(text).await;
                    Ok(false)
                }
                Ok(edits) => self.take_file(text, Source::Edits(edits)).await.map(|()| true),
                Err(error) => Err(StartError::Refused(Box::new(error))),
            },
            Err(error) => Err(error),
        };
        outcome.or_else(|error| if first { Err(error) } else { Ok(self.go_on_without(&error)) })
    }

    fn wanted_of(&self, read: io::Result<ConfigFiles>) -> Result<(Step, String, Config), StartError> {
        let path = self.file.path.clone().unwrap_or_default();
        let files = read.map_err(|source| StartError::Unreadable { path: path.clone(), source })?;
        let config = files.parse().map_err(|faults| StartError::Invalid { path, faults })?;
        let standing = file::standing(self.file.taken_config().as_ref(), &config, &self.state.config);
        Ok((file::step(standing, None), files.text(), config))
    }

    /// Commits the file's configuration, which makes it live.
    async fn take_file(&mut self, text: String, source: Source) -> Result<(), StartError> {
        let (asker, answer) = oneshot::channel();
        let reason = self.file_name().map(|file| format!("configuration file {file}"));
        let change = Change { taken: Some(text), ..Change::of(source, daemon(), reason) };
        self.begin_change(change, asker);
        self.settle().await;
        match answer.await {
            Ok(Err(error)) => Err(StartError::Refused(Box::new(error))),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    async fn mark_file(&mut self, text: String) {
        if self.file.taken.as_ref() != Some(&text) {
            self.begin_marking(text, None);
            self.settle().await;
        }
    }

    /// Waits for the one piece of slow work.
    async fn settle(&mut self) {
        while self.under_way.is_some() {
            let done = slow_work(&mut self.under_way).await;
            self.done(done).await;
        }
    }

    fn go_on_without(&mut self, error: &StartError) -> bool {
        self.file.drift = true;
        warn!(error = chain(error), "the configuration file is not taken; the stored configuration runs");
        if let StartError::Refused(refusal) = error {
            for Conflict { path, base, theirs, mine } in &refusal.conflicts {
                let [taken, file, running] = [base, theirs, mine].map(|value| value.as_deref().unwrap_or("(nothing)"));
                warn!(path, taken, file, running, "both have changed this; poise config reload decides");
            }
        }
        if let StartError::Invalid { faults, .. } = error {
            for fault in faults {
                warn!(%fault, "fault in the configuration file");
            }
        }
        false
    }
}

/// Who makes the commits of the daemon itself.
pub(crate) fn daemon() -> Author {
    Author::new(rustix::process::geteuid().as_raw(), "poised", 0)
}

/// The state that was stored, and the file as it was last taken.
fn restored(running: Option<Running>) -> Result<(State, Option<String>), StartError> {
    let Some(running) = running else { return Ok((State::default(), None)) };
    let config = text::parse(&running.text).map_err(|faults| StartError::Stored { faults })?;
    let unreadable = || StartError::Stored { faults: vec![Fault::new("", "the stored identities cannot be read")] };
    let identities = identities::parse(&running.identities).ok_or_else(unreadable)?.follow(&config);
    Ok((State { revision: running.revision, config, identities, findings: Vec::new() }, running.taken))
}
