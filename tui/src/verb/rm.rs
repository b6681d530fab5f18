//! `poise rm`: removes backends, groups, listeners, or what stands at a path.
//!
//! A removed setting returns to its default. A group that a listener still uses stays: the daemon
//! refuses.

use clap::Args as ClapArgs;
use poise_ipc::Config;
use poise_ipc::apply::get;
use poise_ipc::edit::{Edit, backend_path};

use super::commit::{Basis, Options, commit};
use super::failure::Failure;
use super::{Context, objects};
use crate::exit::Exit;

/// Remove backends, groups, listeners, or what stands at paths.
#[derive(ClapArgs, Debug)]
#[command(
    override_usage = "poise rm backend GROUP/NAME...\n       poise rm group NAME...\n       \
                      poise rm listener NAME...\n       poise rm PATH...",
    after_help = "Examples:
  poise rm backend app/app-7
  poise rm listener web
  poise rm groups.app.health_check.interval      (back to its default)"
)]
pub(crate) struct Args {
    /// `backend`, `group` or `listener` and names, or paths.
    #[arg(required = true, value_name = "WHAT")]
    words: Vec<String>,
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    commit(context, &args.options, Basis::Command, |config| edits(config, &args.words)).await
}

fn edits(config: &Config, words: &[String]) -> Result<Vec<Edit>, Failure> {
    let Some((kind, names)) = words.split_first() else { return Err(nameless("nothing")) };
    let path: fn(&Config, &str) -> Result<String, Failure> = match kind.as_str() {
        "backend" | "backends" => backend,
        "group" | "groups" => |config, name| objects::group(config, name).map(|_| format!("groups.{name}")),
        "listener" | "listeners" => |config, name| objects::listener(config, name).map(|_| format!("listeners.{name}")),
        _ => return words.iter().map(|word| at_path(config, word)).collect(),
    };
    if names.is_empty() {
        return Err(nameless(kind));
    }
    names.iter().map(|name| Ok(Edit::remove(path(config, name)?))).collect()
}

fn backend(config: &Config, name: &str) -> Result<String, Failure> {
    let path = name.parse().map_err(|error| Failure::new(Exit::Usage, format!("{name}: {error}")))?;
    objects::backend(config, &path)?;
    Ok(backend_path(&path))
}

fn at_path(config: &Config, path: &str) -> Result<Edit, Failure> {
    objects::holder(config, path)?;
    match get(config, path) {
        Some(_) => Ok(Edit::remove(path)),
        None => Err(Failure::not_found(path, format!("nothing stands at {path}"))),
    }
}

fn nameless(kind: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{kind} to remove is not named")).hint("as in: poise rm backend app/app-7")
}

#[cfg(test)]
mod tests;
