//! The recorder's thread: gathers rows for a moment, writes them as one, tries again what failed.
//!
//! A row that grew replaces what waits of it. What a disk refuses waits here, up to a bound; beyond
//! it the oldest are lost and counted. A regime of failures is logged when it begins and ends; that a
//! disk does not answer at all is seen from outside.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::days::Days;
use super::{Kept, WAITING_MAX, Work};
use crate::wall::now_ms;

/// Time between two writes: what a crash may cost.
const EVERY: Duration = Duration::from_secs(1);
/// Rows that are written as one: a second of a thousand backends, and little enough to wait for at a stop.
const BATCH_MAX: usize = 256;
/// Time between two looks at what is too old.
const TIDY_EVERY: Duration = Duration::from_mins(1);

/// Runs until told to stop or until the handle is gone.
pub(super) fn run(days: Days, queue: &Receiver<Work>) {
    let now = Instant::now();
    let mut writer = Writer { days, unwritten: BTreeMap::new(), due: now + EVERY, tidy_due: now, failing: false };
    loop {
        writer.tidy_when_due();
        match queue.recv_timeout(writer.wait()) {
            Ok(Work::Row(kept)) => writer.take(kept),
            Ok(Work::Suspect(path)) => writer.ask(|days| days.examine(&path)),
            Ok(Work::Stop(done)) => {
                writer.write_all();
                // The one who waits may have given up.
                let _ = done.send(());
                return;
            }
            Err(RecvTimeoutError::Disconnected) => return writer.write_all(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        writer.write_when_due();
    }
}

/// What is not on the disk yet, by its number.
struct Writer {
    days: Days,
    unwritten: BTreeMap<u64, Kept>,
    due: Instant,
    tidy_due: Instant,
    failing: bool,
}

impl Writer {
    fn wait(&self) -> Duration {
        let next = if self.unwritten.is_empty() { self.tidy_due } else { self.due.min(self.tidy_due) };
        next.saturating_duration_since(Instant::now())
    }

    fn take(&mut self, kept: Kept) {
        // A row that grows brings its bytes once.
        let before = self.unwritten.remove(&kept.row.seq);
        if let Some(before) = before {
            self.days.gauges().settled(1);
            let exchange = kept.exchange.or(before.exchange);
            self.unwritten.insert(kept.row.seq, Kept { exchange, ..kept });
            return;
        }
        if self.unwritten.len() == WAITING_MAX {
            self.unwritten.pop_first();
            self.days.gauges().lost(1);
        }
        self.unwritten.insert(kept.row.seq, kept);
    }

    fn write_when_due(&mut self) {
        let full = !self.failing && self.unwritten.len() >= BATCH_MAX;
        if !self.unwritten.is_empty() && (full || Instant::now() >= self.due) {
            self.write_all();
            self.due = Instant::now() + EVERY;
        }
    }

    fn write_all(&mut self) {
        while !self.unwritten.is_empty() && self.write() {}
    }

    /// Writes a batch; whether that went well.
    fn write(&mut self) -> bool {
        let batch: Vec<&Kept> = self.unwritten.values().take(BATCH_MAX).collect();
        let (count, last) = (batch.len(), batch.last().map_or(0, |kept| kept.row.seq));
        self.days.gauges().asks();
        let written = self.days.write(&batch);
        self.days.gauges().answered();
        match written {
            Ok(()) => {
                self.unwritten = self.unwritten.split_off(&(last + 1));
                self.days.gauges().settled(count);
                if std::mem::take(&mut self.failing) {
                    info!("the health log is written again");
                }
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "the health log cannot be written; it is kept and tried again");
                }
                false
            }
        }
    }

    /// Lets the disk do something that may take its time.
    fn ask(&mut self, act: impl FnOnce(&mut Days)) {
        self.days.gauges().asks();
        act(&mut self.days);
        self.days.gauges().answered();
    }

    fn tidy_when_due(&mut self) {
        if Instant::now() >= self.tidy_due {
            self.ask(|days| days.tidy(now_ms()));
            self.tidy_due = Instant::now() + TIDY_EVERY;
        }
    }
}
