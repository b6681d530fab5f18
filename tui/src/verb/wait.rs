//! `poise wait`: stays until a backend is drained, up, down or idle, or the time is over.
//!
//! It listens to events and asks nothing again; when the daemon goes away it connects again until the
//! time is over. Exit code 8 when that was not enough.

use std::time::{Duration, Instant};

use clap::{Args as ClapArgs, ValueEnum};
use poise_ipc::BackendPath;
use poise_ipc::message::{BackendMoved, Counters, ErrorCode, EventBody, LogFilter, Subscribe, Topic, Verb};
use poise_ipc::model::AdminState;
use poise_ipc::status::{BackendStatus, DrainStatus, Health, Status};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Format, json, jsonl};
use super::link::Link;
use super::objects::absent;
use super::stdout::print;
use super::text::span;
use super::words::duration;
use crate::cli::TIMEOUT_DEFAULT;
use crate::exit::Exit;

/// Time between two states of the counters.
const LOOK_INTERVAL_MS: u32 = 500;
/// Time between two attempts to reach a daemon that went away.
const RETRY: Duration = Duration::from_millis(200);
/// How long it waits unless it is told otherwise: as long as a drain takes by default.
const LIMIT_DEFAULT: Duration = Duration::from_mins(5);

/// Wait until a backend is in a state.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise drain app/app-1 && poise wait app/app-1 drained --timeout 5m
  poise enable app/app-1 && poise wait app/app-1 up --timeout 30s -o json")]
pub(crate) struct Args {
    /// The backend, as GROUP/NAME.
    #[arg(value_name = "BACKEND")]
    backend: BackendPath,
    /// What to wait for.
    #[arg(value_enum, value_name = "STATE")]
    wanted: Wanted,
    /// Wait at most this long; exit code 8 when that is not enough [default: 5m].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Wanted {
    /// It takes nobody new, and nothing is open, queued or bound to it any more.
    Drained,
    /// Its checks pass.
    Up,
    /// Its checks fail.
    Down,
    /// It works on nothing and nobody waits for it; it may take more.
    Idle,
}

impl Wanted {
    const fn word(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Up => "up",
            Self::Down => "down",
            Self::Idle => "idle",
        }
    }

    fn holds(self, backend: &BackendStatus) -> bool {
        let counters = &backend.counters;
        match self {
            Self::Up => backend.health.health == Health::Up,
            Self::Down => backend.health.health == Health::Down,
            Self::Idle => counters.inflight == 0 && backend.queued == 0,
            Self::Drained => match &backend.drain {
                Some(drain) => is_empty(drain),
                None => backend.state == AdminState::Disabled && counters.connections_open == 0,
            },
        }
    }
}

fn is_empty(drain: &DrainStatus) -> bool {
    drain.open == 0 && drain.queued == 0 && drain.pinned == 0
}

/// How it ended, in JSON.
#[derive(Serialize)]
struct Outcome {
    backend: String,
    state: Wanted,
    waited_ms: u64,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let limit = args.timeout.unwrap_or(LIMIT_DEFAULT);
    // Here the option of every verb says how long to wait.
    let context = &Context { timeout: TIMEOUT_DEFAULT, ..context.clone() };
    let mut known = None;
    let met = tokio::time::timeout(limit, until(args, context, &mut known)).await;
    met.unwrap_or_else(|_| Err(too_late(args, limit, known.as_ref())))?;
    let waited_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let waited = Outcome { backend: args.backend.to_string(), state: args.wanted, waited_ms };
    print(&match context.format {
        Format::Table | Format::Wide => {
            format!("{} is {} after {}\n", args.backend, args.wanted.word(), span(waited_ms))
        }
        Format::Tsv => format!("{}\t{}\t{waited_ms}\n", args.backend, args.wanted.word()),
        Format::Json => json(&waited),
        Format::Jsonl => jsonl(&waited),
    })?;
    Ok(Exit::Ok)
}

/// Waits through any number of connections. The first must succeed.
async fn until(args: &Args, context: &Context, known: &mut Option<BackendStatus>) -> Result<(), Failure> {
    loop {
        match listen(args, context, known).await {
            Err(failure) if known.is_some() && is_away(&failure) => tokio::time::sleep(RETRY).await,
            other => return other,
        }
    }
}

/// Whether the daemon went away or is about to.
fn is_away(failure: &Failure) -> bool {
    failure.exit == Exit::Unreachable || failure.code == Some(ErrorCode::Busy)
}

async fn listen(args: &Args, context: &Context, known: &mut Option<BackendStatus>) -> Result<(), Failure> {
    let mut link = Link::open(context).await?;
    let topics = vec![Topic::Config, Topic::Health, Topic::Counters];
    let subscribe = Subscribe { topics, interval_ms: LOOK_INTERVAL_MS, filter: LogFilter::default() };
    link.ask(Verb::Subscribe(subscribe)).await?;
    loop {
        let body = link.event().await?.body;
        take(&args.backend, body, known)?;
        if known.as_ref().is_some_and(|backend| args.wanted.holds(backend)) {
            return Ok(());
        }
    }
}

/// Takes an event.
fn take(path: &BackendPath, body: EventBody, known: &mut Option<BackendStatus>) -> Result<(), Failure> {
    match (body, known) {
        (EventBody::Snapshot(status), known) => *known = Some(find(path, *status)?),
        (EventBody::Counters(Counters { backends, .. }), Some(known)) => {
            let own = |moved: &BackendMoved| moved.group == path.group && moved.name == path.backend;
            if let Some(moved) = backends.into_iter().find(own) {
                (known.counters, known.health, known.drain) = (moved.counters, moved.health, moved.drain);
                known.queued = moved.queued;
            }
        }
        (EventBody::Transition(turned), Some(known))
            if turned.group == path.group && turned.backend == path.backend =>
        {
            known.health.health = turned.to;
        }
        _ => {}
    }
    Ok(())
}

fn find(path: &BackendPath, status: Status) -> Result<BackendStatus, Failure> {
    let names = status.groups.iter().flat_map(|group| &group.backends);
    let names = names.map(|backend| format!("{}/{}", backend.group, backend.name)).collect();
    let mut all = status.groups.into_iter().flat_map(|group| group.backends);
    let found = all.find(|backend| backend.group == path.group && backend.name == path.backend);
    found.ok_or_else(|| absent("backend", &poise_ipc::edit::backend_path(path), &path.to_string(), names))
}

fn too_late(args: &Args, limit: Duration, known: Option<&BackendStatus>) -> Failure {
    let waited = span(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    let message = format!("{} is not {} after {waited}", args.backend, args.wanted.word());
    let Some(backend) = known else { return Failure::new(Exit::TimedOut, message) };
    let now = match (args.wanted, &backend.drain) {
        (Wanted::Up | Wanted::Down, _) => format!("it is {}", backend.health.health),
        (Wanted::Idle, _) => format!("{} in flight, {} queued", backend.counters.inflight, backend.queued),
        (Wanted::Drained, Some(drain)) => {
            format!("{} open, {} queued, {} bound clients", drain.open, drain.queued, drain.pinned)
        }
        (Wanted::Drained, None) => format!("it is {}, {} open", backend.state, backend.counters.connections_open),
    };
    let failure = Failure::new(Exit::TimedOut, format!("{message}: {now}"));
    match (args.wanted, backend.state) {
        (Wanted::Drained, AdminState::Enabled) => failure.hint(format!("poise drain {} empties it", args.backend)),
        (Wanted::Drained, AdminState::Draining) => {
            failure.hint("poise drain --hard moves bound clients; --then close ends what is open at its deadline")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests;
