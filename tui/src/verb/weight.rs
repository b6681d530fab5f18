//! `poise weight`: sets the weight of backends, or steps it.

use std::str::FromStr;

use clap::Args as ClapArgs;
use poise_ipc::edit::{Edit, setting_path};
use poise_ipc::limits::WEIGHT;
use poise_ipc::{BackendPath, Config};

use super::commit::{Basis, Lease, Options, commit_or_lease};
use super::failure::Failure;
use super::{Context, objects};
use crate::exit::Exit;

/// Set or step the weight of backends.
#[derive(ClapArgs, Debug)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "Examples:
  poise weight app/app-1 50
  poise weight app/app-1 app/app-2 +10
  poise weight app/app-1 -10
  poise weight app/app-1 0 --for 30m --reason INC-42")]
pub(crate) struct Args {
    /// Backends, as GROUP/NAME.
    #[arg(required = true, value_name = "BACKEND")]
    backends: Vec<BackendPath>,
    /// New weight, 0 to 1000, or a step such as +10 or -10.
    #[arg(value_name = "WEIGHT")]
    weight: Weight,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    lease: Lease,
}

/// A weight as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// This weight.
    To(u16),
    /// So much more or less than now.
    By(i32),
}

impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = (WEIGHT.start(), WEIGHT.end());
        let refuse = |_| format!("a weight is {low} to {high}, or a step such as +10 or -10");
        if text.starts_with(['+', '-']) {
            return text.parse().map(Self::By).map_err(refuse);
        }
        let weight = text.parse().map_err(refuse)?;
        if WEIGHT.contains(&weight) { Ok(Self::To(weight)) } else { Err(format!("a weight is {low} to {high}")) }
    }
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let basis = match args.weight {
        Weight::To(_) => Basis::Command,
        Weight::By(_) => Basis::Config,
    };
    commit_or_lease(context, (&args.options, &args.lease), basis, |config| edits(config, args)).await
}

fn edits(config: &Config, args: &Args) -> Result<Vec<Edit>, Failure> {
    let edit = |path: &BackendPath| {
        let now = objects::backend(config, path)?.weight;
        Ok(Edit::weight(path, stepped(path, now, args.weight)?))
    };
    args.backends.iter().map(edit).collect()
}

fn stepped(path: &BackendPath, now: u16, weight: Weight) -> Result<u16, Failure> {
    let by = match weight {
        Weight::To(weight) => return Ok(weight),
        Weight::By(by) => by,
    };
    let wanted = i64::from(now) + i64::from(by);
    let (low, high) = (WEIGHT.start(), WEIGHT.end());
    u16::try_from(wanted).ok().filter(|weight| WEIGHT.contains(weight)).ok_or_else(|| {
        let message = format!("the weight of {path} is {now}; a step of {by:+} would make it {wanted}");
        Failure::new(Exit::Invalid, message).at(setting_path(path, "weight")).hint(format!("allowed: {low} to {high}"))
    })
}

#[cfg(test)]
mod tests;
