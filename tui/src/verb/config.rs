//! `poise config`: checks a file without a daemon, shows the running configuration, compares it
//! with the operator's file and reads that file again.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use poise_ipc::Config;
use poise_ipc::advice::{Finding, findings};
use poise_ipc::fault::Fault;
use poise_ipc::message::{Reply, Take, Verb};
use poise_ipc::text::parse;
use serde::Serialize;

use super::Context;
use super::changes::{comparison, outcome};
use super::failure::Failure;
use super::format::{Format, json, jsonl};
use super::link::{Link, misfit};
use super::rows::finding::word;
use super::source::{name, text};
use super::stdout::print;
use super::text::{count, lines};
use crate::exit::Exit;

/// Check, show, compare and reload configurations.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise config check poise.toml
  poise config show > running.toml
  poise config diff
  poise config reload --take file")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Check a file without a daemon; faults are `FILE:LINE:COLUMN` on stderr and exit code 7.
    Check {
        /// The file; - is standard input.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Print the running configuration as TOML, or with -o json as the wire type.
    Show,
    /// Show what the operator's file would change in the running configuration.
    Diff,
    /// Read the operator's file again.
    Reload {
        /// Which side wins when the file and the running configuration have both changed.
        #[arg(long, value_enum)]
        take: Option<Side>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Side {
    /// The operator's file.
    File,
    /// The running configuration; the file stays as it is and counts as taken.
    Running,
}

impl From<Side> for Take {
    fn from(side: Side) -> Self {
        match side {
            Side::File => Self::File,
            Side::Running => Self::Running,
        }
    }
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.action {
        Action::Check { file } => {
            let (report, outcome) = check(context.format, &name(file), &text(file)?);
            print(&report)?;
            outcome
        }
        Action::Show => show(context).await,
        Action::Diff => drift(context).await,
        Action::Reload { take } => reload(context, take.map(Take::from)).await,
    }
}

/// The verdict on a file in JSON.
#[derive(Serialize)]
struct Checked<'a> {
    file: &'a str,
    valid: bool,
    faults: &'a [Fault],
    findings: &'a [Finding],
}

/// What is said on standard output, and how it ends.
fn check(format: Format, file: &str, text: &str) -> (String, Result<Exit, Failure>) {
    let parsed = parse(text);
    let advice = parsed.as_ref().map(findings).unwrap_or_default();
    let faults = parsed.as_ref().err().map(Vec::as_slice).unwrap_or_default();
    let document = Checked { file, valid: faults.is_empty(), faults, findings: &advice };
    let report = match (format, &parsed) {
        (Format::Json, _) => json(&document),
        (Format::Jsonl, _) => jsonl(&document),
        (_, Ok(config)) => praise(file, config, &advice),
        (_, Err(_)) => String::new(),
    };
    let outcome = match parsed {
        Ok(_) => Ok(Exit::Ok),
        // The document has said it.
        Err(_) if matches!(format, Format::Json | Format::Jsonl) => Ok(Exit::Invalid),
        Err(faults) => Err(Failure::invalid(file, faults)),
    };
    (report, outcome)
}

fn praise(file: &str, config: &Config, advice: &[Finding]) -> String {
    let backends = config.groups.values().map(|group| group.backends.len()).sum();
    let listeners = count(config.listeners.len(), "listener");
    let (groups, backends) = (count(config.groups.len(), "group"), count(backends, "backend"));
    let head = format!("{file} is valid: {listeners}, {groups}, {backends}, {}", count(advice.len(), "finding"));
    let advice = advice.iter().map(|finding| {
        let Finding { code, severity, subject, message, remedy } = finding;
        format!("{}: {subject}: {message} ({code}); {remedy}", word(*severity))
    });
    lines(std::iter::once(head).chain(advice))
}

/// The running configuration in JSON.
#[derive(Serialize)]
struct Running {
    revision: u64,
    config: Config,
}

async fn show(context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let text = match context.format {
        Format::Table | Format::Wide | Format::Tsv => match link.ask(Verb::ConfigText).await? {
            Reply::ConfigText { text, .. } => lines(text.lines()),
            _ => return Err(misfit()),
        },
        Format::Json | Format::Jsonl => {
            let (revision, config) = link.config().await?;
            let running = Running { revision, config };
            if context.format == Format::Json { json(&running) } else { jsonl(&running) }
        }
    };
    print(&text)?;
    Ok(Exit::Ok)
}

async fn drift(context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let (revision, running) = link.config().await?;
    let Reply::Drift { file, edits } = link.ask(Verb::Drift).await? else { return Err(misfit()) };
    if file.is_none() {
        return Err(Failure::not_found("config", "poised runs without a configuration file")
            .hint("poised --config FILE names one; poise config show prints what is running"));
    }
    print(&comparison(context.format, revision, &running, &edits))?;
    Ok(Exit::Ok)
}

async fn reload(context: &Context, take: Option<Take>) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let (_, before) = link.config().await?;
    let applied = link.change(Verb::Reload { take }).await.map_err(|failure| match failure.hint {
        None if failure.exit == Exit::Conflict => failure.hint("--take file or --take running decides"),
        _ => failure,
    })?;
    print(&outcome(context.format, &before, &applied, false))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests;
