//! A writer under test: sockets in memory, a store in a directory of its own, time as it is.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use poise_core::plan::ListenerId;
use poise_core::token::TokenKey;
use poise_ipc::edit::Edit;
use poise_ipc::message::{Applied, Apply, Author, ErrorReply, Reply, Role, Verb, WindowWish};
use poise_ipc::model::Bind;
use poise_ipc::status::{Phases, Status, Verdict};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::super::*;
use crate::control::bus::{Feed, Happening};
use crate::control::hook::Board;
use crate::control::ports::{PortError, Wanted};
use crate::published::Published;
use crate::recorder::Limits;
use crate::store::{HISTORY_MAX_DEFAULT, StateDir};
use crate::tls::Keeper;

/// Two backends and a listener.
pub(super) const TEXT: &str = "\
[listeners.web]
bind = \"127.0.0.1:8080\"
protocol = \"http\"
group = \"app\"

[groups.app.backends]
a = { address = \"10.0.0.1:80\" }
b = { address = \"10.0.0.2:80\", weight = 50 }
";

/// What the recorder may keep.
const LIMITS: Limits = Limits { retention_ms: 259_200_000, bytes_max: 64 << 20 };

/// Sockets in memory: which addresses are taken by others, and which are in use here.
#[derive(Clone, Default)]
pub(super) struct FakePorts {
    pub(super) taken: Rc<RefCell<BTreeSet<Bind>>>,
    pub(super) open: Rc<RefCell<Wanted>>,
    pub(super) names: FakeNames,
}

/// Answers to look-ups: the addresses of names; those that are absent do not exist, and nobody
/// answers for those that have none.
#[derive(Clone, Default)]
pub(super) struct FakeNames(Arc<Mutex<HashMap<String, Vec<IpAddr>>>>);

impl FakeNames {
    /// From now on a name has these addresses; none when there are none.
    pub(super) fn set(&self, host: &str, addresses: &[[u8; 4]]) {
        let addresses = addresses.iter().map(|&address| address.into()).collect::<Vec<_>>();
        let mut known = self.0.lock().expect("nobody panics");
        if addresses.is_empty() {
            known.remove(host)
        } else {
            known.insert(host.to_owned(), addresses)
        };
    }

    /// From now on nobody answers for a name.
    pub(super) fn silence(&self, host: &str) {
        self.0.lock().expect("nobody panics").insert(host.to_owned(), Vec::new());
    }

    fn resolver(&self) -> Resolver {
        let known = Arc::clone(&self.0);
        Resolver::new(move |host| {
            let found = known.lock().expect("nobody panics").get(&host).cloned();
            async move {
                match found {
                    None => Err(io::Error::other("no such name")),
                    Some(silent) if silent.is_empty() => std::future::pending().await,
                    Some(found) => Ok(found),
                }
            }
        })
    }
}

impl Ports for FakePorts {
    type Prepared = Wanted;

    fn prepare(&mut self, wanted: &Wanted) -> Result<Wanted, PortError> {
        match wanted.values().find(|want| self.taken.borrow().contains(&want.settings.bind)) {
            None => Ok(wanted.clone()),
            Some(want) => {
                let source = io::ErrorKind::AddrInUse.into();
                Err(PortError {
                    listener: want.name.clone(),
                    setting: "bind",
                    address: want.settings.bind.clone(),
                    source,
                })
            }
        }
    }

    fn leave(&mut self) {}

    async fn commit(&mut self, prepared: Wanted) {
        *self.open.borrow_mut() = prepared;
    }

    fn source(&self, to: IpAddr) -> Option<IpAddr> {
        (to == IpAddr::from([10, 0, 0, 1])).then(|| [10, 0, 0, 254].into())
    }

    fn address(&self, listener: ListenerId) -> Option<Bind> {
        self.open.borrow().get(&listener).map(|want| want.settings.bind.clone())
    }
}

/// The ends of a writer that runs.
pub(super) struct Writer {
    pub(super) inbox: mpsc::Sender<Command>,
    pub(super) reports: mpsc::Sender<ProbeReport>,
    pub(super) feed: Feed,
    pub(super) published: Published,
    pub(super) secured: crate::tls::Published,
    pub(super) ports: FakePorts,
    run: tokio::task::JoinHandle<()>,
}

impl Writer {
    /// Starts a writer on the state in `dir`; a file of `file` is the operator's.
    pub(super) async fn start(dir: &Path, file: Option<&Path>, ports: FakePorts) -> Result<Self, StartError> {
        Self::start_at(dir, file, ports, now_ms()).await
    }

    /// The same at this wall time.
    pub(super) async fn start_at(
        dir: &Path,
        file: Option<&Path>,
        ports: FakePorts,
        started_ms: u64,
    ) -> Result<Self, StartError> {
        let (store, stored) =
            Store::open(StateDir::hold(&dir.join("state")).expect("held"), HISTORY_MAX_DEFAULT).expect("opens");
        let bus = Bus::new();
        let publisher = Publisher::new();
        let (feed, plan) = (bus.feed(), publisher.published());
        let tls = Keeper::new().expect("randomness");
        let secured = tls.published();
        let made_of = Parts {
            ports: ports.clone(),
            store,
            recorder: Recorder::open(&dir.join("state"), LIMITS).expect("starts"),
            hook: Board::default(),
            run_ms_max: 60_000,
            tls,
            publisher,
            bus,
            key: TokenKey::new(stored.cookie_key),
            facts: Facts { started_ms, ..Facts::new(stored.daemon_id, 1) },
            records: Records::default(),
            errors: Errors::default(),
            resolver: ports.names.resolver(),
            undertakings: stored.undertakings,
            names: stored.names,
            entries: stored.entries,
            probes: mpsc::channel(1).0,
            epoch: std::time::Instant::now(),
            life: Life::default(),
        };
        let reconcile = Reconcile::start(made_of, stored.running, stored.health, file.map(Path::to_owned)).await?;
        let (inbox, commands) = mpsc::channel(8);
        let (reports, verdicts) = mpsc::channel(8);
        let run = tokio::task::spawn_local(async move {
            reconcile.run(Inputs { inbox: commands, reports: verdicts }).await;
        });
        Ok(Self { inbox, reports, feed, published: plan, secured, ports, run })
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask(&self, verb: Verb) -> Answer {
        self.send(verb).await.await.expect("answered")
    }

    /// Asks.
    pub(super) async fn send(&self, verb: Verb) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        let author = Author::new(1_000, "ada", 42);
        self.inbox.send(Command::Request { verb, author, role: Role::Admin, reply }).await.expect("runs");
        answer
    }

    pub(super) async fn apply(&self, edits: Vec<Edit>) -> Result<Applied, ErrorReply> {
        applied(self.ask(Verb::Apply(apply(edits))).await)
    }

    pub(super) async fn status(&self) -> Status {
        match self.ask(Verb::Status).await {
            Ok(Reply::Status(status)) => *status,
            other => panic!("no status: {other:?}"),
        }
    }

    /// Sends a verdict on a backend as it is configured now.
    pub(super) async fn verdict(&self, backend: &str, verdict: Verdict) {
        let status = self.status().await;
        let mut backends = status.groups.iter().flat_map(|group| &group.backends);
        let backend = backends.find(|b| b.name.as_str() == backend).expect("configured");
        let report = ProbeReport {
            backend: BackendId(backend.id),
            address: backend.address.clone(),
            at_ms: now_ms(),
            verdict,
            latency_us: 200,
            phases: Phases::default(),
            exchange: None,
        };
        self.reports.send(report).await.expect("runs");
    }

    /// Ends it cleanly.
    pub(super) async fn stop(mut self) {
        self.halt().await;
    }

    /// Ends it cleanly; what it had published can still be seen.
    pub(super) async fn halt(&mut self) {
        self.inbox.send(Command::Stop).await.expect("runs");
        (&mut self.run).await.expect("ends");
    }
}

pub(super) fn apply(edits: Vec<Edit>) -> Apply {
    Apply { edits, if_revision: None, dry_run: false, reason: None, window: WindowWish::default() }
}

pub(super) fn applied(answer: Answer) -> Result<Applied, ErrorReply> {
    answer.map(|reply| match reply {
        Reply::Applied(applied) => applied,
        other => panic!("no outcome of a change: {other:?}"),
    })
}

pub(super) fn set(path: &str, value: &str) -> Edit {
    Edit::Set { path: path.to_owned(), value: value.to_owned() }
}

/// The next event of a subscription.
pub(super) async fn next(events: &mut broadcast::Receiver<Arc<Happening>>) -> crate::control::bus::What {
    events.recv().await.expect("not lost").what.clone()
}

/// Runs a test on a runtime like the control thread's.
pub(super) fn on_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

/// Runs a test on a runtime whose time stands still but for [`pass`]; the store's thread works on.
pub(super) fn on_still_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    // While a blocking task runs, time does not advance by itself.
    let (done, waits) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || waits.recv());
    tokio::task::LocalSet::new().block_on(&runtime, test);
    drop(done);
}

impl Writer {
    /// Lets time pass, tick by tick, and waits until the writer has done what it brings about.
    pub(super) async fn pass(&self, ms: u64) {
        let mut left = ms;
        while left > 0 {
            let step = left.min(100);
            left -= step;
            tokio::time::advance(Duration::from_millis(step)).await;
            self.settled().await;
        }
    }

    /// Waits until the writer has done what is due, and nothing is under way.
    pub(super) async fn settled(&self) {
        for _ in 0..2 {
            // While nobody asks, what is due is all that there is to do.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            // Answered when nothing is under way.
            self.ask(Verb::Drift).await.expect("there is no file");
        }
    }
}
