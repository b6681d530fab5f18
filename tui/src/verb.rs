//! The script verbs: arguments become requests, answers become tables or JSON, failures exit codes.
//!
//! One file per verb. Rendering is pure (`format`, `rows`, `changes`); only `link` talks to the
//! daemon and only `stdout` prints. Nothing here asks back: every verb runs to its end on its own.

mod add;
mod apply;
mod audit;
mod certificates;
mod changes;
mod commit;
mod completions;
mod config;
mod describe;
mod edit;
mod entries;
mod errors;
mod explain;
mod export;
mod failure;
mod format;
mod get;
mod health;
mod history;
mod layers;
mod lifecycle;
mod link;
mod logs;
mod man;
mod objects;
mod plan;
mod rm;
mod rollback;
mod route_test;
mod rows;
mod set;
mod source;
mod sources;
mod state;
mod status;
mod stdout;
pub(crate) mod text;
mod trial;
mod wait;
mod watch;
mod weight;
mod when;
mod window;
mod words;

#[cfg(test)]
mod fixture;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use poise_ipc::model::AdminState;

pub use failure::Failure;
pub use format::Format;
pub(crate) use words::duration;

use crate::exit::Exit;

/// What every verb needs to know.
#[derive(Clone, Debug)]
pub struct Context {
    /// What it is called in history and audit.
    pub client: String,
    /// Socket of the daemon.
    pub socket: PathBuf,
    /// Time that the daemon has for each answer.
    pub timeout: Duration,
    /// Form of the output.
    pub format: Format,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Status(status::Args),
    Get(get::Args),
    Describe(describe::Args),
    Set(set::Args),
    Weight(weight::Args),
    /// Take no new clients to backends; those that persistence binds still come.
    Drain(state::DrainArgs),
    /// Let backends take traffic again.
    #[command(after_help = "Example:\n  poise enable app/app-1 app/app-2")]
    Enable(state::Args),
    /// Put backends into maintenance: no traffic and no health checks.
    #[command(after_help = "Example:\n  poise disable app/app-1 --reason 'new disk'")]
    Disable(state::Args),
    Add(add::Args),
    Rm(rm::Args),
    Apply(apply::Args),
    Diff(apply::DiffArgs),
    Plan(plan::Args),
    Edit(edit::Args),
    Entries(entries::Args),
    Errors(errors::Args),
    Explain(explain::Args),
    Certificates(certificates::Args),
    Health(health::Args),
    Logs(logs::Args),
    Watch(watch::Args),
    Wait(wait::Args),
    History(history::Args),
    Rollback(rollback::Args),
    Undo(rollback::UndoArgs),
    Audit(audit::Args),
    Confirm(window::ConfirmArgs),
    Window(window::Args),
    Layers(layers::Args),
    Ramp(layers::RampArgs),
    Sources(sources::Args),
    #[command(name = "route-test")]
    RouteTest(route_test::Args),
    Test(trial::Args),
    Config(config::Args),
    Upgrade(lifecycle::UpgradeArgs),
    Shutdown(lifecycle::ShutdownArgs),
    Completions(completions::Args),
    Man(man::Args),
    #[command(name = "__complete", hide = true)]
    Complete(completions::NamesArgs),
}

impl Command {
    /// What is shown without a verb when there is no terminal for the console.
    pub(crate) fn status() -> Self {
        Self::Status(status::Args::default())
    }

    /// Whether its output has no end.
    const fn streams(&self) -> bool {
        match self {
            Self::Logs(args) => args.follows(),
            Self::Watch(_) => true,
            _ => false,
        }
    }
}

/// Runs a verb and says how it ended.
pub(crate) fn run(command: Command, context: &Context) -> Exit {
    let outcome = runtime().and_then(|runtime| runtime.block_on(until_stopped(command, context)));
    outcome.unwrap_or_else(|failure| {
        complain(&failure, context.format);
        failure.exit
    })
}

/// Says on standard error why something failed.
pub(crate) fn complain(failure: &Failure, format: Format) {
    // A terminal that is gone cannot be told.
    let _ = io::stderr().write_all(failure.report(format).as_bytes());
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::new(Exit::Failed, format!("start: {error}")))
}

/// The verb, or what ends it first: Ctrl-C, or the reader of a stream going away.
async fn until_stopped(command: Command, context: &Context) -> Result<Exit, Failure> {
    let streams = command.streams();
    tokio::select! {
        biased;
        outcome = dispatch(command, context) => outcome,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        () = stdout::reader_gone(), if streams => Ok(Exit::Ok),
    }
}

async fn dispatch(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Status(args) => status::run(&args, context).await,
        Command::Get(args) => get::run(&args, context).await,
        Command::Describe(args) => describe::run(&args, context).await,
        Command::Set(args) => set::run(&args, context).await,
        Command::Weight(args) => weight::run(&args, context).await,
        Command::Drain(args) => state::drain(&args, context).await,
        Command::Enable(args) => state::run(&args, AdminState::Enabled, context).await,
        Command::Disable(args) => state::run(&args, AdminState::Disabled, context).await,
        Command::Add(args) => add::run(&args, context).await,
        Command::Rm(args) => rm::run(&args, context).await,
        Command::Apply(args) => apply::run(&args, context).await,
        Command::Diff(args) => apply::diff(&args, context).await,
        Command::Plan(args) => plan::run(&args, context).await,
        Command::Edit(args) => edit::run(&args, context).await,
        Command::Certificates(args) => certificates::run(&args, context).await,
        Command::Entries(args) => entries::run(&args, context).await,
        Command::Errors(args) => errors::run(&args, context).await,
        Command::Explain(args) => explain::run(&args, context).await,
        Command::Health(args) => health::run(&args, context).await,
        Command::Logs(args) => logs::run(&args, context).await,
        Command::Watch(args) => watch::run(&args, context).await,
        Command::Wait(args) => wait::run(&args, context).await,
        Command::History(args) => history::run(&args, context).await,
        Command::Rollback(args) => rollback::run(&args, context).await,
        Command::Undo(args) => rollback::undo(&args, context).await,
        Command::Audit(args) => audit::run(&args, context).await,
        Command::Confirm(args) => window::confirm(&args, context).await,
        Command::Window(args) => window::run(&args, context).await,
        Command::Layers(args) => layers::run(&args, context).await,
        Command::Ramp(args) => layers::ramp(&args, context).await,
        Command::Sources(args) => sources::run(&args, context).await,
        Command::RouteTest(args) => route_test::run(&args, context).await,
        Command::Test(args) => trial::run(&args, context).await,
        Command::Config(args) => config::run(&args, context).await,
        Command::Upgrade(args) => lifecycle::upgrade(&args, context).await,
        Command::Shutdown(args) => lifecycle::shutdown(&args, context).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Complete(args) => completions::names(&args, context).await,
    }
}
