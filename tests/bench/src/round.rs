//! Carries out a case: backends, a proxy per lane, rounds in alternating order.
//!
//! Round 0 warms up and is thrown away. A lane that cannot be measured says why in its result and
//! leaves the others alone. Everything it starts is bounded in time and ends with it. Called by
//! `main`.

use std::ffi::OsString;
use std::net::{SocketAddrV4, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::child::{Child, Start, complaints};
use crate::load::{Kind, Pace, Plan, Tls};
use crate::options::Options;
use crate::place::Place;
use crate::proxy::{Programs, Proxy, Setup};
use crate::tally::Tally;
use crate::workload::{Case, IDLE_FILES, Lane, Quantity, Service};
use crate::{backend, measure};

/// Time for a backend to listen.
const BACKEND_WAIT: Duration = Duration::from_secs(5);
/// Time for a proxy to forward its first bytes.
const PROXY_WAIT: Duration = Duration::from_secs(10);
/// From one look at a starting proxy to the next.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Time that a load may take beyond its length.
const LOAD_GRACE: Duration = Duration::from_secs(15);
/// Length of the load of round 0, and of the one before pairs are counted.
const WARM_UP: Duration = Duration::from_millis(400);
/// Time to open all idle pairs.
const IDLE_OPEN_MAX: Duration = Duration::from_secs(20);
/// Time in which a proxy settles before its memory is read.
const SETTLE: Duration = Duration::from_millis(300);
/// Connections of the load that warms a proxy up before idle pairs.
const WARM_UP_CLIENTS: usize = 64;

/// What a case gave.
pub(crate) struct Measured {
    /// The case.
    pub(crate) case: Case,
    /// One result per lane, in their order.
    pub(crate) lanes: Vec<Result>,
}

/// What a lane gave.
#[derive(Default)]
pub(crate) struct Result {
    /// Cost by round.
    pub(crate) costs: Vec<(u32, f64)>,
    /// Units per second by round.
    pub(crate) rates: Vec<f64>,
    /// Share of one core that the proxy took, by round.
    pub(crate) busy: Vec<f64>,
    /// All that the loads counted.
    pub(crate) tally: Tally,
    /// Why it was not measured, or not to the end.
    pub(crate) fault: Option<String>,
}

type Outcome<T> = std::result::Result<T, String>;

struct Sample {
    cost: f64,
    rate: f64,
    busy: f64,
    tally: Tally,
}

struct Bench<'a> {
    case: &'a Case,
    options: &'a Options,
    programs: &'a Programs,
    place: &'a mut Place,
    backends: Vec<SocketAddrV4>,
}

/// A proxy that forwards, or the backend in its place.
struct Running {
    child: Option<Child>,
    target: SocketAddrV4,
}

/// Measures a case.
///
/// # Errors
/// When the backends cannot run; what fails of a proxy is in its lane's result.
pub(crate) fn run(case: &Case, options: &Options, programs: &Programs, place: &mut Place) -> Outcome<Measured> {
    let backends_total = case.lanes.iter().map(|lane| lane.backends).max().unwrap_or(0);
    let mut backend = Child::start(&own(place, backend::words(case.backend, backends_total))?)?;
    let backends = backend::addresses(&backend.line(BACKEND_WAIT)?).ok_or("a backend named no ports")?;
    let mut bench = Bench { case, options, programs, place, backends };
    let lanes = match case.quantity {
        Quantity::CpuPer(per) => bench.rounds_of_work(per),
        Quantity::LatencyAdded(_) => over_direct(bench.rounds_of_work(1.0)),
        Quantity::MemoryPerPair => bench.rounds_of_memory(),
    };
    Ok(Measured { case: case.clone(), lanes })
}

/// The lanes of a round: there and back again, so that none always follows the same one.
fn order(round: u32, lanes: usize) -> Vec<usize> {
    if round % 2 == 1 { (0..lanes).collect() } else { (0..lanes).rev().collect() }
}

