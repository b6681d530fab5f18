//! `poise health`: questions about the health of one backend, and what can be done about it.
//!
//! One file per question. What they print is made there; the daemon answers.

mod check;
mod exchange;
mod readmit;
mod why;

use clap::{Args as ClapArgs, Subcommand};

use super::Context;
use super::failure::Failure;
use crate::exit::Exit;

/// Ask about the health of a backend.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise health check app/app-1
  poise health why app/app-1 --at 14:02
  poise health readmit app/app-1")]
pub(crate) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand, Debug)]
enum Task {
    Check(check::Args),
    Readmit(readmit::Args),
    Why(why::Args),
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.task {
        Task::Check(args) => check::run(args, context).await,
        Task::Readmit(args) => readmit::run(args, context).await,
        Task::Why(args) => why::run(args, context).await,
    }
}
