//! The writer of access logs: one thread that takes lines from the workers' rings and appends them
//! to files, in batches.
//!
//! The data path never waits for it: a worker whose ring is full drops the line and counts it.
//! It renders nothing (`l7::journal`) and decides nothing about formats. Started and stopped by
//! `lib.rs`, told by `signals` to open its files again.

mod sink;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use poise_core::live::ListenerLive;
use poise_core::plan::{ListenerId, ListenerPlan};
use poise_ipc::model::LogFormat;

pub(crate) use self::sink::Place;
use self::sink::{BATCH_BYTES, Sink};
use crate::published::Published;
use crate::records::lines::LineReceiver;

/// How long the first line of a batch waits for company: few writes at high rates, and a log that
/// still seems immediate.
const BATCH_WAIT: Duration = Duration::from_millis(5);
/// How long a stop waits for a place that stands still.
const STOP_WAIT: Duration = Duration::from_millis(500);
/// Lines taken from one ring before it is the next one's turn: more than a ring holds.
const LINES_TURN_MAX: usize = 200_000;
/// How often a stop looks whether the writer has ended.
const STOP_STEP: Duration = Duration::from_millis(1);

/// Tells the writer that there is something to do. Workers share it.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Rope>);

#[derive(Debug, Default)]
struct Rope {
    rung: AtomicBool,
    reopen: AtomicBool,
    stop: AtomicBool,
    writer: OnceLock<Thread>,
}

impl Bell {
    /// A line is in a ring. Costs a system call only when the writer rests.
    #[inline]
    pub fn ring(&self) {
        // Whoever rings first after the writer has begun to look wakes it.
        if !self.0.rung.swap(true, Ordering::SeqCst)
            && let Some(writer) = self.0.writer.get()
        {
            writer.unpark();
        }
    }

    /// Every file is to be opened again: somebody has moved it away.
    pub fn reopen(&self) {
        self.0.reopen.store(true, Ordering::SeqCst);
        self.ring();
    }
}

/// The running writer.
// Not Clone: there is one owner, who stops the thread.
pub(crate) struct Writer {
    bell: Bell,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn spawn(bell: Bell, rings: Vec<LineReceiver>, published: Published) -> io::Result<Self> {
        let state = State { rings, published, generation: None, logs: HashMap::new() };
        let own = bell.clone();
        let body = move || run(state, &own);
        let thread = std::thread::Builder::new().name("access-log".to_owned()).spawn(body)?;
        // It has no other writer: this fails never.
        let _ = bell.0.writer.set(thread.thread().clone());
        // What was rung before it could hear.
        thread.thread().unpark();
        Ok(Self { bell, thread })
    }

    /// Writes what is in the rings and ends; to be called when the workers have ended. A place that
    /// stands still is left behind after half a second. Blocks.
    pub(crate) fn stop(self) {
        self.bell.0.stop.store(true, Ordering::SeqCst);
        self.bell.ring();
        self.thread.thread().unpark();
        let until = Instant::now() + STOP_WAIT;
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(STOP_STEP);
        }
        if self.thread.is_finished() && self.thread.join().is_err() {
            tracing::error!("the writer of access logs panicked");
        }
    }
}

struct State {
    rings: Vec<LineReceiver>,
    published: Published,
    /// Of the plan that `logs` follows.
    generation: Option<u64>,
    logs: HashMap<ListenerId, Log>,
}

/// The log of a listener. Several may append to one file: each write is of whole lines.
struct Log {
    sink: Sink,
    /// Where lines are counted that are lost.
    live: Arc<ListenerLive>,
    /// A listener that a plan has dropped stays until the next one, since its last lines are still
    /// on their way.
    is_current: bool,
}

fn run(mut state: State, bell: &Bell) {
    let rope = &bell.0;
    loop {
        let stops = rope.stop.load(Ordering::SeqCst);
        if !rope.rung.swap(false, Ordering::SeqCst) && !stops {
            std::thread::park();
            continue;
        }
        if !stops {
            std::thread::sleep(BATCH_WAIT);
        }
        state.follow();
        if rope.reopen.swap(false, Ordering::SeqCst) {
            state.logs.values_mut().for_each(|log| log.sink.reopen());
        }
        state.drain();
        if stops {
            return;
        }
    }
}

impl State {
    /// Follows the plan in force.
    fn follow(&mut self) {
        let plan = self.published.load();
        if self.generation == Some(plan.generation) {
            return;
        }
        self.generation = Some(plan.generation);
        self.logs.retain(|_, log| std::mem::replace(&mut log.is_current, false));
        for (&id, listener) in &plan.listeners {
            let Some(place) = place(listener) else { continue };
            match self.logs.get_mut(&id) {
                Some(log) if log.sink.is_at(&place) => log.is_current = true,
                _ => {
                    let live = Arc::clone(&listener.live);
                    self.logs.insert(id, Log { sink: Sink::new(place), live, is_current: true });
                }
            }
        }
    }

    /// Writes what has come.
    fn drain(&mut self) {
        let logs = &mut self.logs;
        for ring in &mut self.rings {
            // A ring that is filled as fast as it is read leaves the others their turn; there was a
            // call for what is left.
            (0..LINES_TURN_MAX).take_while(|_| take(ring, logs)).for_each(drop);
        }
        logs.values_mut().for_each(Log::flush);
    }
}

/// Takes one line to the batch of its listener; false when none waits.
fn take(ring: &mut LineReceiver, logs: &mut HashMap<ListenerId, Log>) -> bool {
    let mut nowhere = Vec::new();
    ring.take(|listener| {
        let Some(log) = logs.get_mut(&listener) else { return &mut nowhere };
        if log.sink.batch.len() >= BATCH_BYTES {
            log.flush();
        }
        &mut log.sink.batch
    })
}

impl Log {
    fn flush(&mut self) {
        self.live.lines_lost(self.sink.flush());
    }
}

/// Where the lines of a listener go, if they go anywhere.
fn place(listener: &ListenerPlan) -> Option<Place> {
    let log = &listener.settings.access_log;
    (log.format != LogFormat::Off).then(|| log.path.clone().map_or(Place::Stdout, Place::File))
}
