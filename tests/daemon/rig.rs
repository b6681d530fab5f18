//! The data plane without control: a configuration compiled, published and listened on, with the
//! real workers.
//!
//! It does what reconcile does for a commit (compile, prepare, publish, commit), in that order,
//! and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use poise_core::health::Standing;
use poise_core::live::Leaving;
use poise_core::plan::{BackendId, BackendPlan, Compile, Identities, ListenerId, ListenerPlan, compile};
use poise_core::token::TokenKey;
use poise_ipc::cause::Cause;
use poise_ipc::model::{Backend, Bind, Config, Group, Listener, Protocol};
use poise_ipc::status::{BackendCounters, Health, ListenerCounters};
use poise_ipc::{BackendPath, Name};
use poised::listen::{Binder, Wanted};
use poised::probe::Sources;
use poised::published::{Published, Publisher};
use poised::records::{Record, RecordReceiver};
use poised::worker::Workers;
use socket2::{Domain, Socket, Type};
use tokio::sync::{mpsc, watch};

use crate::backends::{ANY_PORT, patient, until};

/// Configurations compiled and published, as control does it.
pub struct Plans {
    pub config: Config,
    publisher: Publisher,
    identities: Identities,
    standings: HashMap<BackendId, Standing>,
    workers_count: usize,
    key: TokenKey,
}

/// A running data plane.
pub struct Rig {
    pub plans: Plans,
    workers: Option<Workers>,
    binder: Binder,
    records: Vec<RecordReceiver>,
    runtime: tokio::runtime::Runtime,
}

/// A name that a test wrote.
pub fn name(text: &str) -> Name {
    Name::new(text).expect("a plain name")
}

/// One listener `front` of a protocol, one group `app` with backends `b0`, `b1`, ...
pub fn front(protocol: Protocol, backends: &[SocketAddr]) -> Config {
    let mut group = Group::default();
    for (at, address) in backends.iter().enumerate() {
        group.backends.insert(name(&format!("b{at}")), Backend::new(*address));
    }
    Config {
        listeners: [(name("front"), Listener::new(ANY_PORT, protocol, name("app")))].into(),
        groups: [(name("app"), group)].into(),
        ..Config::default()
    }
}

/// Keys that were made: each daemon has its own.
static MADE: AtomicU64 = AtomicU64::new(7);

impl Plans {
    /// An empty plan for so many workers.
    pub fn new(workers_count: usize) -> Self {
        Self {
            config: Config::default(),
            publisher: Publisher::new(),
            identities: Identities::default(),
            standings: HashMap::new(),
            workers_count,
            key: TokenKey::new(u128::from(MADE.fetch_add(1, Ordering::Relaxed)).to_le_bytes()),
        }
    }

    /// The plan, for a reader.
    pub fn published(&self) -> Published {
        self.publisher.published()
    }

    /// The generation, for a watcher.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.publisher.generation()
    }

    /// What probes hang on, of which nobody asks for one.
    pub fn probed(&self) -> Sources {
        let tls = poised::tls::Published::default();
        Sources { plans: self.published(), tls, generation: self.generation(), asked: mpsc::channel(1).1 }
    }

    /// Changes the configuration and returns what is to be listened on.
    fn change(&mut self, edit: impl FnOnce(&mut Config)) -> BTreeMap<ListenerId, Wanted> {
        edit(&mut self.config);
        self.identities = self.identities.follow(&self.config);
        let listeners = self.config.listeners.iter().map(|(name, listener)| {
            let want = Wanted { name: name.clone(), settings: listener.clone() };
            (self.identities.listeners[name], want)
        });
        listeners.collect()
    }

    /// Changes the configuration and publishes it.
    pub fn edit(&mut self, edit: impl FnOnce(&mut Config)) {
        self.change(edit);
        self.publish();
    }

    fn publish(&self) {
        let input = Compile {
            config: &self.config,
            identities: &self.identities,
            standings: &self.standings,
            resolved: &HashMap::new(),
            ramps: &HashMap::new(),
            tls: &BTreeMap::new(),
            revision: 1,
            workers: self.workers_count,
            key: &self.key,
        };
        self.publisher.publish(compile(&input, Some(&self.published().load())));
    }

    /// The id of a backend of the group `app`.
    pub fn backend_id(&self, backend: &str) -> BackendId {
        self.id_of("app", backend)
    }

    /// The id of a backend.
    pub fn id_of(&self, group: &str, backend: &str) -> BackendId {
        self.identities.backends[&BackendPath::new(name(group), name(backend))]
    }

    /// Lets the probes have said this of a backend of the group `app`.
    pub fn set_health(&mut self, backend: &str, health: Health) {
        self.standings.insert(self.backend_id(backend), health.into());
        self.publish();
    }

    /// When a backend of the group `app` is probed next, as that is announced.
    pub fn next_probe_ms(&self, backend: &str) -> Option<u64> {
        let plan = self.published().load_full();
        plan.group(&name("app"))?.backend(self.backend_id(backend))?.live.next_probe_ms()
    }
}

impl Rig {
    /// Starts one worker for this configuration.
    pub fn new(config: Config) -> Self {
        Self::with_workers(config, 1)
    }

