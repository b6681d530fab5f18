//! `poise set`: gives values at paths new values, all of them as one commit.

use clap::Args as ClapArgs;
use poise_ipc::Config;
use poise_ipc::edit::Edit;

use super::commit::{Basis, Lease, Options, commit_or_lease};
use super::failure::Failure;
use super::{Context, objects};
use crate::exit::Exit;

/// Give values at paths new values, as one commit.
#[derive(ClapArgs, Debug)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "Examples:
  poise set groups.app.backends.app-1.weight 50
  poise set groups.app.health_check.interval 1s groups.app.scheduler wlc
  poise set groups.app.scheduler wlc --confirm-within 60s --trip '5xx>1%' && poise confirm
  poise set groups.app.health_check '{ protocol = \"http\", path = \"/healthz\" }'")]
pub(crate) struct Args {
    /// A path and its value, once or more. Values as in the file; texts need no quotes.
    #[arg(required = true, value_names = ["PATH", "VALUE"], num_args = 2..)]
    pairs: Vec<String>,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    lease: Lease,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let pairs = pairs(&args.pairs)?;
    commit_or_lease(context, (&args.options, &args.lease), Basis::Command, |config| edits(config, &pairs)).await
}

fn pairs(words: &[String]) -> Result<Vec<(&str, &str)>, Failure> {
    let (pairs, rest) = words.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|[path, value]| (path.as_str(), value.as_str())).collect()),
        [path, ..] => Err(Failure::new(Exit::Usage, format!("no value for {path}"))
            .hint("paths and values come in pairs: poise set PATH VALUE [PATH VALUE]...")),
    }
}

fn edits(config: &Config, pairs: &[(&str, &str)]) -> Result<Vec<Edit>, Failure> {
    let edit = |&(path, value): &(&str, &str)| {
        objects::holder(config, path)?;
        Ok(Edit::set(path, value))
    };
    pairs.iter().map(edit).collect()
}

#[cfg(test)]
mod tests;