/// What lanes cost beyond the first one, round by round.
fn over_direct(mut results: Vec<Result>) -> Vec<Result> {
    let Some((direct, others)) = results.split_first_mut() else { return results };
    for result in others {
        let base = |round: u32| direct.costs.iter().find(|(of, _)| *of == round).map(|(_, cost)| *cost);
        result.costs = result.costs.iter().filter_map(|(round, cost)| Some((*round, cost - base(*round)?))).collect();
    }
    results
}

impl Bench<'_> {
    fn rounds_of_work(&mut self, per: f64) -> Vec<Result> {
        let mut results = Vec::new();
        let mut proxies = Vec::new();
        for lane in &self.case.lanes {
            let started = self.start(lane);
            results.push(Result { fault: started.as_ref().err().cloned(), ..Result::default() });
            proxies.push(started.ok());
        }
        for round in 0..=self.options.rounds {
            for at in order(round, proxies.len()) {
                let Some(proxy) = proxies[at].as_ref() else { continue };
                let length = if round == 0 { WARM_UP } else { self.options.length };
                let sample = self.work(proxy, length, per);
                if results[at].take(round, sample) {
                    proxies[at] = None;
                }
            }
        }
        results
    }

    fn rounds_of_memory(&mut self) -> Vec<Result> {
        let mut results: Vec<_> = self.case.lanes.iter().map(|_| Result::default()).collect();
        let files = self.place.files_max;
        for round in 1..=self.options.rounds {
            for at in order(round, results.len()) {
                if results[at].fault.is_some() {
                    continue;
                }
                let sample = if files < IDLE_FILES {
                    Err(format!("needs a hard limit of {IDLE_FILES} open files; here it is {files} (ulimit -Hn)"))
                } else {
                    self.start(&self.case.lanes[at]).and_then(|proxy| self.hold(&proxy))
                };
                results[at].take(round, sample);
            }
        }
        results
    }

    /// Starts the proxy of a lane and waits until it forwards.
    fn start(&mut self, lane: &Lane) -> Outcome<Running> {
        if lane.proxy == Proxy::Direct {
            return Ok(Running { child: None, target: *self.backends.first().ok_or("there is no backend")? });
        }
        let port = self.place.free_port()?;
        let setup = Setup {
            folder: self.place.folder(&format!("{}-{port}", lane.proxy.name()))?,
            service: self.case.service,
            port,
            backends: self.backends[..lane.backends].to_vec(),
            scheduler: lane.scheduler,
            cookies: lane.cookies,
            certificate: self.place.certificate.clone(),
            files_max: self.place.files_max,
        };
        let (program, arguments) = self.programs.prepare(lane.proxy, &setup)?;
        let said = setup.folder.join("complaints");
        let (core, realtime) = (self.place.proxy_core, self.place.realtime);
        let start = Start { program, arguments, core, realtime, complaints: Some(said.clone()) };
        let mut child = Child::start(&start)?;
        let target = SocketAddrV4::new([127, 0, 0, 1].into(), port);
        match await_proxy(&mut child, self.case.service, target) {
            Ok(()) => Ok(Running { child: Some(child), target }),
            Err(fault) => Err(format!("{fault}: {}", complaints(&said))),
        }
    }

    fn plan(&self, proxy: &Running, length: Duration) -> Plan {
        let tls = (self.case.service == Service::Https)
            .then(|| Tls { certificate: self.place.certificate.chain.clone(), resume: self.case.resume });
        Plan { kind: self.case.load, target: proxy.target, clients: self.case.clients, length, tls }
    }

    fn load(&self, plan: &Plan) -> Outcome<Tally> {
        let mut load = Child::start(&own(self.place, plan.words())?)?;
        let line = load.line(plan.length + LOAD_GRACE)?;
        Tally::parse(&line).ok_or_else(|| format!("the load said {line:?}"))
    }

    /// One load, and what it cost the proxy.
    fn work(&self, proxy: &Running, length: Duration, per: f64) -> Outcome<Sample> {
        let before_ns = proxy.cpu_ns()?;
        let tally = self.load(&self.plan(proxy, length))?;
        let used_ns = proxy.cpu_ns()?.saturating_sub(before_ns) as f64;
        let units = tally.units as f64 / per;
        let elapsed_ns = tally.elapsed_ns as f64;
        let cost = match self.case.quantity {
            Quantity::LatencyAdded(percentile) => tally.latency_ns[percentile] as f64 / 1e3,
            Quantity::CpuPer(_) | Quantity::MemoryPerPair => used_ns / 1e3 / units,
        };
        Ok(Sample { cost, rate: units * 1e9 / elapsed_ns, busy: used_ns / elapsed_ns, tally })
    }

    /// Warms a fresh proxy up, opens the pairs, and sees what its memory grew by.
    fn hold(&self, proxy: &Running) -> Outcome<Sample> {
        let plan = self.plan(proxy, IDLE_OPEN_MAX);
        let kind = match plan.kind {
            Kind::Http { body_bytes, cookies, .. } => Kind::Http { pace: Pace::Repeat, body_bytes, cookies },
            _ => Kind::Exchanges(Pace::Repeat),
        };
        self.load(&Plan { kind, clients: WARM_UP_CLIENTS, length: WARM_UP, ..plan.clone() })?;
        thread::sleep(SETTLE);
        let before_bytes = proxy.memory_bytes()?;
        let mut idle = Child::start(&own(self.place, plan.words())?)?;
        let line = idle.line(plan.length + LOAD_GRACE)?;
        let tally = Tally::parse(&line).ok_or_else(|| format!("the load said {line:?}"))?;
        if tally.units < self.case.clients as u64 {
            return Err(format!("only {} of {} pairs were opened ({line})", tally.units, self.case.clients));
        }
        thread::sleep(SETTLE);
        let grown_bytes = proxy.memory_bytes()?.saturating_sub(before_bytes) as f64;
        let pairs = tally.units as f64;
        Ok(Sample { cost: grown_bytes / pairs, rate: pairs * 1e9 / tally.elapsed_ns as f64, busy: f64::NAN, tally })
    }
}

