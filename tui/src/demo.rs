//! `poise demo`: a real daemon on a real configuration, embedded backends, bounded traffic, and the
//! console on top of it.
//!
//! The one file of this package that names `poised`: `cargo run` builds one binary, so the demo runs
//! that binary again under two hidden verbs, one for the daemon and one for the world around it.
//! Everything it starts ends with it, and its state directory is temporary.

mod config;
mod plain;
mod stage;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use poise_ipc::client::Client;
use poise_ipc::message::{Reply, Verb};
use poise_ipc::status::Status;
use poised::demo::{Backends, Listeners};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::plain::Balance;
use self::stage::Stage;

/// The hidden verb that is `poised`.
const DAEMON_VERB: &str = "__daemon";
/// The hidden verb that is the demo's backends and clients.
const WORLD_VERB: &str = "__demo-world";
/// How long the demo runs without a terminal unless told.
const PLAIN_DEFAULT: Duration = Duration::from_secs(10);
/// Time between two blocks of lines.
const BLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// The options of `poise demo`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Print the balance once a second instead of opening the console
    #[arg(long)]
    pub plain: bool,
    /// Print the balance for this long, as in 10s, then end [default without a terminal: 10s]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub span: Option<Duration>,
    /// Worker threads of the daemon [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
}

fn duration(text: &str) -> Result<Duration, String> {
    poise_ipc::text::duration(text).map_err(|fault| fault.to_string())
}

/// Runs a hidden verb, if the command line (without the program's name) is one.
pub fn hidden(args: &[OsString]) -> Option<ExitCode> {
    let (verb, rest) = args.split_first()?;
    match verb.to_str()? {
        DAEMON_VERB => Some(daemon(rest)),
        WORLD_VERB => Some(outcome(&poised::demo::world())),
        _ => None,
    }
}

fn daemon(args: &[OsString]) -> ExitCode {
    if poised::demo::stop_with_input().is_err() {
        return ExitCode::FAILURE;
    }
    poised::main_from(std::iter::once(OsString::from("poised")).chain(args.iter().cloned()))
}

fn outcome(result: &io::Result<()>) -> ExitCode {
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the demo to its end.
///
/// # Errors
/// When the daemon or the world around it does not come up, or the terminal cannot be written to.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = show(args) => done,
            stopped = stop_signal() => stopped.map(|()| ExitCode::SUCCESS).context("listen for signals"),
        }
    })
}

async fn show(args: &Args) -> anyhow::Result<ExitCode> {
    let mut stage = Stage::open(args.workers)?;
    let (mut client, status) = stage.daemon_up().await?;
    stage.start_traffic(&listeners(&status)?)?;
    if !written(plain::print(&plain::opening(&status, &stage.socket())))? {
        return Ok(ExitCode::SUCCESS);
    }
    balance(&mut client, args).await?;
    Ok(ExitCode::SUCCESS)
}

/// Where the daemon accepts: the kernel chose the ports.
fn listeners(status: &Status) -> anyhow::Result<Listeners> {
    let bind = |name: &str| {
        let listener = status.listeners.iter().find(|listener| listener.name.as_str() == name);
        listener.map(|listener| listener.bind).with_context(|| format!("the daemon shows no listener {name}"))
    };
    Ok(Listeners { http: bind(config::HTTP_LISTENER)?, tcp: bind(config::TCP_LISTENER)? })
}

/// Prints the balance once a second.
async fn balance(client: &mut Client, args: &Args) -> anyhow::Result<()> {
    let endless = args.span.is_none() && io::stdout().is_terminal();
    let end = Instant::now() + args.span.unwrap_or(PLAIN_DEFAULT);
    let mut beat = interval(BLOCK_INTERVAL);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut balance = Balance::default();
    loop {
        tokio::select! {
            () = sleep_until(end), if !endless => return Ok(()),
            _ = beat.tick() => {}
        }
        let Reply::Status(status) = client.request(Verb::Status).await? else {
            anyhow::bail!("the daemon answers something else than its status");
        };
        if !written(plain::print(&balance.block(&status)))? {
            return Ok(());
        }
    }
}

/// Whether there is still someone who reads the lines.
fn written(outcome: io::Result<()>) -> io::Result<bool> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

/// Returns at SIGINT, SIGTERM or SIGHUP.
async fn stop_signal() -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
