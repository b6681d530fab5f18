//! `poise apply` and `poise diff`: makes the running configuration what a file says, or shows what
//! that would change.
//!
//! Applying is idempotent: what is there already changes nothing and makes no revision.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use poise_ipc::message::{Apply, Replace, Verb};

use super::changes::{comparison, outcome};
use super::commit::Options;
use super::failure::Failure;
use super::link::Link;
use super::source::{FileArg, Source};
use super::stdout::print;
use super::{Context, rollback};
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

/// Show what a file would change, or what lies between two revisions, value by value.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise diff -f poise.toml
  poise diff 410 412
  poise diff 410
  poise diff -f poise.toml -o json > edits.json && poise apply -f edits.json")]
pub(crate) struct DiffArgs {
    /// The revision to begin with.
    #[arg(value_name = "A", required_unless_present = "file", conflicts_with = "file")]
    from: Option<u64>,
    /// The revision to end with; the running one unless said.
    #[arg(value_name = "B")]
    to: Option<u64>,
    /// TOML, or edits as JSON; - is standard input.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
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
    match (&args.file, args.from) {
        (Some(file), _) => {
            let source = Source::read(file)?;
            let (revision, running) = Link::open(context).await?.config().await?;
            print(&comparison(context.format, revision, &running, &source.edits_from(&running)?))?;
        }
        (None, Some(from)) => {
            let mut link = Link::open(context).await?;
            let before = rollback::at(&mut link, from).await?;
            let after = match args.to {
                Some(to) => rollback::at(&mut link, to).await?,
                None => link.config().await?.1,
            };
            print(&comparison(context.format, from, &before, &poise_ipc::diff::diff(&before, &after)))?;
        }
        (None, None) => return Err(Failure::new(Exit::Usage, "name a file or a revision")),
    }
    Ok(Exit::Ok)
}
