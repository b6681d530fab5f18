//! Reconcile: the only writer of configuration, identities, health and plans.
//!
//! Takes commands and reports one by one from bounded channels. Slow work (the store, the
//! operator's file) is under way beside it, one piece at a time, so a disk that stands still never
//! keeps a dead backend in rotation. It opens no socket and writes no file itself: ports and store
//! are handed to it by `start`.

mod certificates;
mod commit;
mod cookies;
mod drains;
mod entries;
mod explain;
mod forecast;
mod handover;
mod layers;
mod logs;
mod ramps;
mod refusals;
mod reload;
mod requests;
mod resolving;
mod routes;
mod start;
mod status;
mod verdicts;
mod window;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use poise_core::plan::{BackendId, Identities, Plan};
use poise_core::ramp::Ramps;
use poise_core::token::TokenKey;
use poise_ipc::advice::Finding;
use poise_ipc::files::ConfigFiles;
use poise_ipc::message::{Author, ErrorCode, ErrorReply, WindowQuery};
use poise_ipc::status::{PredecessorStatus, Status};
use poise_ipc::{Config, Name};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::blindness::Blindness;
use super::books::Books;
use super::bus::Bus;
use super::checks::CheckLog;
use super::command::{Answer, Command};
use super::errors::Errors;
use super::health::Trackers;
use super::hook::Board;
use super::latency::Latencies;
use super::names::Names;
use super::ports::Ports;
use super::pulse::Pulse;
use super::records::Records;
use super::sources::Sources;
use super::tallies::Tallies;
use super::wires::Wires;
use crate::published::Publisher;
use crate::recorder::Recorder;
use crate::report::{ProbeAsked, ProbeReport};
use crate::resolve::Resolver;
use crate::store::{EntryPart, HealthRow, NameRow, Store, StoreError, Undertakings};
use crate::tls::{Keeper, Reading};
use crate::wall::now_ms;

use certificates::{Expiry, Loading};
pub use commit::{Change, Source};
use commit::{Marking, Storing};
use drains::Emptying;
use entries::Handed;
use forecast::Remembered;
pub use handover::{Disk, Inheritance, Life};
use layers::{Layers, Shift, Wanted};
use ramps::tell_backups;
use refusals::Refusals;
use reload::{FileTask, OperatorFile};
use resolving::{Answered, Asked};
pub use start::StartError;
pub(crate) use start::daemon;
use window::{Back, BackStored, Turn, Windows};

/// Reports taken at once: their flips make one plan.
const REPORTS_BATCH_MAX: usize = 256;
/// Changes and reads of the operator's file that may wait for the one under way. More operators
/// at once are told that poised is busy.
const WAITING_MAX: usize = 64;
/// Time between two rounds of small work: records of the workers, health for the store.
const TICK: Duration = Duration::from_millis(TICK_MS);
const TICK_MS: u64 = 100;
/// How long a stop waits for a disk that stands still.
const STOP_WAIT: Duration = Duration::from_millis(500);
/// Rounds between two counts of latency.
const LATENCY_TICKS: u64 = poise_core::live::STEP_MS / TICK_MS;
/// Ticks between two samples of the work that backends get.
const PULSE_TICKS: u64 = 4;
/// Rounds between two steps of slow start and of damping (500 ms).
const RAMP_TICKS: u64 = 5;
/// Rounds between two looks at the operator's file (10 s).
const LOOK_TICKS: u64 = 100;
/// Rounds between two looks at the days that certificates have left (60 s).
const EXPIRY_TICKS: u64 = 600;
/// Rounds between two looks at how the recorder is doing (1 s).
const RECORDER_TICKS: u64 = 10;
/// Rounds between two snapshots of persistence entries (60 s): what a crash may cost.
const ENTRIES_TICKS: u64 = 600;

/// What is known of the process, for status and greetings.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Host name of the machine.
    pub host: String,
    /// Identity of the daemon's state.
    pub daemon_id: String,
    /// When it started, in milliseconds since the epoch.
    pub started_ms: u64,
    /// Worker threads.
    pub workers: u16,
    /// Whether nothing may be changed.
    pub read_only: bool,
}

impl Facts {
    /// The facts of a process that starts now.
    pub fn new(daemon_id: String, workers: u16) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { host, daemon_id, started_ms: now_ms(), workers, read_only: false }
    }
}

