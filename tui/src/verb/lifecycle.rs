//! `poise upgrade` and `poise shutdown`: the life of the daemon's process.
//!
//! The daemon does both; this asks, waits and says what came of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use poise_ipc::message::{Reply, Shutdown, Stopping, Upgrade, Upgraded, Verb};
use poise_ipc::status::PredecessorStatus;
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Format, json, jsonl};
use super::link::{Link, misfit};
use super::stdout::print;
use super::text::{moment, span};
use super::words::duration;
use crate::cli::TIMEOUT_DEFAULT;
use crate::exit::Exit;

/// How long an upgrade may take, unless it is told otherwise: as long as the daemon gives its steps.
const UPGRADE_TIMEOUT: Duration = Duration::from_mins(2);
/// Time between two looks at whether a process has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How much later than announced a process may end: its last connections are cut one by one.
const GRACE_MS: u64 = 5_000;

/// Let another program take over without a connection being refused or cut.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise upgrade
  poise upgrade --wait
  poise upgrade --binary /usr/local/lib/poise/1.4/poised

The new process gets the very sockets of the old one, so nothing that waits in them is lost, and what the
old one knows. The old one ends when its open connections have, at the latest after --drain-time. When
the new one fails in any way, the old one goes on as if nothing had been: exit code 1.")]
pub(crate) struct UpgradeArgs {
    /// The program [default: the file that the daemon was started from]; for root and the daemon's user.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Wait until the old process has ended too.
    #[arg(long)]
    wait: bool,
}

/// Drain the daemon and end it.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise shutdown
  poise shutdown --within 5m --no-wait
  poise shutdown --now")]
pub(crate) struct ShutdownArgs {
    /// How long open connections may go on, at most 1h [default: the daemon's --drain-time].
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "now")]
    within: Option<Duration>,
    /// Cut them at once.
    #[arg(long)]
    now: bool,
    /// Return as soon as it drains.
    #[arg(long)]
    no_wait: bool,
}

/// What came of an upgrade, in JSON.
#[derive(Serialize)]
struct UpgradeDocument<'a> {
    #[serde(flatten)]
    upgraded: &'a Upgraded,
    took_ms: u64,
    /// Whether the old process has ended.
    ended: bool,
}

/// What came of a stop, in JSON.
#[derive(Serialize)]
struct ShutdownDocument<'a> {
    #[serde(flatten)]
    stopping: &'a Stopping,
    ended: bool,
}

pub(super) async fn upgrade(args: &UpgradeArgs, context: &Context) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let binary = args.binary.as_ref().map(|path| absolute(path)).transpose()?;
    let patient = patient(context, UPGRADE_TIMEOUT);
    let answer = Link::open(&patient).await?.ask(Verb::Upgrade(Upgrade { binary })).await?;
    let Reply::Upgraded(upgraded) = answer else { return Err(misfit()) };
    let took_ms = millis(begun.elapsed());
    if args.wait {
        while let Some(left) = left(context, upgraded.predecessor).await? {
            if now_ms() > left.until_ms.saturating_add(GRACE_MS) {
                let message = format!("process {} has not ended: {} open there", left.pid, left.open);
                return Err(Failure::new(Exit::TimedOut, message));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
    let document = UpgradeDocument { upgraded: &upgraded, took_ms, ended: args.wait };
    print(&match context.format {
        Format::Table | Format::Wide => upgrade_text(&document),
        Format::Tsv => format!("{}\t{}\t{}\t{took_ms}\n", upgraded.pid, upgraded.version, upgraded.predecessor),
        Format::Json => json(&document),
        Format::Jsonl => jsonl(&document),
    })?;
    Ok(Exit::Ok)
}

fn upgrade_text(document: &UpgradeDocument<'_>) -> String {
    let UpgradeDocument { upgraded, took_ms, ended } = document;
    let Upgraded { pid, version, predecessor, from, until_ms } = upgraded;
    let old = if *ended {
        format!("process {predecessor} has ended")
    } else {
        format!("process {predecessor} drains until {} at the latest", moment(*until_ms))
    };
    format!("process {pid} (poised {version}, before {from}) serves after {}; {old}\n", span(*took_ms))
}

/// How the old process is doing, while it lives.
async fn left(context: &Context, pid: u32) -> Result<Option<PredecessorStatus>, Failure> {
    let status = Link::open(context).await?.status().await?;
    Ok(status.daemon.predecessors.into_iter().find(|one| one.pid == pid))
}

pub(super) async fn shutdown(args: &ShutdownArgs, context: &Context) -> Result<Exit, Failure> {
    let within_ms = if args.now { Some(0) } else { args.within.map(millis) };
    let mut link = Link::open(context).await?;
    let answer = link.ask(Verb::Shutdown(Shutdown { within_ms })).await?;
    let Reply::Stopping(stopping) = answer else { return Err(misfit()) };
    if !args.no_wait {
        // The connection ends with the daemon.
        let left = Duration::from_millis(stopping.until_ms.saturating_sub(now_ms()).saturating_add(GRACE_MS));
        let ended = async { while link.event().await.is_ok() {} };
        if tokio::time::timeout(left, ended).await.is_err() {
            return Err(Failure::new(Exit::TimedOut, format!("process {} has not ended", stopping.pid)));
        }
        // It has yet to let go of its state, which the next one needs.
        let entry = PathBuf::from(format!("/proc/{}", stopping.pid));
        let gone = async {
            while entry.exists() {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        // A process whose parent does not look stays in the list.
        let _ = tokio::time::timeout(Duration::from_millis(GRACE_MS), gone).await;
    }
    let document = ShutdownDocument { stopping: &stopping, ended: !args.no_wait };
    print(&match context.format {
        Format::Table | Format::Wide if document.ended => format!("process {} has ended\n", stopping.pid),
        Format::Table | Format::Wide => {
            format!("process {} drains until {} at the latest\n", stopping.pid, moment(stopping.until_ms))
        }
        Format::Tsv => format!("{}\t{}\n", stopping.pid, stopping.until_ms),
        Format::Json => json(&document),
        Format::Jsonl => jsonl(&document),
    })?;
    Ok(Exit::Ok)
}

/// A path as the daemon needs it, which may run elsewhere.
fn absolute(path: &std::path::Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path);
    let absolute = absolute.map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", path.display())))?;
    let text = absolute.into_os_string().into_string();
    text.map_err(|path| Failure::new(Exit::Usage, format!("{} is no text", path.display())))
}

/// The context with a longer time, unless one was asked for.
fn patient(context: &Context, timeout: Duration) -> Context {
    let timeout = if context.timeout == TIMEOUT_DEFAULT { timeout } else { context.timeout };
    Context { timeout, ..context.clone() }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    millis(since.unwrap_or_default())
}

#[cfg(test)]
mod tests;
