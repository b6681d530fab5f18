//! `poise history`: the newest commits, who made them and why.

use clap::Args as ClapArgs;
use poise_ipc::edit::Edit;
use poise_ipc::message::{Author, Commit, Reply, Verb};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Column, Format, listing};
use super::link::{Link, misfit};
use super::stdout::print;
use super::text::moment;
use crate::exit::Exit;

/// Changes of a commit that the table shows; the other forms show all.
const CHANGES_SHOWN_MAX: usize = 2;

/// Show the newest commits, newest first.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise history -n 5
  poise history -n 1 -o json | jq '.commits[0].inverse' | poise apply -f -      (takes the last one back)")]
pub(crate) struct Args {
    /// How many at the most, 1 to 1000.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

type Cell = Column<Commit>;

const COLUMNS: &[Cell] = &[
    Cell::number("REVISION", |c| c.revision.to_string()),
    Cell::text("AT", |c| moment(c.at_ms)),
    Cell::text("USER", |c| c.author.user.clone()),
    Cell::text("CHANGES", |c| summary(&c.edits)).raw(|c| joined(c.edits.iter().map(Edit::to_string))),
    Cell::text("REASON", |c| c.reason.clone().unwrap_or_default()),
    Cell::number("PID", |c| c.author.pid.to_string()).wide(),
];

/// The first changes, whole objects without what is in them.
fn summary(edits: &[Edit]) -> String {
    let brief = |edit: &Edit| match edit {
        Edit::Set { path, value } if value.starts_with('{') => format!("{path} = {{ ... }}"),
        other => other.to_string(),
    };
    let shown = joined(edits.iter().take(CHANGES_SHOWN_MAX).map(brief));
    match edits.len().saturating_sub(CHANGES_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown}; {more} more"),
    }
}

fn joined(edits: impl Iterator<Item = String>) -> String {
    edits.collect::<Vec<_>>().join("; ")
}

/// A commit in JSON.
#[derive(Serialize)]
struct Row<'a> {
    revision: u64,
    at: String,
    at_ms: u64,
    author: &'a Author,
    reason: Option<&'a str>,
    edits: &'a [Edit],
    inverse: &'a [Edit],
}

fn row(commit: &Commit) -> Row<'_> {
    Row {
        revision: commit.revision,
        at: moment(commit.at_ms),
        at_ms: commit.at_ms,
        author: &commit.author,
        reason: commit.reason.as_deref(),
        edits: &commit.edits,
        inverse: &commit.inverse,
    }
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let Reply::History { commits } = link.ask(Verb::History { limit: args.limit }).await? else {
        return Err(misfit());
    };
    print(&table(context.format, &commits))?;
    Ok(Exit::Ok)
}

fn table(format: Format, commits: &[Commit]) -> String {
    listing(format, "commits", COLUMNS, commits, row)
}

#[cfg(test)]
mod tests;
