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
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use poise_ipc::client::Client;
use poise_ipc::message::{Reply, Verb};
use poise_ipc::status::Status;
use poised::demo::{Backends, DIRECTORY_PREFIX, Listeners, STATE, make_certificate};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::plain::Balance;
use self::stage::Stage;
use crate::console;

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
    /// Print the balance for this long, as in 10s, and end [default without a terminal: 10s]
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
        WORLD_VERB => Some(outcome(&poised::demo::world(Path::new(rest.first()?)))),
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

/// Runs the demo to its end: with the console on a terminal, else with lines.
///
/// # Errors
/// When the daemon or the world around it does not come up, or the terminal cannot be used.
pub fn run(args: &Args, console: &console::Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stop = Stop::listen().context("listen for signals")?;
        let mut stage = Stage::open(args.workers)?;
        let up = tokio::select! {
            up = start(&mut stage) => up?,
            // A demo that a signal has ended has ended well: that is how one ends it.
            () = stop.asked() => return Ok(ExitCode::SUCCESS),
        };
        if !args.plain && args.span.is_none() && console::is_present() {
            // The console ends at signals by itself, with the terminal given back.
            let status = console::show(&stage.socket(), console).await?;
            return Ok(ExitCode::from(status.code()));
        }
        let socket = stage.socket();
        tokio::select! {
            done = print(up, &socket, args.span) => done.map(|()| ExitCode::SUCCESS),
            () = stop.asked() => Ok(ExitCode::SUCCESS),
        }
    })
}

async fn start(stage: &mut Stage) -> anyhow::Result<(Client, Status)> {
    let (client, status) = stage.daemon_up().await?;
    stage.start_traffic(&listeners(&status)?)?;
    Ok((client, status))
}

/// Where the daemon accepts: the kernel chose the ports.
fn listeners(status: &Status) -> anyhow::Result<Listeners> {
    let bind = |name: &str| {
        let listener = status.listeners.iter().find(|listener| listener.name.as_str() == name);
        listener.and_then(|listener| listener.bind.ip()).with_context(|| format!("the daemon shows no listener {name}"))
    };
    Ok(Listeners { http: bind(config::HTTP_LISTENER)?, tcp: bind(config::TCP_LISTENER)? })
}

/// Prints where the demo can be reached, then its balance once a second for `span`.
async fn print((mut client, status): (Client, Status), socket: &Path, span: Option<Duration>) -> anyhow::Result<()> {
    if !written(plain::print(&plain::opening(&status, socket)))? {
        return Ok(());
    }
    let endless = span.is_none() && io::stdout().is_terminal();
    let end = Instant::now() + span.unwrap_or(PLAIN_DEFAULT);
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

/// The signals that end the demo, listened to before there is anything to clean up.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns at the first signal. Cancel safe.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
