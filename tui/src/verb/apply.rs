//! `poise apply` and `poise diff`: makes the running configuration what a file says, or shows what
//! that would change.
//!
//! Applying is idempotent: what is there already changes nothing and makes no revision.

use clap::Args as ClapArgs;
use poise_ipc::message::{Apply, Replace, Verb};

use super::Context;
use super::changes::{comparison, outcome};
use super::commit::Options;
use super::failure::Failure;
use super::link::Link;
use super::source::{FileArg, Source};
use super::stdout::print;
use crate::exit::Exit;

/// Make the running configuration what a file says.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise apply -f poise.toml --dry-run
  poise config show | sed 's/wrr/wlc/' | poise apply -f - --reason 'try wlc'
  echo '[{\"set\": {\"path\": \"groups.app.scheduler\", \"value\": \"wlc\"}}]' | poise apply -f -")]
pub(crate) struct Args {
    #[command(flatten)]
    source: FileArg,
    #[command(flatten)]
    options: Options,
}

/// Show what a file would change, value by value.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise diff -f poise.toml
  poise diff -f poise.toml -o json > edits.json && poise apply -f edits.json")]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    source: FileArg,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let source = Source::read(&args.source.file)?;
    let mut link = Link::open(context).await?;
    let (_, before) = link.config().await?;
    let Options { dry_run, if_revision, reason, window } = args.options.clone();
    let window = window.wish();
    let verb = match source {
        Source::Whole(_, text) => Verb::Replace(Replace { text, if_revision, dry_run, reason, window }),
        Source::Edits(edits) => Verb::Apply(Apply { edits, if_revision, dry_run, reason, window }),
    };
    let applied = link.change(verb).await?;
    print(&outcome(context.format, &before, &applied, dry_run))?;
    Ok(Exit::Ok)
}

pub(super) async fn diff(args: &DiffArgs, context: &Context) -> Result<Exit, Failure> {
    let source = Source::read(&args.source.file)?;
    let (revision, running) = Link::open(context).await?.config().await?;
    let edits = source.edits_from(&running)?;
    print(&comparison(context.format, revision, &running, &edits))?;
    Ok(Exit::Ok)
}
