//! `poise test`: plays a client against the balancer and says what came of it.
//!
//! `persistence` is the one trial so far. It changes nothing; the balancer counts its requests like
//! anybody's.

mod fetch;
mod jar;
mod judge;
mod persistence;
pub(super) mod url;

use clap::{Args as ClapArgs, Subcommand};

use super::Context;
use super::failure::Failure;
use crate::exit::Exit;

/// Play a client against the balancer and say what came of it.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  poise test persistence http://127.0.0.1:8080/ -n 30")]
pub(crate) struct Args {
    #[command(subcommand)]
    trial: Trial,
}

#[derive(Subcommand, Debug)]
enum Trial {
    Persistence(persistence::Args),
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.trial {
        Trial::Persistence(args) => persistence::run(args, context).await,
    }
}
