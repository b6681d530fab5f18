//! `poise drain`, `poise enable`, `poise disable`: the admin state of backends.
//!
//! `drain --wait` stays until nothing is in flight on them any more. Weights stay as they are.

use std::time::Duration;

use clap::Args as ClapArgs;
use poise_ipc::BackendPath;
use poise_ipc::edit::{Edit, setting_path};
use poise_ipc::message::{EventBody, LogFilter, Subscribe, Topic, Verb};
use poise_ipc::model::{AdminState, DrainEnd};
use poise_ipc::status::Status;
use tokio::time::timeout;

use super::commit::{Basis, Lease, Options, commit_or_lease};
use super::failure::Failure;
use super::link::Link;
use super::text::{count, span};
use super::words::{duration, one_of};
use super::{Context, objects};
use crate::cli::TIMEOUT_DEFAULT;
use crate::exit::Exit;

/// Time between two looks at what is in flight.
const LOOK_INTERVAL_MS: u32 = 100;

/// Which backends, and how to commit.
#[derive(ClapArgs, Debug)]
pub(crate) struct Args {
    /// Backends, as GROUP/NAME.
    #[arg(required = true, value_name = "BACKEND")]
    backends: Vec<BackendPath>,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    lease: Lease,
}

/// Which backends to drain, how, and whether to wait for it.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise drain app/app-1
  poise drain app/app-1 --for 30m --reason INC-42
  poise drain app/app-1 --hard --timeout 5m --then close
  poise drain app/app-1 && poise wait app/app-1 drained --timeout 5m && restart-it && poise enable app/app-1")]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    drained: Args,
    /// Move the clients that persistence binds to them to others, too.
    #[arg(long)]
    hard: bool,
    /// Time that what is open has to end by itself; from now on the backends' drain.timeout.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// What happens then to what is left; from now on the backends' drain.then.
    #[arg(long, value_name = "END", value_parser = one_of(DrainEnd::WORDS))]
    then: Option<DrainEnd>,
    /// Wait until nothing is in flight, at most this long; exit code 8 when that is not enough.
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "dry_run")]
    wait: Option<Duration>,
}

pub(super) async fn run(args: &Args, state: AdminState, context: &Context) -> Result<Exit, Failure> {
    change(args, |path| vec![Edit::state(path, state)], context).await
}

async fn change(args: &Args, make: impl Fn(&BackendPath) -> Vec<Edit>, context: &Context) -> Result<Exit, Failure> {
    let edits = |config: &_| {
        let found = args.backends.iter().map(|path| objects::backend(config, path).map(|_| make(path)));
        found.collect::<Result<Vec<_>, _>>().map(|edits| edits.concat())
    };
    commit_or_lease(context, (&args.options, &args.lease), Basis::Command, edits).await
}

pub(super) async fn drain(args: &DrainArgs, context: &Context) -> Result<Exit, Failure> {
    // Here the option of every verb says how long the drain may take.
    let context = &Context { timeout: TIMEOUT_DEFAULT, ..context.clone() };
    change(&args.drained, |path| args.edits(path), context).await?;
    let Some(limit) = args.wait else { return Ok(Exit::Ok) };
    let mut busy = Busy::new(&args.drained.backends);
    match timeout(limit, idle(context, &mut busy)).await {
        Ok(done) => done.map(|()| Exit::Ok),
        Err(_) => Err(busy.failure(limit)),
    }
}

async fn idle(context: &Context, busy: &mut Busy<'_>) -> Result<(), Failure> {
    let mut link = Link::open(context).await?;
    let topics = vec![Topic::Counters];
    let subscribe = Subscribe { topics, interval_ms: LOOK_INTERVAL_MS, filter: LogFilter::default() };
    link.ask(Verb::Subscribe(subscribe)).await?;
    while busy.total() > 0 {
        match link.event().await?.body {
            EventBody::Snapshot(status) => busy.snapshot(&status),
            EventBody::Counters(counters) => {
                for moved in &counters.backends {
                    busy.moved(&moved.group, &moved.name, moved.counters.inflight);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl DrainArgs {
    fn edits(&self, path: &BackendPath) -> Vec<Edit> {
        let state = if self.hard { AdminState::DrainingHard } else { AdminState::Draining };
        let timeout = self
            .timeout
            .map(|timeout| Edit::set(setting_path(path, "drain.timeout"), format!("\"{}ms\"", timeout.as_millis())));
        let then = self.then.map(|then| Edit::set(setting_path(path, "drain.then"), format!("\"{then}\"")));
        timeout.into_iter().chain(then).chain([Edit::state(path, state)]).collect()
    }
}

/// What is in flight on the backends being drained.
struct Busy<'a> {
    backends: Vec<(&'a BackendPath, u64)>,
}

impl<'a> Busy<'a> {
    /// Nothing is known yet, which counts as busy.
    fn new(backends: &'a [BackendPath]) -> Self {
        Self { backends: backends.iter().map(|path| (path, 1)).collect() }
    }

    fn snapshot(&mut self, status: &Status) {
        for (path, inflight) in &mut self.backends {
            let mut all = status.groups.iter().flat_map(|group| &group.backends);
            let found = all.find(|backend| backend.group == path.group && backend.name == path.backend);
            *inflight = found.map_or(0, |backend| backend.counters.inflight);
        }
    }

    fn moved(&mut self, group: &poise_ipc::Name, name: &poise_ipc::Name, now: u64) {
        for (path, inflight) in &mut self.backends {
            if path.group == *group && path.backend == *name {
                *inflight = now;
            }
        }
    }

    fn total(&self) -> u64 {
        self.backends.iter().map(|(_, inflight)| inflight).sum()
    }

    fn failure(&self, limit: Duration) -> Failure {
        let busy = self.backends.iter().filter(|(_, inflight)| *inflight > 0);
        let busy: Vec<_> = busy.map(|(path, inflight)| format!("{path} ({inflight})")).collect();
        let waited = span(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        let message = format!("{} still busy after {waited}: {}", count(busy.len(), "backend"), busy.join(", "));
        Failure::new(Exit::TimedOut, message).hint("they drain on; poise get backends shows what is in flight")
    }
}

#[cfg(test)]
mod tests;
