//! What must hold of the days on disk: what is too old goes, what is too much goes, the newest stays.

use poise_ipc::health::Exchange;
use poise_ipc::message::LogFilter;
use poise_ipc::status::CheckRow;

use super::super::Order;
use super::super::tests::{Disk, LIMITS, kept, row};
use super::*;

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
