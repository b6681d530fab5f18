//! `poise rollback` and `poise undo`: makes the configuration what it was, as a new revision.

use clap::Args as ClapArgs;
use poise_ipc::Config;
use poise_ipc::diff::diff;
use poise_ipc::edit::Edit;
use poise_ipc::message::{Reply, Verb};
use poise_ipc::text::parse;

use super::Context;
use super::commit::{Basis, Options, commit};
use super::failure::Failure;
use super::history::touches;
use super::link::{Link, misfit};
use crate::exit::Exit;

/// Make the configuration what it was at a revision.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise rollback 412 --dry-run
  poise rollback 412 --confirm-within 60s && poise confirm
  poise rollback 412 --only groups.app --only listeners.web")]
pub(crate) struct Args {
    /// The revision, as `poise history` shows it.
    #[arg(value_name = "REVISION")]
    revision: u64,
    /// Only what stands at this path or below it: an object or a setting. May be repeated.
    #[arg(long, value_name = "PATH")]
    only: Vec<String>,
    #[command(flatten)]
    options: Options,
}

/// Take the last commits back.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise undo
  poise undo 3 --dry-run
  poise undo && poise undo      (the second takes the first back)")]
pub(crate) struct UndoArgs {
    /// How many.
    #[arg(value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let to = at(&mut Link::open(context).await?, args.revision).await?;
    let options = with_reason(&args.options, format!("rollback to {}", args.revision));
    commit(context, &options, Basis::Config, |now| Ok(edits(now, &to, &args.only))).await
}

pub(super) async fn undo(args: &UndoArgs, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let (now, _) = link.config().await?;
    let Some(revision) = now.checked_sub(args.count).filter(|&revision| revision > 0) else {
        let message = format!("revision {now} is running; there are not {} commits to take back", args.count);
        return Err(Failure::new(Exit::NotFound, message));
    };
    let to = at(&mut link, revision).await?;
    let what = if args.count == 1 { format!("undo {now}") } else { format!("undo {} to {now}", revision + 1) };
    let mut options = with_reason(&args.options, what);
    // Whoever was faster has made another last commit.
    options.if_revision = options.if_revision.or(Some(now));
    commit(context, &options, Basis::Config, |now| Ok(edits(now, &to, &[]))).await
}

fn with_reason(options: &Options, reason: String) -> Options {
    Options { reason: options.reason.clone().or(Some(reason)), ..options.clone() }
}

/// The configuration as it was at a revision.
pub(super) async fn at(link: &mut Link, revision: u64) -> Result<Config, Failure> {
    let Reply::ConfigText { text, .. } = link.ask(Verb::ConfigAt { revision }).await? else { return Err(misfit()) };
    parse(&text).map_err(|faults| Failure::invalid(&format!("revision {revision}"), faults))
}

/// The edits that lead there, those only that stand at these paths if there are any.
fn edits(now: &Config, to: &Config, only: &[String]) -> Vec<Edit> {
    let mut edits = diff(now, to);
    if !only.is_empty() {
        edits.retain(|edit| only.iter().any(|path| touches(edit.path(), path)));
    }
    edits
}

#[cfg(test)]
mod tests;
