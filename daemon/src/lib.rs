//! The poise daemon: sockets, HTTP, probes, control and store around the rules of `poise-core`.
//!
//! This file is the wiring diagram. The data path and the probes never name `control`, nor the
//! reverse: they meet here, through the published plan, bounded channels and the live counters.

mod access_log;
mod admit;
pub mod check;
mod connect;
pub mod control;
pub mod demo;
mod files;
pub mod l4;
pub mod l7;
pub mod listen;
mod log;
pub mod loops;
pub mod options;
mod pages;
#[cfg(test)]
mod planned;
mod platform;
pub mod probe;
mod program;
mod proxy;
pub mod published;
pub mod recorder;
pub mod records;
pub mod report;
pub mod resolve;
mod shortage;
mod signals;
mod source;
pub mod store;
pub mod tls;
mod transparent;
mod turn;
mod udp;
mod wall;
pub mod worker;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use poise_core::plan::ListenerId;
use poise_core::token::TokenKey;
use poise_ipc::model::{Bind, ClientAddress};
use poise_ipc::transport::ListenError;
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use access_log::Writer;
use control::bus::Bus;
use control::command::{Command, INBOX_MAX};
use control::errors::Errors;
use control::hook::{self, Board};
use control::ipc::{Link, Server};
use control::ports::{PortError, Ports, Want, Wanted};
use control::reconcile::{Facts, Inputs, Parts, Reconcile, StartError};
use control::records::Records;
use files::Files;
use listen::{Binder, Prepared};
use options::Settings;
use probe::Sources;
use published::Publisher;
use recorder::Recorder;
use report::{ASKED_MAX, REPORTS_MAX};
use resolve::Resolver;
use signals::Signals;
use store::{StateDir, Store, StoreError};
use tls::Keeper;
use worker::Workers;

pub use program::main_from;

/// Why poised could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no configuration that can run.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The control socket cannot be had.
    #[error("listen on the control socket")]
    Socket(#[from] ListenError),
    /// A thread, a runtime or a signal handler cannot be made.
    #[error("{what}")]
    System {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// Runs the daemon until it is told to stop. Blocks; must not be called within a runtime.
///
/// # Errors
/// [`RunError`] when it cannot start; a daemon that runs ends cleanly.
pub fn run(settings: &Settings) -> Result<(), RunError> {
    let (store, stored) = Store::open(StateDir::hold(&settings.state_dir)?, settings.history_max)?;
    let recorder = Recorder::open(&settings.state_dir, settings.health_log);
    let recorder = recorder.map_err(failed("start the recorder of probes"))?;
    let publisher = Publisher::new();
    let keeper = Keeper::new().map_err(failed("draw keys for TLS"))?;
    let secured = keeper.published();
    let workers = Workers::spawn(usize::from(settings.workers.get()), &publisher.published(), &secured);
    let mut workers = workers.map_err(failed("start the workers"))?;
    let writer = Writer::spawn(workers.bell(), workers.take_lines(), publisher.published());
    let writer = writer.map_err(failed("start the writer of access logs"))?;
    let runtime = runtime()?;

    let outcome = runtime.block_on(async {
        let seed = getrandom::u64().map_err(|error| failed("draw a seed")(io::Error::other(error)))?;
        let server = Server::bind(&settings.socket, settings.groups.clone())?;
        let signals = Signals::new().map_err(failed("listen for signals"))?;
        let bus = Bus::new();
        let board = Board::new(settings.hook.as_ref());
        let news = bus.feed().subscribe();
        let (inbox, commands) = mpsc::channel(INBOX_MAX);
        let (verdicts, reports) = mpsc::channel(REPORTS_MAX);
        let (asking, asked) = mpsc::channel(ASKED_MAX);
        let (stop, stopped) = oneshot::channel::<()>();
        let (plans, generation) = (publisher.published(), publisher.generation());
        let link = Link::new(inbox.clone(), bus.feed(), settings.read_only);
        let parts = Parts {
            ports: Sockets(Binder::new(workers.senders()), Files::new(workers.pages())),
            store,
            recorder,
            hook: board.clone(),
            run_ms_max: settings.health_log_fold_ms,
            key: TokenKey::new(stored.cookie_key),
            facts: Facts { read_only: settings.read_only, ..Facts::new(stored.daemon_id, settings.workers.get()) },
            records: Records::new(workers.take_records()),
            errors: Errors::new(workers.take_evidence()),
            resolver: Resolver::system(),
            undertakings: stored.undertakings,
            names: stored.names,
            entries: stored.entries,
            tls: keeper,
            publisher,
            bus,
            probes: asking,
            epoch: workers.epoch(),
        };
        let reconcile = Reconcile::start(parts, stored.running, stored.health, settings.config.clone()).await?;
        info!(
            version = env!("CARGO_PKG_VERSION"),
            socket = %settings.socket.display(),
            state = %settings.state_dir.display(),
            "poised is ready"
        );
        // A stop goes from the outside in: signals end the workers, then the socket, then control.
        tokio::join!(
            async {
                signals.conduct(workers, &inbox, settings.drain).await;
                drop(stop);
            },
            async {
                server.serve(link, async { drop(stopped.await) }).await;
                // Fails only when control has ended, which is what is wanted.
                let _ = inbox.send(Command::Stop).await;
            },
            reconcile.run(Inputs { inbox: commands, reports }),
            // They end with control, which takes their reports.
            probe::run(Sources { plans, tls: secured, generation, asked }, verdicts, seed),
            // It ends with the bus, which control owns.
            hook::run(settings.hook.clone(), board, news),
        );
        info!("poised has stopped");
        Ok(())
    });
    // The workers have ended: nothing comes any more.
    writer.stop();
    // A look-up that nobody answers does not hold a stop.
    runtime.shutdown_background();
    outcome
}

fn runtime() -> Result<tokio::runtime::Runtime, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(failed("start the control runtime"))
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::System { what, source }
}

/// The sockets of listeners, as control wants them, and the files that they name.
struct Sockets(Binder, Files);

impl Ports for Sockets {
    type Prepared = Prepared;

    fn prepare(&mut self, wanted: &Wanted) -> Result<Prepared, PortError> {
        let want = |want: &Want| listen::Wanted { name: want.name.clone(), settings: want.settings.clone() };
        let wanted: BTreeMap<_, _> = wanted.iter().map(|(&id, wanted)| (id, want(wanted))).collect();
        for want in wanted.values().filter(|want| want.settings.client_address == ClientAddress::Transparent) {
            let (listener, address) = (want.name.clone(), want.settings.bind.clone());
            transparent::check().map_err(|source| PortError {
                listener,
                setting: "client_address",
                address,
                source,
            })?;
        }
        let found = self.1.look(&wanted)?;
        let prepared = self.0.prepare(&wanted).map_err(|error| PortError {
            listener: error.listener,
            setting: "bind",
            address: error.address,
            source: error.source,
        })?;
        self.1.put(found);
        Ok(prepared)
    }

    async fn commit(&mut self, prepared: Prepared) {
        self.0.commit(prepared).await;
    }

    fn address(&self, listener: ListenerId) -> Option<Bind> {
        self.0.address(listener)
    }

    fn source(&self, to: IpAddr) -> Option<IpAddr> {
        source::source_of(to).ok()
    }
}
