//! Three days of probes in a moment: backends that are probed every 2 s and come and go in episodes,
//! their verdicts through the machine, the log and the recorder as in the daemon, and what must be
//! told of them afterwards.
//!
//! Its own account of every moment is apart from the log: what the log answers is compared with it.
//! The recorder runs as it does, on a thread and a disk; only the time of the probes is made up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use poise_core::health::Machine;
use poise_core::plan::BackendId;
use poise_ipc::BackendPath;
use poise_ipc::health::Exchange;
use poise_ipc::message::{LogFilter, LogQuery};
use poise_ipc::model::{CheckProtocol, HealthLog};
use poise_ipc::status::{CheckRow, Health, Phase, Reason, Verdict};
use poised::control::checks::{CheckLog, ROWS_MAX, Sample};
use poised::recorder::{Recorder, WAITING_MAX};

pub const DAY_MS: u64 = 86_400_000;
/// Time between two probes of a backend.
const INTERVAL_MS: u64 = 2_000;
/// Probes of a backend in three days.
pub const TICKS: u64 = 3 * DAY_MS / INTERVAL_MS;
/// Probes between two episodes of a backend: twenty in three days.
const EPISODE_TICKS: u64 = TICKS / 20;
/// Probes of an episode: five times three failures and three passes.
const FLAPPING_TICKS: u64 = 30;
/// Longest time that a row covers, as by default.
const FOLD_MS: u64 = 300_000;
const RISE: u16 = 3;
const FALL: u16 = 3;
const HOUR_MS: u64 = 3_600_000;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    pub probes: u64,
    /// Verdicts that the rows on disk account for.
    pub counted: u64,
    pub rows: u64,
    pub transitions: u64,
    pub bytes: u64,
    pub lost: u64,
    /// Moments that were asked about, and those of them whose answer was wrong.
    pub moments: u64,
    pub wrong: u64,
    /// One answer about one hour of one backend: each the best of three.
    pub hours: Vec<Duration>,
    /// One answer about a moment.
    pub whys: Vec<Duration>,
}

/// A backend with the account of its health.
struct Probed {
    id: u64,
    machine: Machine,
    /// Since when it is how.
    turns: BTreeMap<u64, Health>,
}

/// Backends, and the log of their probes.
pub struct World {
    begin_ms: u64,
    backends: Vec<Probed>,
    log: CheckLog,
    recorder: Recorder,
}

impl World {
    /// Backends whose three days begin at a midnight.
    pub fn new(backends: u64, begin_ms: u64, recorder: Recorder) -> Self {
        let probed = |id| Probed { id, machine: Machine::new(Health::Unknown, RISE, FALL), turns: BTreeMap::new() };
        let log = CheckLog::new(ROWS_MAX, FOLD_MS, recorder.first_seq());
        Self { begin_ms, backends: (0..backends).map(probed).collect(), log, recorder }
    }

    /// Lets the days pass, then asks about them: so many moments of each backend.
    pub fn run(mut self, moments: u64) -> Outcome {
        let mut outcome = Outcome::default();
        for tick in 0..TICKS {
            for probed in &mut self.backends {
                self.log.record(probed.probe(self.begin_ms, tick));
                outcome.probes += 1;
            }
            self.hand_over();
        }
        self.log.close_all();
        self.hand_over();
        while self.recorder.status().waiting > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let status = self.recorder.status();
        (outcome.bytes, outcome.lost) = (status.bytes, status.lost_total + status.failed_total);
        for probed in &self.backends {
            self.ask(probed, moments, &mut outcome);
        }
        outcome
    }

