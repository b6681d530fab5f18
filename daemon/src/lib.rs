//! The poise daemon: sockets, HTTP, probes, control and store around the rules of `poise-core`.
//!
//! This file is the wiring diagram. The data path and the probes never name `control`, nor the
//! reverse: they meet here, through the published plan, bounded channels and the live counters.

mod access_log;
mod activation;
mod admit;
pub mod check;
mod conduct;
mod connect;
pub mod control;
pub mod demo;
mod files;
pub mod l4;
pub mod l7;
pub mod listen;
mod log;
pub mod loops;
mod notify;
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
pub mod upgrade;
mod wall;
pub mod worker;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use poise_core::plan::ListenerId;
use poise_core::token::TokenKey;
use poise_ipc::model::{Bind, ClientAddress};
use poise_ipc::transport::{Held, ListenError};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use access_log::Writer;
use conduct::{Before, Conductor, Own};
use control::bus::Bus;
use control::command::{Command, INBOX_MAX, ORDERS_MAX};
use control::errors::Errors;
use control::hook::{self, Board};
use control::ipc::{Ending, Link, Server};
use control::ports::{PortError, Ports, Want, Wanted};
use control::reconcile::{Disk, Facts, Inheritance, Inputs, Life, Parts, Reconcile, StartError};
use control::records::Records;
use files::Files;
use listen::{Binder, Inherited, Prepared};
use notify::Manager;
use options::Settings;
use probe::Sources;
use published::Publisher;
use recorder::Recorder;
use report::{ASKED_MAX, REPORTS_MAX};
use resolve::Resolver;
use signals::Signals;
use store::{StateDir, Store, StoreError, Stored};
use tls::{Keeper, TicketKeys};
use upgrade::UpgradeError;
use upgrade::channel::Channel;
use upgrade::predecessor::{Doors, Program};
use upgrade::successor::{self, Bag, Heard};
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
    /// The process before cannot be taken over from.
    #[error("take over from the process before")]
    Upgrade(#[from] UpgradeError),
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

/// Runs the daemon until it is told to stop, or until another process has taken over and what is open
/// here has ended. Blocks; must not be called within a runtime.
///
/// # Errors
/// [`RunError`] when it cannot start; a daemon that runs ends cleanly.
pub fn run(settings: &Settings) -> Result<(), RunError> {
    match successor::channel().map_err(failed("find the process to take over from"))? {
        None => start(settings, None),
        Some(channel) => {
            let way = channel.share().map_err(failed("share the way to the process before"))?;
            let bag = successor::meet(channel)?;
            // Who has served already has nothing to take back.
            start(settings, Some(bag)).inspect_err(|error| successor::refuse(&way, log::chain(error)))
        }
    }
}

/// Starts and runs, where another process stood or anew.
fn start(settings: &Settings, bag: Option<Bag>) -> Result<(), RunError> {
    let program = Program::own();
    let workers_count = bag.as_ref().map_or(settings.workers.get(), |bag| bag.workers);
    let mut taken = Taken::out_of(bag);
    let dir = match taken.lock.take() {
        Some(lock) => StateDir::take_up(&settings.state_dir, lock),
        None => StateDir::hold(&settings.state_dir)?,
    };
    let (store, stored) = Store::open(share(&dir)?, settings.history_max)?;
    let recorder = Recorder::open(&settings.state_dir, settings.health_log);
    let recorder = recorder.map_err(failed("start the recorder of probes"))?;
    let publisher = Publisher::new();
    let keeper = Keeper::with(taken.tickets.take()).map_err(failed("draw keys for TLS"))?;
    let secured = keeper.published();
    let workers = Workers::spawn(usize::from(workers_count), &publisher.published(), &secured);
    let mut workers = workers.map_err(failed("start the workers"))?;
    let writer = Writer::spawn(workers.bell(), workers.take_lines(), publisher.published());
    let writer = writer.map_err(failed("start the writer of access logs"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed("start the control runtime"))?;
    let ground = Ground { program, dir, store, stored, recorder, publisher, keeper, workers, workers_count };
    let outcome = runtime.block_on(ground.serve(settings, taken));
    // The workers have ended: nothing comes any more.
    writer.stop();
    // A look-up that nobody answers does not hold a stop.
    runtime.shutdown_background();
    outcome
}

/// What there is before anything is served.
struct Ground {
    program: Program,
    dir: StateDir,
    store: Store,
    stored: Stored,
    recorder: Recorder,
    publisher: Publisher,
    keeper: Keeper,
    workers: Workers,
    workers_count: u16,
}

impl Ground {
    /// Wires everything together and runs until the end.
    async fn serve(self, settings: &Settings, taken: Taken) -> Result<(), RunError> {
        let Self { program, dir, store, stored, recorder, publisher, keeper, mut workers, workers_count } = self;
        let Taken { control, view, sockets, inheritance, before, .. } = taken;
        let seed = getrandom::u64().map_err(|error| failed("draw a seed")(io::Error::other(error)))?;
        let server = server(settings, control, view)?;
        let (main, view) = server.share().map_err(failed("share the control socket"))?;
        let signals = Signals::new().map_err(failed("listen for signals"))?;
        let (bus, board) = (Bus::new(), Board::new(settings.hook.as_ref()));
        let (feed, news) = (bus.feed(), bus.feed().subscribe());
        let (inbox, commands) = mpsc::channel(INBOX_MAX);
        let (verdicts, reports) = mpsc::channel(REPORTS_MAX);
        let (asking, asked) = mpsc::channel(ASKED_MAX);
        let (ordering, orders) = mpsc::channel(ORDERS_MAX);
        let (stop, stopped) = oneshot::channel::<Ending>();
        let sources = Sources {
            plans: publisher.published(),
            tls: keeper.published(),
            generation: publisher.generation(),
            asked,
        };
        let mut binder = Binder::new(workers.senders());
        binder.inherit(sockets);
        let disk = Disk { dir: share(&dir)?, limits: settings.health_log, history_max: settings.history_max };
        let parts = Parts {
            ports: Sockets(binder, Files::new(workers.pages())),
            store,
            recorder,
            hook: board.clone(),
            run_ms_max: settings.health_log_fold_ms,
            key: TokenKey::new(stored.cookie_key),
            facts: Facts { read_only: settings.read_only, ..Facts::new(stored.daemon_id, workers_count) },
            records: Records::new(workers.take_records()),
            errors: Errors::new(workers.take_evidence()),
            resolver: Resolver::system(),
            names: stored.names,
            entries: stored.entries,
            undertakings: stored.undertakings,
            tls: keeper,
            publisher,
            bus,
            probes: asking,
            epoch: workers.epoch(),
            life: Life { orders: Some(ordering), disk: Some(disk), inheritance },
        };
        let reconcile = Reconcile::start(parts, stored.running, stored.health, settings.config.clone()).await?;
        let before = Before::of(before.map(take_over).transpose()?);
        dir.sign();
        tell_ready(settings);
        let (doors, step_wait) = (Doors { main, view }, settings.upgrade_timeout);
        let own = Own { program, state: dir, doors, step_wait, before };
        let (manager, drain) = (Manager::here(), settings.drain);
        let conductor = Conductor { signals, orders, workers, inbox: inbox.clone(), drain, manager, stop, own };
        let link = Link::new(inbox.clone(), feed, settings.read_only);
        // A stop goes from the outside in: the workers end, then the socket, then control.
        tokio::join!(
            conductor.conduct(),
            async {
                server.serve(link, async { stopped.await.unwrap_or(Ending::Close) }).await;
                // Fails only when control has ended, which is what is wanted.
                let _ = inbox.send(Command::Stop).await;
            },
            reconcile.run(Inputs { inbox: commands, reports }),
            // They end with control, which takes their reports.
            probe::run(sources, verdicts, seed),
            // It ends with the bus, which control owns.
            hook::run(settings.hook.clone(), board, news),
        );
        info!("poised has stopped");
        Ok(())
    }
}

/// The control socket: that of another process, or one of our own.
fn server(settings: &Settings, control: Option<Held>, view: Option<Held>) -> Result<Server, RunError> {
    let groups = settings.groups.clone();
    let Some(control) = control else { return Ok(Server::bind(&settings.socket, groups)?) };
    Server::take_up(&settings.socket, control, view, groups).map_err(failed("go on with the control socket"))
}

fn tell_ready(settings: &Settings) {
    info!(
        version = env!("CARGO_PKG_VERSION"),
        socket = %settings.socket.display(),
        state = %settings.state_dir.display(),
        "poised is ready"
    );
}

fn share(dir: &StateDir) -> Result<StateDir, RunError> {
    dir.share().map_err(failed("share the lock of the state directory"))
}

/// What was handed over, each thing for whom it concerns; sockets of the service manager at most where a
/// process starts anew.
#[derive(Default)]
struct Taken {
    lock: Option<OwnedFd>,
    control: Option<Held>,
    view: Option<Held>,
    sockets: Vec<Inherited>,
    tickets: Option<TicketKeys>,
    inheritance: Option<Box<Inheritance>>,
    /// The way to the process before.
    before: Option<Channel>,
}

impl Taken {
    fn out_of(bag: Option<Bag>) -> Self {
        let Some(Bag { channel, workers: _, state_lock, control, view, sockets, tickets, inheritance }) = bag else {
            return Self { sockets: activation::sockets(), ..Self::default() };
        };
        Self {
            lock: Some(state_lock),
            control: Some(control),
            view,
            sockets,
            tickets,
            inheritance: Some(inheritance),
            before: Some(channel),
        }
    }
}

/// Says that this process serves, and follows the one before. Where that one has gone meanwhile, this one
/// has everything and goes on alone.
fn take_over(before: Channel) -> Result<mpsc::Receiver<Heard>, RunError> {
    if let Err(error) = successor::serve(&before) {
        warn!(error = log::chain(&error), "the process before does not hear that this one serves");
    }
    successor::follow(before).map_err(failed("follow the process before"))
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

    fn leave(&mut self) {
        self.0.leave();
    }

    fn source(&self, to: IpAddr) -> Option<IpAddr> {
        source::source_of(to).ok()
    }
}