    /// Starts so many workers.
    pub fn with_workers(config: Config, workers_count: usize) -> Self {
        let plans = Plans::new(workers_count);
        let mut workers =
            Workers::spawn(workers_count, &plans.published(), &poised::tls::Published::default()).expect("threads");
        let mut rig = Self {
            plans,
            binder: Binder::new(workers.senders()),
            records: workers.take_records(),
            workers: Some(workers),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
        };
        rig.edit(|current| *current = config);
        rig
    }

    /// Commits an edit.
    pub fn edit(&mut self, edit: impl FnOnce(&mut Config)) {
        let wanted = self.plans.change(edit);
        let prepared = self.binder.prepare(&wanted).expect("the addresses can be had");
        self.plans.publish();
        self.runtime.block_on(self.binder.commit(prepared));
    }

    /// Commits an edit of a backend of the group `app`.
    pub fn edit_backend(&mut self, backend: &str, edit: impl FnOnce(&mut Backend)) {
        self.edit(|config| {
            let group = config.groups.get_mut(&name("app")).expect("the group app");
            edit(group.backends.get_mut(&name(backend)).expect("a backend of the group"));
        });
    }

    /// Lets the probes have said this of a backend.
    pub fn set_health(&mut self, backend: &str, health: Health) {
        self.plans.set_health(backend, health);
    }

    /// Lets a drain have said this of what is open at a backend.
    pub fn leave(&self, backend: &str, leaving: Leaving) {
        self.plans.published().load().leave(&self.backend(backend), leaving);
    }

    /// Where a listener really accepts.
    pub fn address_of(&self, listener: &str) -> SocketAddr {
        self.bind_of(listener).ip().expect("an address and port")
    }

    /// Where a listener really accepts, be it a Unix socket.
    pub fn bind_of(&self, listener: &str) -> Bind {
        self.binder.address(self.plans.identities.listeners[&name(listener)]).expect("the listener is open")
    }

    /// A client of the listener `front`.
    pub fn connect(&self) -> TcpStream {
        patient(TcpStream::connect(self.address_of("front")).expect("the listener accepts"))
    }

    /// The same, with a receive buffer of so many bytes that does not grow.
    pub fn connect_with_window(&self, window_bytes: usize) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(window_bytes).expect("a usual size");
        socket.connect(&self.address_of("front").into()).expect("the listener accepts");
        patient(socket.into())
    }

    /// The id of a backend of the group `app`.
    pub fn backend_id(&self, backend: &str) -> BackendId {
        self.plans.backend_id(backend)
    }

    fn backend(&self, backend: &str) -> Arc<BackendPlan> {
        let plan = self.plans.published().load_full();
        let group = plan.group(&name("app")).expect("the group app");
        Arc::clone(group.backend(self.backend_id(backend)).expect("a backend of the group"))
    }

    fn listener(&self, listener: &str) -> Arc<ListenerPlan> {
        Arc::clone(&self.plans.published().load().listeners[&self.plans.identities.listeners[&name(listener)]])
    }

    /// What a backend of the group `app` has counted.
    pub fn counters_of(&self, backend: &str) -> BackendCounters {
        self.backend(backend).live.totals()
    }

    /// What the listener `front` has counted.
    pub fn counters(&self) -> ListenerCounters {
        self.listener("front").live.totals()
    }

    /// How often the listener `front` has counted a cause.
    pub fn count_of(&self, cause: Cause) -> u64 {
        self.count_of_listener("front", cause)
    }

    /// How often a listener has counted a cause.
    pub fn count_of_listener(&self, listener: &str, cause: Cause) -> u64 {
        let causes = self.listener(listener).live.totals().causes;
        causes.iter().find(|(counted, _)| *counted == cause).map_or(0, |(_, n)| *n)
    }

    /// What the access rules of the listener `front` have decided, in their order.
    pub fn access_hits(&self) -> Vec<u64> {
        self.listener("front").access.hits().collect()
    }

    /// How many wait for a backend of the group `app`.
    pub fn queued(&self) -> u32 {
        let plan = self.plans.published().load_full();
        plan.group(&name("app")).expect("the group app").queue.status().queued
    }

    /// The records, once so many have arrived.
    pub fn records(&mut self, count: usize) -> Vec<Record> {
        self.records_where(count, |_| true)
    }

    /// Those of a cause, once so many have arrived.
    pub fn records_of(&mut self, cause: Cause, count: usize) -> Vec<Record> {
        self.records_where(count, |record| record.cause == cause)
    }

    fn records_where(&mut self, count: usize, is_meant: impl Fn(&Record) -> bool) -> Vec<Record> {
        let mut records = Vec::new();
        until("the records are there", || {
            let arrived = self.records.iter_mut().flat_map(|ring| std::iter::from_fn(|| ring.take()));
            records.extend(arrived.filter(&is_meant));
            records.len() >= count
        });
        records
    }

    /// Stops the workers and waits for them.
    pub fn stop(&mut self, drain: Duration) {
        if let Some(workers) = self.workers.take() {
            workers.stop(drain);
        }
    }

    /// Stops the workers from a thread of its own.
    pub fn stop_aside(&mut self, drain: Duration) -> std::thread::JoinHandle<()> {
        let workers = self.workers.take().expect("the rig runs");
        std::thread::spawn(move || workers.stop(drain))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}
