//! Three days of probes in a moment: what a hundred backends that come and go bring about, folded and
//! written the way the daemon does it. A test looks whether it fits; `tests/bench/recorder.rs` at how much.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use poise_core::plan::BackendId;
use poise_ipc::health::Exchange;
use poise_ipc::message::LogFilter;
use poise_ipc::model::{CheckProtocol, HealthLog};
use poise_ipc::status::{CheckRow, Health, Phase, Reason, Verdict};
use poised::control::checks::{CheckLog, ROWS_MAX, Sample};
use poised::recorder::{Kept, Limits, Order, Recorder};

const DAY_MS: u64 = 86_400_000;
/// When it begins: the midnight of some day.
const BEGIN_MS: u64 = 20_000 * DAY_MS;
/// Probes of one backend in three days, one every 2 s.
pub const TICKS: u64 = 3 * DAY_MS / 2_000;
/// How often the daemon hands rows over that grow, in probes.
const HAND_OVER_TICKS: u64 = 60;
/// Rows that may wait before the writing of them is waited for.
const WAITING_MAX: u64 = 4_096;

/// The defaults of poised.
pub const LIMITS: Limits = Limits { retention_ms: 3 * DAY_MS, bytes_max: 64 << 20 };

/// A backend that is probed every 2 s for three days, with latencies that are never the same and
/// twenty episodes in which it comes and goes.
fn flight(backend: u64, tick: u64) -> Sample {
    let noise = (backend * 1_000_003 + tick).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let at_ms = BEGIN_MS + tick * 2_000 + backend * 20 + noise % 7;
    // An episode every 6480 probes: five times three failures and three passes.
    let within = (tick + 10_000 - backend * 60) % 6_480;
    let (flaps, step) = (within < 30, within % 6);
    let failed = flaps && step < 3;
    let verdict = match (failed, noise % 3) {
        (false, _) => Verdict::Pass { code: Some(200) },
        (true, 0) => Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None },
        (true, _) => Verdict::Fail { phase: Phase::Response, reason: Reason::Code, code: Some(503) },
    };
    let transition = match (flaps, step) {
        (true, 2) => Some(Health::Down),
        (true, 5) => Some(Health::Up),
        _ => None,
    };
    let health = if flaps && (2..5).contains(&step) { Health::Down } else { Health::Up };
    let exchange = (failed || (flaps && step == 3)).then(|| {
        let received = format!("HTTP/1.1 503 Service Unavailable\r\nDate: {at_ms}\r\nX-Request-Id: {noise:x}\r\n\r\n");
        let sent = format!("HEAD /health HTTP/1.1\r\nHost: app-{backend}\r\nUser-Agent: poise-check/0.1.0\r\n\r\n");
        Box::new(Exchange { sent: sent.into(), received: received.repeat(3).into(), received_bytes: 300 })
    });
    Sample {
        backend: BackendId(backend),
        path: format!("app/app-{backend}").parse().expect("a path"),
        address: format!("10.0.0.{backend}:8080").parse().expect("an address"),
        protocol: CheckProtocol::Http,
        at_ms,
        verdict,
        latency_us: 500 + noise % 20_000,
        streak: u32::try_from(within + 1).unwrap_or(1),
        threshold: 3,
        transition,
        health,
        exchange,
        gap_ms_max: 11_000,
        keep: HealthLog::All,
    }
}

/// Folds and writes what so many backends bring about in three days. Returns the probes.
pub fn three_days(recorder: &Recorder, backends: u64) -> u64 {
    let mut log = CheckLog::new(ROWS_MAX, 300_000, recorder.first_seq());
    let mut grown: BTreeMap<u64, Kept> = BTreeMap::new();
    for tick in 0..TICKS {
        for backend in 0..backends {
            log.record(flight(backend, tick));
        }
        for kept in log.take_due() {
            let before = grown.remove(&kept.row.seq).and_then(|before| before.exchange);
            grown.insert(kept.row.seq, Kept { exchange: kept.exchange.or(before), row: kept.row });
        }
        if tick % HAND_OVER_TICKS == HAND_OVER_TICKS - 1 {
            hand_over(recorder, std::mem::take(&mut grown).into_values());
        }
    }
    log.close_all();
    hand_over(recorder, log.take_due().into_iter());
    drain(recorder, 0);
    backends * TICKS
}

fn hand_over(recorder: &Recorder, rows: impl Iterator<Item = Kept>) {
    for kept in rows {
        drain(recorder, WAITING_MAX);
        recorder.record(kept);
    }
}

/// Time goes thousands of times faster here than the disk is made for.
fn drain(recorder: &Recorder, waiting_max: u64) {
    while recorder.status().waiting > waiting_max {
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn of(backend: u64, since_ms: u64, until_ms: u64) -> LogFilter {
    let path = flight(backend, 0).path;
    let (group, backend) = (Some(path.group), Some(path.backend));
    LogFilter { group, backend, since_ms, until_ms: Some(until_ms), ..LogFilter::default() }
}

/// Whether the log says of an instant what the probe of that instant said: its verdict, and the health.
pub fn says(recorder: &Recorder, backend: u64, tick: u64) -> bool {
    let probe = flight(backend, tick);
    let at_ms = probe.at_ms;
    let read = |since_ms, order| {
        recorder.reader().rows(&of(backend, since_ms, at_ms + 1), u64::MAX, 1_000, order).expect("read")
    };
    let rows = read(at_ms.saturating_sub(600_000), Order::Newest);
    let covers = |row: &&CheckRow| (row.first_ms..=row.last_ms).contains(&at_ms);
    let verdict = rows.iter().find(covers).map(|row| &row.verdict);
    // A transition is the last verdict of its row; a day holds several.
    let turned = |row: CheckRow| row.transition.filter(|_| row.last_ms <= at_ms);
    let turned = read(at_ms.saturating_sub(DAY_MS), Order::Newest).into_iter().find_map(turned);
    verdict == Some(&probe.verdict) && turned.is_none_or(|health| health == probe.health)
}

/// How long the answer about an hour of a backend takes.
pub fn hour_of_one(recorder: &Recorder, backend: u64) -> Duration {
    let since_ms = BEGIN_MS + DAY_MS + DAY_MS / 2;
    let begun = Instant::now();
    let filter = of(backend, since_ms, since_ms + 3_600_000);
    let rows = recorder.reader().rows(&filter, u64::MAX, 1_000, Order::Newest).expect("read");
    assert!(rows.len() >= 12 && rows.iter().map(|row| row.count).sum::<u32>() >= 1_800, "{} rows", rows.len());
    begun.elapsed()
}

/// A recorder of poised's defaults.
pub fn recorder(folder: &Path) -> Recorder {
    Recorder::open(folder, LIMITS).expect("a thread")
}
