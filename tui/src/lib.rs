//! `poise`: the operator's console and the script client of `poised`.
//!
//! The library holds everything; `main.rs` only hands over. It speaks to a daemon through
//! `poise-ipc` alone and decides nothing about traffic.

pub mod cli;
pub mod console;
pub mod demo;
mod dump;
pub mod exit;
pub mod safe;
mod told;
pub mod verb;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use cli::{Cli, Task};
use exit::Exit;
use verb::{Command, Failure};

/// Reads the command line, does what it asks and says how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<_> = args.into_iter().collect();
    if let Some(code) = demo::hidden(args.get(1..).unwrap_or_default()) {
        return code;
    }
    let matches = Cli::command().try_get_matches_from(args);
    // For history and audit.
    let verb = matches.as_ref().ok().and_then(clap::ArgMatches::subcommand_name).unwrap_or("status").to_owned();
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a terminal that is gone cannot be told.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    let context = cli.global.context(&verb);
    match cli.task {
        Some(Task::Demo(args)) => demo::run(&args, &cli.console).unwrap_or_else(|error| {
            verb::complain(&Failure::new(Exit::Failed, format!("{error:#}")), context.format);
            Exit::Failed.into()
        }),
        Some(Task::Verb(command)) => verb::run(command, &context).into(),
        None if console::is_present() => open(&context, &cli.console),
        None => verb::run(Command::status(), &context).into(),
    }
}

/// Opens the console.
fn open(context: &verb::Context, args: &console::Args) -> ExitCode {
    match console::run(&context.socket, args) {
        Ok(status) => ExitCode::from(status.code()),
        Err(error) => {
            verb::complain(&Failure::new(Exit::Failed, format!("{:#}", anyhow::Error::new(error))), context.format);
            Exit::Failed.into()
        }
    }
}
