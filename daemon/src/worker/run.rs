//! The life of a worker thread: takes commands while serving, drains, cuts, ends.
//!
//! It owns the doors and the sweep. Connections own themselves: they end when they are done, or
//! when the phase tells them to.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::error;

use super::context::{Phase, WorkerContext};
use super::served::Served;
use super::{DoorId, Held, WorkerCommand, pacer, sweep};

/// How long connections may take to notice a cut. Each is woken for it and ends in one poll;
/// this bounds the case in which one does not.
const CUT_MAX: Duration = Duration::from_millis(500);

/// A drain longer than this means "as long as it takes".
const DRAIN_MAX: Duration = Duration::from_hours(24 * 365);

/// Runs a worker until it is stopped; `started` is told first whether its runtime could be made.
pub(super) fn run(
    context: impl FnOnce() -> WorkerContext,
    commands: mpsc::Receiver<WorkerCommand>,
    started: &SyncSender<io::Result<()>>,
) {
    let built = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    // The one who starts the workers waits for this answer.
    match built {
        Ok(runtime) => {
            let _ = started.send(Ok(()));
            runtime.block_on(live(Rc::new(context()), commands));
        }
        Err(error) => drop(started.send(Err(error))),
    }
}

async fn live(ctx: Rc<WorkerContext>, mut commands: mpsc::Receiver<WorkerCommand>) {
    let sweep = tokio::task::spawn_local(sweep::run(Rc::clone(&ctx)));
    let pacer = tokio::task::spawn_local(pacer::run(Rc::clone(&ctx)));
    let drain_ms = serve(&ctx, &mut commands).await;
    ctx.enter(Phase::Draining);
    drained(&ctx, &mut commands, drain_ms).await;
    ctx.enter(Phase::Cutting);
    let _ = tokio::time::timeout(CUT_MAX, all_closed(&ctx)).await;
    sweep.abort();
    pacer.abort();
}

/// Serves until it is told to stop, and returns how long it may drain, in
/// milliseconds.
async fn serve(ctx: &Rc<WorkerContext>, commands: &mut mpsc::Receiver<WorkerCommand>) -> u64 {
    let mut doors: HashMap<DoorId, Served> = HashMap::new();
    let drain_ms = loop {
        match commands.recv().await {
            Some(WorkerCommand::Open { door, purpose, socket, flows }) => {
                let address = purpose.bind.clone();
                match Served::open(ctx, purpose, socket, flows) {
                    Ok(opened) => close(doors.insert(door, opened)).await,
                    Err(error) => error!(%address, %error, "a listener cannot be served"),
                }
            }
            Some(WorkerCommand::Assign { door, purpose }) => {
                if let Some(door) = doors.get(&door) {
                    door.assign(purpose);
                }
            }
            Some(WorkerCommand::Own { own }) => ctx.loops.set_own(own),
            Some(WorkerCommand::Close { door, closed }) => {
                close(doors.remove(&door)).await;
                // Whoever asked may have stopped waiting.
                let _ = closed.send(());
            }
            Some(WorkerCommand::Hand { held }) => {
                // Whoever asked may have given up.
                let _ = held.send(hand(&doors).await);
            }
            Some(WorkerCommand::Resume) => doors.values().for_each(Served::resume),
            Some(WorkerCommand::Leave { drain_ms }) => {
                for door in doors.into_values() {
                    door.leave().await;
                }
                ctx.leave_within(drain_ms);
                return drain_ms;
            }
            Some(WorkerCommand::Stop { drain_ms }) => break drain_ms,
            // Without anybody left to tell it anything a worker has no reason to go on.
            None => break 0,
        }
    };
    // Some wait a moment for their last datagrams: all at the same time.
    let closing: Vec<_> = doors.into_values().map(|door| tokio::task::spawn_local(door.close())).collect();
    for closed in closing {
        // Fails only if closing panicked, and then the socket is closed too.
        let _ = closed.await;
    }
    drain_ms
}

/// What is open; none where a door cannot be told.
async fn hand(doors: &HashMap<DoorId, Served>) -> Option<Vec<Held>> {
    let mut all = Vec::with_capacity(doors.len());
    for door in doors.values() {
        let held = door.hand().await;
        all.push(held.inspect_err(|error| error!(%error, "a listener cannot be handed over")).ok()?);
    }
    Some(all)
}

async fn close(door: Option<Served>) {
    if let Some(door) = door {
        door.close().await;
    }
}

/// Waits until all connections have ended, but no longer than the drain time.
async fn drained(ctx: &WorkerContext, commands: &mut mpsc::Receiver<WorkerCommand>, drain_ms: u64) {
    let mut until = after(drain_ms);
    let mut told = true;
    loop {
        tokio::select! {
            () = all_closed(ctx) => return,
            () = tokio::time::sleep_until(until) => return,
            command = commands.recv(), if told => match command {
                Some(WorkerCommand::Stop { drain_ms }) => {
                    until = until.min(after(drain_ms));
                    ctx.leave_within(drain_ms);
                }
                // Nothing is accepted any more: sockets that arrive now are closed unused.
                Some(_) => {}
                None => told = false,
            }
        }
    }
}

fn after(drain_ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(drain_ms).min(DRAIN_MAX)
}

async fn all_closed(ctx: &WorkerContext) {
    while ctx.open.get() > 0 {
        ctx.all_closed.notified().await;
    }
}
