//! `poise history`: the commits, who made them and why.

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
use super::when::{When, now_ms, when};
use crate::exit::Exit;

/// Changes of a commit that the table shows; the other forms show all.
const CHANGES_SHOWN_MAX: usize = 2;
/// Commits that are asked for at once.
const PAGE: u32 = 200;

/// Show the newest commits, newest first.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise history -n 5
  poise history --since 1h --user ops
  poise history --path groups.app.backends.app-1
  poise history -n 1 -o json | jq '.commits[0].inverse' | poise apply -f -      (takes the last one back)")]
pub(crate) struct Args {
    /// How many at the most, 1 to 1000.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only those before this revision.
    #[arg(long, value_name = "REVISION")]
    before: Option<u64>,
    /// Only those since then: 2h ago, 14:02, 2026-11-23T14:02:05Z.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,
    /// Only those of this user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only those that changed something at this path or below it.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
}

type Cell = Column<Commit>;

const COLUMNS: &[Cell] = &[
    Cell::number("REVISION", |c| c.revision.to_string()),
    Cell::text("AT", |c| moment(c.at_ms)),
    Cell::text("USER", |c| c.author.user.clone()),
    Cell::text("CHANGES", |c| summary(&c.edits)).raw(|c| joined(c.edits.iter().map(Edit::to_string))),
    Cell::text("REASON", |c| c.reason.clone().unwrap_or_default()),
    Cell::number("PID", |c| c.author.pid.to_string()).wide(),
    Cell::text("BY", |c| c.author.client.clone()).wide(),
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

impl Args {
    fn takes(&self, commit: &Commit) -> bool {
        self.user.as_ref().is_none_or(|user| commit.author.user == *user)
            && self.path.as_ref().is_none_or(|path| commit.edits.iter().any(|edit| touches(edit.path(), path)))
    }
}

/// Whether an edit at one path changes what stands at another or below it.
pub(super) fn touches(edited: &str, path: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    within(edited, path) || within(path, edited)
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let since_ms = args.since.map_or(0, |since| since.at_ms(now_ms()));
    let (mut found, mut before) = (Vec::new(), args.before);
    let wanted = args.limit as usize;
    while found.len() < wanted {
        let ask =
            Verb::History { limit: if args.user.is_some() || args.path.is_some() { PAGE } else { args.limit }, before };
        let Reply::History { commits } = link.ask(ask).await? else { return Err(misfit()) };
        let Some(last) = commits.last() else { break };
        before = Some(last.revision);
        let is_over = last.at_ms < since_ms;
        found.extend(commits.into_iter().filter(|commit| commit.at_ms >= since_ms && args.takes(commit)));
        if is_over {
            break;
        }
    }
    found.truncate(wanted);
    print(&table(context.format, &found))?;
    Ok(Exit::Ok)
}

fn table(format: Format, commits: &[Commit]) -> String {
    listing(format, "commits", COLUMNS, commits, row)
}

#[cfg(test)]
mod tests;
