//! How the recorder is doing, shared between its thread and control.
//!
//! Written by whoever knows, read for the status. It decides nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use poise_ipc::status::RecorderStatus;
use poise_ipc::text::moment;

use crate::wall::now_ms;

/// No row is on disk.
const NONE: u64 = u64::MAX;
/// How long a disk may take for one answer before that is told: longer than a lock is waited for.
const STILL_AFTER: Duration = Duration::from_secs(3);

/// The figures of [`RecorderStatus`].
#[derive(Debug)]
pub(super) struct Gauges {
    bytes: AtomicU64,
    bytes_max: u64,
    oldest_ms: AtomicU64,
    waiting: AtomicU64,
    lost_total: AtomicU64,
    failed_total: AtomicU64,
    failure: ArcSwapOption<String>,
    /// Since when the disk owes an answer, on both clocks.
    asked: ArcSwapOption<(Instant, u64)>,
}

impl Gauges {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes: AtomicU64::new(0),
            bytes_max,
            oldest_ms: AtomicU64::new(NONE),
            waiting: AtomicU64::new(0),
            lost_total: AtomicU64::new(0),
            failed_total: AtomicU64::new(0),
            failure: ArcSwapOption::empty(),
            asked: ArcSwapOption::empty(),
        }
    }

    /// A row waits.
    pub(super) fn arrived(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    /// Rows that waited are on disk, or have become one with another that waits.
    pub(super) fn settled(&self, rows: usize) {
        self.waiting.fetch_sub(rows as u64, Relaxed);
    }

    /// Rows that waited are lost.
    pub(super) fn lost(&self, rows: usize) {
        self.settled(rows);
        self.lost_total.fetch_add(rows as u64, Relaxed);
    }

    /// A write has failed.
    pub(super) fn failed(&self, why: String) {
        self.failed_total.fetch_add(1, Relaxed);
        self.failure.store(Some(Arc::new(why)));
    }

    /// The last write has not failed.
    pub(super) fn written(&self) {
        if self.failure.load().is_some() {
            self.failure.store(None);
        }
    }

    /// The disk is asked for something, which may take its time.
    pub(super) fn asks(&self) {
        self.asked.store(Some(Arc::new((Instant::now(), now_ms()))));
    }

    /// The disk has answered.
    pub(super) fn answered(&self) {
        self.asked.store(None);
    }

    /// A disk that stands still says nothing by itself.
    pub(super) fn still(&self) -> Option<String> {
        let asked = self.asked.load();
        let (_, since_ms) = asked.as_deref().filter(|(since, _)| since.elapsed() >= STILL_AFTER)?;
        Some(format!("the disk has not answered since {}", moment(*since_ms)))
    }

    /// What is on disk.
    pub(super) fn measured(&self, bytes: u64, oldest_ms: Option<u64>) {
        self.bytes.store(bytes, Relaxed);
        self.oldest_ms.store(oldest_ms.unwrap_or(NONE), Relaxed);
    }

    pub(super) fn status(&self) -> RecorderStatus {
        RecorderStatus {
            bytes: self.bytes.load(Relaxed),
            bytes_max: self.bytes_max,
            oldest_ms: Some(self.oldest_ms.load(Relaxed)).filter(|&at_ms| at_ms != NONE),
            waiting: self.waiting.load(Relaxed),
            lost_total: self.lost_total.load(Relaxed),
            failed_total: self.failed_total.load(Relaxed),
            failure: self.still().or_else(|| self.failure.load().as_deref().cloned()),
        }
    }
}
