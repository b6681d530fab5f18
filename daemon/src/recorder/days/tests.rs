//! What must hold of the days on disk: what is too old goes, what is too much goes, the newest stays;
//! three days of a hundred backends take less than they may.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use poise_core::plan::BackendId;
use poise_ipc::health::Exchange;
use poise_ipc::message::LogFilter;
use poise_ipc::model::HealthLog;
use poise_ipc::status::{CheckRow, Health, Phase, Reason, Verdict};

use super::super::tests::{Disk, LIMITS, kept, row};
use super::super::{Order, day_of};
use super::*;
use crate::control::checks::{CheckLog, ROWS_MAX, Sample};

const BEGIN_MS: u64 = 20_000 * DAY_MS;

fn seqs(disk: &Disk) -> Vec<u64> {
    let rows = disk.reader().rows(&LogFilter::default(), u64::MAX, usize::MAX, Order::Oldest).expect("read");
    rows.iter().map(|row| row.seq).collect()
}

#[test]
fn s_60_days_are_kept_for_three_days_after_they_have_ended() {
    let mut disk = Disk::new();
    disk.write((0..6).map(|day| kept(row(day + 1, BEGIN_MS + day * DAY_MS))).collect());
    assert_eq!(disk.files().len(), 6);
    disk.tidy(BEGIN_MS + 5 * DAY_MS);
    assert_eq!(seqs(&disk), [2, 3, 4, 5, 6]);
    disk.tidy(BEGIN_MS + 5 * DAY_MS + 1);
    assert_eq!(seqs(&disk), [3, 4, 5, 6]);
    assert_eq!(disk.status().oldest_ms, Some(BEGIN_MS + 2 * DAY_MS));
    // Whatever day it is, what comes is written.
    disk.write(vec![kept(row(7, BEGIN_MS + 9 * DAY_MS))]);
    assert_eq!(seqs(&disk), [3, 4, 5, 6, 7]);
}

#[test]
fn a_row_that_was_begun_before_midnight_stays_in_its_day() {
    let mut disk = Disk::new();
    let late = row(1, BEGIN_MS - 10_000);
    disk.write(vec![kept(late.clone()), kept(row(2, BEGIN_MS + 1))]);
    disk.write(vec![kept(CheckRow { count: 9, ..late.clone() })]);
    disk.tidy(BEGIN_MS);
    disk.write(vec![kept(CheckRow { count: 10, ..late }), kept(row(3, BEGIN_MS + 2))]);
    assert_eq!(seqs(&disk), [1, 2, 3]);
    assert_eq!(disk.files().len(), 2);
}

#[test]
fn a_clock_that_is_set_back_begins_no_day_again() {
    let mut disk = Disk::new();
    disk.write(vec![kept(row(1, BEGIN_MS)), kept(row(2, BEGIN_MS + DAY_MS)), kept(row(3, BEGIN_MS + 5))]);
    assert_eq!(seqs(&disk), [1, 2, 3]);
    let rows = disk.reader().rows(&LogFilter::default(), u64::MAX, 9, Order::Newest).expect("read");
    assert_eq!(rows.iter().map(|row| row.first_ms).collect::<Vec<_>>(), [BEGIN_MS + 5, BEGIN_MS + DAY_MS, BEGIN_MS]);
}

#[test]
fn the_oldest_rows_make_room_and_the_log_never_exceeds_its_size() {
    let limits = Limits { bytes_max: 2 << 20, ..LIMITS };
    let mut disk = Disk::with(limits);
    let (mut seq, mut largest) = (0, 0);
    for step in 0..600_u64 {
        let rows = (0..20).map(|at| {
            seq += 1;
            let received = format!("HTTP/1.1 503\r\nX-Id: {seq}\r\n").into_bytes().repeat(if at == 0 { 20 } else { 1 });
            let exchange = Exchange { received, ..Exchange::default() };
            Kept { exchange: Some(Arc::new(exchange)), ..kept(row(seq, BEGIN_MS + step * DAY_MS / 200)) }
        });
        disk.write(rows.collect());
        largest = largest.max(disk.status().bytes);
    }
    assert!(largest <= limits.bytes_max, "{largest} bytes");
    let left = seqs(&disk);
    assert_eq!(left.last(), Some(&seq), "the newest stay");
    assert!(left.windows(2).all(|pair| pair[0] + 1 == pair[1]), "and all of them from the oldest on");
    assert!(left.len() > 2_000, "{} rows", left.len());
    let oldest = row(left[0], BEGIN_MS + (left[0] - 1) / 20 * DAY_MS / 200);
    assert_eq!(disk.status().oldest_ms, Some(oldest.first_ms));
}

/// A backend that is probed every 2 s for three days, with latencies that are never the same and
/// twenty episodes in which it comes and goes.
fn probe(backend: u64, tick: u64) -> Sample {
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
        protocol: poise_ipc::model::CheckProtocol::Http,
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
fn three_days(disk: &mut Disk, backends: u64) -> u64 {
    let mut log = CheckLog::new(ROWS_MAX, 300_000, 1);
    let mut waiting: BTreeMap<u64, Kept> = BTreeMap::new();
    let mut probes = 0;
    for tick in 0..3 * DAY_MS / 2_000 {
        for backend in 0..backends {
            log.record(probe(backend, tick));
            probes += 1;
        }
        for kept in log.take_due() {
            let before = waiting.remove(&kept.row.seq).and_then(|before| before.exchange);
            waiting.insert(kept.row.seq, Kept { exchange: kept.exchange.or(before), row: kept.row });
        }
        if tick % 60 == 59 {
            disk.write(std::mem::take(&mut waiting).into_values().collect());
        }
    }
    log.close_all();
    disk.write(log.take_due());
    probes
}

/// The time that the answer about one hour of one backend takes, the best of some.
fn hour_of_one(disk: &Disk) -> Duration {
    let since_ms = BEGIN_MS + DAY_MS + DAY_MS / 2;
    let filter = LogFilter {
        group: "app".parse().ok(),
        backend: "app-7".parse().ok(),
        since_ms,
        until_ms: Some(since_ms + 3_600_000),
        ..LogFilter::default()
    };
    let took = (0..5).map(|_| {
        let begun = Instant::now();
        let rows = disk.reader().rows(&filter, u64::MAX, 1_000, Order::Newest).expect("read");
        assert!(rows.len() >= 12, "{} rows", rows.len());
        assert!(rows.iter().map(|row| row.count).sum::<u32>() >= 1_800);
        begun.elapsed()
    });
    took.min().expect("some")
}

fn prove(backends: u64, bytes_max: u64) {
    let mut disk = Disk::new();
    let probes = three_days(&mut disk, backends);
    assert_eq!(probes, backends * 129_600);
    let status = disk.status();
    assert!(status.bytes <= bytes_max, "{} bytes for {probes} probes", status.bytes);
    assert_eq!(status.oldest_ms.map(day_of), Some(day_of(BEGIN_MS)), "nothing had to go");
    let took = hour_of_one(&disk);
    assert!(took < Duration::from_millis(50), "{took:?}");
    println!("{probes} probes of {backends} backends: {} bytes; one hour of one backend in {took:?}", status.bytes);
}

#[test]
fn l_12_three_days_of_ten_backends_fit_in_a_tenth_of_64_mib() {
    prove(10, (64 << 20) / 10);
}

#[test]
#[ignore = "12.96 million probes take a minute"]
fn l_12_three_days_of_a_hundred_backends_fit_in_64_mib() {
    prove(100, 64 << 20);
}