    fn hand_over(&mut self) {
        for kept in self.log.take_due() {
            self.recorder.record(kept);
        }
        // Three days pass in seconds: the thread has time to follow, as it has in three days.
        while self.recorder.status().waiting > WAITING_MAX as u64 / 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn ask(&self, probed: &Probed, moments: u64, outcome: &mut Outcome) {
        let path = probed.path();
        let all =
            LogFilter { group: Some(path.group.clone()), backend: Some(path.backend.clone()), ..LogFilter::default() };
        let rows = self.recorder.reader().rows(&all, u64::MAX, usize::MAX, poised::recorder::Order::Oldest);
        let rows = rows.expect("the log is read");
        outcome.rows += rows.len() as u64;
        outcome.counted += rows.iter().map(|row| u64::from(row.count)).sum::<u64>();
        outcome.transitions += rows.iter().filter(|row| row.transition.is_some()).count() as u64;
        for nth in 0..moments {
            let at_ms = self.begin_ms + mix((probed.id << 32) | nth) % (3 * DAY_MS);
            let begun = Instant::now();
            let question = self.log.question(&all, None, self.recorder.reader());
            let why = question.why(&path, at_ms).expect("the log is read");
            outcome.whys.push(begun.elapsed());
            let said = why.rows.iter().rev().find(|row| row.first_ms <= at_ms).map(|row| row.verdict.clone());
            let since_ms = probed.turns.range(..=at_ms).next_back().map_or(0, |(since_ms, _)| *since_ms);
            let truth = (probed.health(at_ms), since_ms, probed.verdict_at(self.begin_ms, at_ms));
            outcome.wrong += u64::from((why.health, why.since_ms, said) != truth);
            outcome.moments += 1;
        }
        let since_ms = self.begin_ms + mix(probed.id) % (3 * DAY_MS - HOUR_MS);
        outcome.hours.extend((0..3).map(|_| self.hour(&all, since_ms)).min());
    }

    /// The time that the answer about one hour takes.
    fn hour(&self, of: &LogFilter, since_ms: u64) -> Duration {
        let filter = LogFilter { since_ms, until_ms: Some(since_ms + HOUR_MS), ..of.clone() };
        let begun = Instant::now();
        let question = self.log.question(&filter, Some((u64::MAX, 1_000)), self.recorder.reader());
        let query = LogQuery { filter, before_seq: None, limit: 1_000 };
        let rows = question.logs(&query).expect("the log is read");
        let took = begun.elapsed();
        let probes: u64 = rows.iter().map(|row: &CheckRow| u64::from(row.count)).sum();
        assert!(probes >= HOUR_MS / INTERVAL_MS - 1, "{probes} probes in an hour");
        took
    }
}

impl Probed {
    fn path(&self) -> BackendPath {
        format!("app/app-{}", self.id).parse().expect("a path")
    }

    /// When a probe ends: its place in the interval, and some unrest.
    fn at_ms(&self, begin_ms: u64, tick: u64) -> u64 {
        begin_ms + tick * INTERVAL_MS + self.id % 100 * 19 + mix((self.id << 32) | tick) % 7
    }

    fn verdict(&self, tick: u64) -> Verdict {
        let within = (tick + 10_000 + self.id * 60) % EPISODE_TICKS;
        let failed = within < FLAPPING_TICKS && within % 6 < 3;
        match (failed, mix((self.id << 32) | (within / 6)) % 2) {
            (false, _) => Verdict::Pass { code: Some(200) },
            (true, 0) => Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None },
            (true, _) => Verdict::Fail { phase: Phase::Response, reason: Reason::Code, code: Some(503) },
        }
    }

    fn probe(&mut self, begin_ms: u64, tick: u64) -> Sample {
        let (at_ms, noise, verdict) = (self.at_ms(begin_ms, tick), mix((self.id << 32) | tick), self.verdict(tick));
        let change = self.machine.observe(verdict.passed(), at_ms);
        self.turns.extend(change.map(|change| (at_ms, change.to)));
        // A probe keeps its bytes when it fails, and when it is the first to pass again.
        let turned = verdict.passed() && self.machine.streak() == 1;
        let exchange = (!verdict.passed() || turned).then(|| {
            let received = format!("HTTP/1.1 503 Sick\r\nDate: {at_ms}\r\nX-Request-Id: {noise:x}\r\n\r\n").repeat(3);
            let sent = format!("HEAD /health HTTP/1.1\r\nHost: app-{}\r\nUser-Agent: poise-check\r\n\r\n", self.id);
            let received_bytes = received.len() as u64;
            Box::new(Exchange { sent: sent.into(), received: received.into(), received_bytes })
        });
        Sample {
            backend: BackendId(self.id),
            path: self.path(),
            address: format!("10.0.{}.{}:8080", self.id / 250, self.id % 250).parse().expect("an address"),
            protocol: CheckProtocol::Http,
            at_ms,
            verdict,
            latency_us: 500 + noise % 20_000,
            streak: self.machine.streak(),
            threshold: FALL,
            transition: change.map(|change| change.to),
            health: self.machine.health(),
            exchange,
            gap_ms_max: 11_000,
            keep: HealthLog::All,
        }
    }

    fn health(&self, at_ms: u64) -> Health {
        self.turns.range(..=at_ms).next_back().map_or(Health::Unknown, |(_, health)| *health)
    }

    /// The last verdict at a moment.
    fn verdict_at(&self, begin_ms: u64, at_ms: u64) -> Option<Verdict> {
        let tick = (at_ms - begin_ms) / INTERVAL_MS;
        let ended = |tick: &u64| *tick < TICKS && self.at_ms(begin_ms, *tick) <= at_ms;
        [Some(tick), tick.checked_sub(1)].into_iter().flatten().find(ended).map(|tick| self.verdict(tick))
    }
}

/// Digits without a pattern, the same at every run.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