/// What reconcile is made of besides the state it begins with.
pub struct Parts<P> {
    /// The sockets of listeners.
    pub ports: P,
    /// The store.
    pub store: Store,
    /// The health log on disk.
    pub recorder: Recorder,
    /// How the hook command is doing.
    pub hook: Board,
    /// Longest time that a row of the health log covers, in milliseconds.
    pub run_ms_max: u64,
    /// Where plans are published.
    pub publisher: Publisher,
    /// Where events are published.
    pub bus: Bus,
    /// Key of the cookie tokens.
    pub key: TokenKey,
    /// The process.
    pub facts: Facts,
    /// Records of the workers.
    pub records: Records,
    /// Messages that they refused.
    pub errors: Errors,
    /// Certificates, and what is published about TLS.
    pub tls: Keeper,
    /// Looks up host names.
    pub resolver: Resolver,
    /// What they stood for when the daemon last ran.
    pub names: Vec<NameRow>,
    /// What listeners remembered when the daemon last ran.
    pub entries: Vec<EntryPart>,
    /// Where a probe is asked for.
    pub probes: mpsc::Sender<ProbeAsked>,
    /// What the daemon had undertaken when it last ran.
    pub undertakings: Undertakings,
    /// When the time of the workers began: what they share is dated by it.
    pub epoch: std::time::Instant,
    /// What the process comes from, and what becomes of it.
    pub life: Life,
}

/// Where work comes from.
#[derive(Debug)]
pub struct Inputs {
    /// Commands of clients and signals.
    pub inbox: mpsc::Receiver<Command>,
    /// Verdicts of the probes.
    pub reports: mpsc::Receiver<ProbeReport>,
}

/// The running configuration with what belongs to it.
#[derive(Debug, Default)]
struct State {
    revision: u64,
    config: Config,
    identities: Identities,
    findings: Vec<Finding>,
}

/// The single writer.
// Not Clone: two writers would each believe they own the revision.
pub struct Reconcile<P: Ports> {
    parts: Parts<P>,
    state: State,
    file: OperatorFile,
    trackers: Trackers,
    log: CheckLog,
    /// What was last said about the recorder.
    unrecorded: Option<Finding>,
    /// How many more may ask the disk about the log.
    questions: Arc<Semaphore>,
    latencies: Latencies,
    blindness: Blindness,
    /// What groups have counted.
    tallies: Tallies,
    under_way: Option<UnderWay<P::Prepared>>,
    waiting: VecDeque<Job>,
    unstored: HashMap<BackendId, HealthRow>,
    failing_open: Vec<Name>,
    names: Names,
    /// Whether the store does not know yet what names stand for.
    names_unstored: bool,
    lookups: JoinSet<Answered>,
    sources: Sources,
    refusals: Refusals,
    /// The last answers to the names of backends.
    resolved: HashMap<BackendId, SocketAddr>,
    /// The backends in slow start.
    ramps: Ramps,
    /// The backends that drain.
    emptying: Emptying,
    /// What was last said about the end of certificates.
    expiry: Expiry,
    /// How the tables of persistence stood when the store got them last.
    handed: Handed,
    /// Leases and ramps.
    layers: Layers,
    /// Ramps whose last weight is being committed.
    arrivals: JoinSet<(u64, Result<Answer, oneshot::error::RecvError>)>,
    /// The confirm window.
    window: Windows,
    /// What trip wires look at.
    wires: Wires,
    /// What the time of slow start counts from.
    born: Instant,
    /// Wall time at that moment.
    born_ms: u64,
    snapshot: Option<(u64, Arc<Status>)>,
    /// Work that backends got lately.
    pulse: Pulse,
    /// The same for an hour, by the shares that were due.
    books: Books,
    /// Commits whose forecasts are remembered.
    remembered: Remembered,
    /// The processes before this one.
    predecessors: Vec<PredecessorStatus>,
    /// Who has asked for the upgrade that is about to be.
    upgrader: Option<Author>,
    /// Another process may have the disk: nothing is changed or stored.
    frozen: bool,
    ticks: u64,
}

/// The one piece of slow work. It has no deadline of its own: a commit that the disk still holds
/// can be neither told done nor refused.
type UnderWay<S> = Pin<Box<dyn Future<Output = Done<S>>>>;

