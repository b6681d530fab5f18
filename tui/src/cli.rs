//! The command line of `poise`: global options and the list of verbs.
//!
//! Each verb's arguments stand in its own file (`verb/…`); help, completions and man pages are all
//! made from these definitions. Nothing is run here.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use poise_ipc::transport::client_socket;

use crate::exit::Exit;
use crate::verb::{Command, Context, Format, duration};
use crate::{console, demo};

/// The operator's console and the script client of poised, the load balancer.
///
/// Without a verb it opens the console, or prints `poise status` when there is no terminal. What is
/// asked for goes to standard output, the same bytes on a terminal and in a pipe; everything else goes
/// to standard error, with -o json as one JSON object. Every JSON document carries its `schema_version`;
/// within a version fields are only added.
#[derive(Parser, Debug)]
#[command(name = "poise", version, after_help = Exit::help(), infer_subcommands = false, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(flatten)]
    pub(crate) console: console::Args,
    #[command(subcommand)]
    pub(crate) task: Option<Task>,
}

/// What there is to do besides the console.
#[derive(Subcommand, Debug)]
pub(crate) enum Task {
    #[command(flatten)]
    Verb(Command),
    /// Start a balancer with embedded backends and traffic, and show it
    #[command(after_help = "Examples:\n  poise demo\n  poise demo --plain --for 10s")]
    Demo(demo::Args),
}

/// Options of every verb.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every verb")]
pub(crate) struct Global {
    /// Socket of the daemon.
    #[arg(long, global = true, env = "POISE_SOCKET", hide_env_values = true, value_name = "PATH")]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    socket: Option<PathBuf>,
    /// Form of the output.
    #[arg(short, long, global = true, env = "POISE_OUTPUT", hide_env_values = true, value_name = "FORM")]
    #[arg(value_enum, default_value = "table", hide_default_value = true, hide_possible_values = true)]
    #[arg(help = "Form of the output: table, wide, tsv, json or jsonl")]
    output: Format,
    /// Time that the daemon has for each answer [default: 5s].
    #[arg(long, global = true, value_name = "DURATION")]
    #[arg(value_parser = duration)]
    // Without a default of clap's, which would pass for a word of the user in verbs that have a
    // `--timeout` of their own.
    timeout: Option<Duration>,
}

/// Time that the daemon has for each answer.
pub(crate) const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

impl Global {
    /// What the verbs need to know.
    pub(crate) fn context(&self, verb: &str) -> Context {
        let socket = self.socket.clone().unwrap_or_else(client_socket);
        let timeout = self.timeout.unwrap_or(TIMEOUT_DEFAULT);
        Context { client: format!("poise {verb}"), socket, timeout, format: self.output }
    }
}

#[cfg(test)]
mod tests;