impl Running {
    fn cpu_ns(&self) -> Outcome<u64> {
        self.child.as_ref().map_or(Ok(0), |child| measure::cpu_ns(child.id()))
    }

    fn memory_bytes(&self) -> Outcome<u64> {
        self.child.as_ref().map_or(Ok(0), |child| measure::memory_bytes(child.id()))
    }
}

impl Result {
    /// Takes what a round gave; round 0 only shows whether it works. Says whether the lane is over.
    fn take(&mut self, round: u32, sample: Outcome<Sample>) -> bool {
        match sample {
            Ok(sample) if sample.tally.units == 0 => {
                self.fault = Some(format!("nothing came through ({})", sample.tally.line()));
            }
            Ok(sample) if round > 0 => {
                self.costs.push((round, sample.cost));
                self.rates.push(sample.rate);
                self.busy.push(sample.busy);
                self.tally.add(&sample.tally);
            }
            Ok(_) => {}
            Err(fault) => self.fault = Some(fault),
        }
        self.fault.is_some()
    }
}

/// A start of this very program, beside the proxy.
fn own(place: &Place, words: Vec<String>) -> Outcome<Start> {
    let program: PathBuf = std::env::current_exe().map_err(|fault| format!("find this program: {fault}"))?;
    let arguments = words.into_iter().map(OsString::from).collect();
    Ok(Start { program, arguments, core: place.load_core, realtime: place.realtime, complaints: None })
}

/// Waits until something comes back through a proxy.
fn await_proxy(child: &mut Child, service: Service, target: SocketAddrV4) -> Outcome<()> {
    let began = Instant::now();
    while began.elapsed() < PROXY_WAIT {
        if child.has_ended() {
            return Err("it ended at once".into());
        }
        let forwards = if service == Service::Udp { answers(target) } else { TcpStream::connect(target).is_ok() };
        if forwards {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
    Err(format!("it does not listen after {} s", PROXY_WAIT.as_secs()))
}

/// Whether a datagram comes back.
fn answers(target: SocketAddrV4) -> bool {
    let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else { return false };
    let sent = socket.connect(target).and_then(|()| socket.set_read_timeout(Some(LOOK_EVERY)));
    sent.and_then(|()| socket.send(b"anybody?")).and_then(|_| socket.recv(&mut [0; 64])).is_ok()
}

#[cfg(test)]
mod tests;