/// What was under way and is done.
enum Done<S> {
    Stored(Box<Storing<S>>, Outcome),
    Marked(Marking, Outcome),
    Read(FileTask, io::Result<ConfigFiles>),
    Resolved(Box<Asked>, Vec<Answered>),
    Loaded(Box<Loading>, Result<Reading, JoinError>),
    Layered(Shift, Outcome, Asker),
    Turned(Turn, Outcome, Asker),
    Back(Box<Back>),
    BackStored(Box<BackStored>, Outcome),
}

/// What the store says.
type Outcome = Result<(), StoreError>;

/// Work that waits until nothing is under way.
enum Job {
    Change(Change, Asker),
    File(FileTask),
    Certificates(Option<Name>, Asker),
    Layer(Wanted, Author, Asker),
    Window(WindowQuery, Author, Asker),
}

/// Who waits for an answer. Answers to those that left are dropped.
type Asker = oneshot::Sender<Answer>;

impl<P: Ports + 'static> Reconcile<P> {
    /// Works until told to stop, then writes what is left.
    pub async fn run(mut self, mut inputs: Inputs) -> P {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reports = Vec::with_capacity(REPORTS_BATCH_MAX);
        loop {
            tokio::select! {
                done = slow_work(&mut self.under_way) => self.done(done).await,
                n = inputs.reports.recv_many(&mut reports, REPORTS_BATCH_MAX), if !inputs.reports.is_closed() => {
                    if n > 0 {
                        self.observe(reports.drain(..));
                    }
                }
                command = inputs.inbox.recv() => match command {
                    Some(Command::Stop) | None => break,
                    Some(Command::Freeze { reply }) => self.freeze(reply).await,
                    Some(Command::Thaw { done }) => self.thaw(done),
                    Some(Command::Leave { reply }) => return self.leave(reply),
                    Some(command) => self.take(command),
                },
                Some(answered) = self.lookups.join_next() => self.looked_up(answered),
                Some(found) = self.refusals.readings.join_next() => self.looked_into(found),
                Some(Ok((id, said))) = self.arrivals.join_next() => self.arrived(id, said.ok()),
                _ = tick.tick() => self.tick(),
            }
        }
        self.stop().await
    }

    /// Begins a job, or lets it wait for the one under way.
    fn submit(&mut self, job: Job) {
        if self.frozen {
            job.refuse(frozen());
        } else if self.under_way.is_none() {
            self.begin(job);
        } else if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(job);
        } else {
            let error = ErrorReply::new(ErrorCode::Busy, "too many changes wait for the disk");
            job.refuse(error.hint("try again in a moment"));
        }
    }

    fn begin(&mut self, job: Job) {
        match job {
            Job::Change(change, asker) => self.begin_change(change, asker),
            Job::File(task) => self.begin_reading(task),
            Job::Certificates(only, asker) => self.begin_reload(only.as_ref(), asker),
            Job::Layer(wanted, author, asker) => self.begin_layer(wanted, author, asker),
            Job::Window(query, author, asker) => self.begin_turn(query, author, asker),
        }
    }

    /// Finishes what was under way and begins what waits.
    async fn done(&mut self, done: Done<P::Prepared>) {
        match done {
            Done::Stored(storing, outcome) => self.finish_storing(*storing, outcome).await,
            Done::Marked(marking, outcome) => self.finish_marking(marking, outcome),
            Done::Read(task, read) => self.finish_reading(task, read),
            Done::Resolved(asked, answers) => self.finish_resolving(*asked, answers),
            Done::Loaded(loading, reading) => self.finish_loading(*loading, reading),
            Done::Layered(shift, outcome, asker) => self.finish_layer(shift, outcome, asker),
            Done::Turned(turn, outcome, asker) => self.finish_turn(turn, outcome, asker),
            Done::Back(back) => self.finish_back(*back).await,
            Done::BackStored(stored, outcome) => self.finish_store_back(*stored, outcome),
        }
        // What is due goes before what waits.
        self.step_window();
        while self.under_way.is_none() {
            let Some(job) = self.waiting.pop_front() else { return };
            self.begin(job);
        }
    }

    fn tick(&mut self) {
        self.ticks += 1;
        let plan = self.parts.publisher.published().load_full();
        self.parts.records.drain(&plan, now_ms());
        self.parts.errors.drain(&plan);
        if self.ticks.is_multiple_of(LATENCY_TICKS) {
            self.latencies.turn(&plan);
            self.tallies.follow(&plan);
            if self.blindness.turn(&plan) {
                self.judge();
            }
        }
        // At once for the first time: what comes soon after the start counts too.
        if self.ticks % PULSE_TICKS == 1 {
            self.pulse.beat(&plan, self.worker_ms());
            self.book();
        }
        if self.ticks.is_multiple_of(RAMP_TICKS) && !self.ramps.permilles().is_empty() {
            self.step_ramps();
        }
        self.step_health(&plan);
        if self.frozen {
            return;
        }
        self.step_drains();
        self.step_window();
        self.watch_wires();
        self.step_layers();
        self.store_layers();
        self.store_health();
        self.look_up();
        self.store_names();
        if self.ticks.is_multiple_of(ENTRIES_TICKS) {
            self.store_entries();
        }
        // Soon after the start for the first time.
        if self.ticks % EXPIRY_TICKS == 1 {
            self.watch_expiry();
        }
        if self.ticks.is_multiple_of(RECORDER_TICKS) {
            self.watch_recorder();
        }
        if self.ticks.is_multiple_of(LOOK_TICKS) && self.under_way.is_none() {
            self.begin_reading(FileTask::Look);
        }
    }

    /// Compiles the state and publishes it. Returns the groups that failed open before.
    fn publish(&mut self) -> Vec<Name> {
        // What has come by now came under the plan of before.
        self.book();
        self.follow_ramps();
        let published = self.parts.publisher.published();
        let previous = published.load();
        let plan = self.compile(&previous);
        tell_backups(&previous, &plan);
        self.follow_drains(&plan);
        self.restore_entries(&plan);
        self.tallies.follow(&plan);
        drop(previous);
        self.snapshot = None;
        let failing: Vec<_> = plan.groups.iter().filter(|g| g.failing_open).map(|g| g.name.clone()).collect();
        self.parts.publisher.publish(plan);
        std::mem::replace(&mut self.failing_open, failing)
    }

    fn compile(&self, previous: &Plan) -> Plan {
        self.compile_as(self.in_force(), &self.state.identities, previous)
    }

    /// The plan of a configuration with what is known now.
    fn compile_as(&self, config: &Config, identities: &Identities, previous: &Plan) -> Plan {
        let input = poise_core::plan::Compile {
            config,
            identities,
            standings: self.trackers.standings(),
            resolved: &self.resolved,
            ramps: self.ramps.permilles(),
            tls: self.parts.tls.stamps(),
            revision: self.state.revision,
            workers: usize::from(self.parts.facts.workers),
            key: &self.parts.key,
        };
        poise_core::plan::compile(&input, Some(previous))
    }

    /// Wall time that never jumps: deadlines of windows and layers go by it.
    fn steady_ms(&self) -> u64 {
        self.born_ms + u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Finishes the commit under way, refuses what waits and closes the store.
    async fn stop(mut self) -> P {
        for job in std::mem::take(&mut self.waiting) {
            job.refuse(stopping());
        }
        // What was accepted is done or refused; a reload is a read and a commit, so twice at most.
        while self.under_way.is_some() {
            let Ok(done) = tokio::time::timeout(STOP_WAIT, slow_work(&mut self.under_way)).await else { break };
            self.done(done).await;
        }
        self.store_health();
        self.store_names();
        self.store_layers();
        self.store_entries();
        self.hand_over_all();
        let Parts { store, recorder, ports, .. } = self.parts;
        drop(recorder);
        drop(store);
        ports
    }
}

/// The refusal of a change while another process may take over.
fn frozen() -> ErrorReply {
    ErrorReply::new(ErrorCode::Busy, "poised is being upgraded").hint("try again in a moment")
}

fn stopping() -> ErrorReply {
    ErrorReply::new(ErrorCode::Busy, "poised is stopping")
}

/// Waits for what is under way; for ever when nothing is.
///
/// # Cancel safety
/// Safe: what is under way stays until it is done.
async fn slow_work<S>(under_way: &mut Option<UnderWay<S>>) -> Done<S> {
    match under_way {
        None => std::future::pending().await,
        Some(work) => {
            let done = work.await;
            *under_way = None;
            done
        }
    }
}

#[cfg(test)]
mod tests;
