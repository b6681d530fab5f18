//! `poise entries`: which clients source persistence binds to which backends, and forgetting them.
//!
//! Pages are the daemon's; here they become one listing, sorted as people read it.

use clap::{Args as ClapArgs, Subcommand};
use poise_ipc::entries::{EntryFilter, EntryQuery, EntryRemoval, EntryRow};
use poise_ipc::limits::ENTRIES_REPLY_MAX;
use poise_ipc::message::{Reply, Verb};
use poise_ipc::model::Network;
use poise_ipc::{BackendPath, Name};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Column, Format, json, jsonl, listing};
use super::link::{Link, misfit};
use super::stdout::print;
use super::text::span;
use crate::exit::Exit;

/// Show which clients source persistence binds to which backends, and forget them.
#[derive(ClapArgs, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  poise entries --key 192.0.2.7
  poise entries --backend app/app-1 -o json | jq '.entries | length'
  poise entries rm --key 192.0.2.0/24 --listener web

With --key, not finding any is an error (exit code 3).")]
pub(crate) struct Args {
    #[command(flatten)]
    wanted: Wanted,
    /// How many at the most; all unless given.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand, Debug)]
enum Task {
    Rm(RmArgs),
}

/// Forget clients: they are scheduled anew when they come again.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise entries rm --backend app/app-1
  poise entries rm --all

What is open stays where it is. Not finding any is an error (exit code 3).")]
struct RmArgs {
    #[command(flatten)]
    wanted: Wanted,
    /// Every client of every listener.
    #[arg(long, conflicts_with = "Wanted", required_unless_present = "Wanted")]
    all: bool,
}

#[derive(ClapArgs, Debug)]
#[group(id = "Wanted", multiple = true)]
struct Wanted {
    /// Only this listener.
    #[arg(short, long, value_name = "NAME")]
    listener: Option<Name>,
    /// Only this client: an address, or a network such as 192.0.2.0/24.
    #[arg(short, long, value_name = "CLIENT")]
    key: Option<Network>,
    /// Only this backend, as GROUP/NAME.
    #[arg(short, long, value_name = "BACKEND")]
    backend: Option<BackendPath>,
}

impl Wanted {
    fn filter(&self) -> EntryFilter {
        EntryFilter { listener: self.listener.clone(), key: self.key, backend: self.backend.clone() }
    }
}

type Cell = Column<EntryRow>;

const COLUMNS: &[Cell] = &[
    Cell::text("LISTENER", |e| e.listener.to_string()),
    Cell::text("CLIENT", |e| e.key.to_string()),
    Cell::text("BACKEND", backend),
    Cell::number("IDLE", |e| span(e.idle_ms)).raw(|e| e.idle_ms.to_string()),
    Cell::number("REMAINING", |e| span(e.remaining_ms)).raw(|e| e.remaining_ms.to_string()),
];

/// The backend as operators name it; a dash when it has left the group.
fn backend(row: &EntryRow) -> String {
    row.backend.as_ref().map_or_else(|| "-".to_owned(), |backend| format!("{}/{backend}", row.group))
}

/// An entry in JSON.
#[derive(Serialize)]
struct Row<'a> {
    listener: &'a Name,
    key: Network,
    group: &'a Name,
    backend: Option<&'a Name>,
    idle_ms: u64,
    remaining_ms: u64,
}

fn row(entry: &EntryRow) -> Row<'_> {
    let EntryRow { listener, key, group, backend, idle_ms, remaining_ms } = entry;
    Row { listener, key: *key, group, backend: backend.as_ref(), idle_ms: *idle_ms, remaining_ms: *remaining_ms }
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    if let Some(Task::Rm(args)) = &args.task {
        return remove(args, context.format, &mut link).await;
    }
    let filter = args.wanted.filter();
    let rows = found(&mut link, &filter, args.limit).await?;
    if rows.is_empty() && filter.key.is_some() {
        return Err(none(&filter));
    }
    print(&table(context.format, &rows))?;
    Ok(Exit::Ok)
}

/// The entries, page by page, as many as are wanted.
async fn found(link: &mut Link, filter: &EntryFilter, limit: Option<u32>) -> Result<Vec<EntryRow>, Failure> {
    let mut missing = limit.unwrap_or(u32::MAX);
    let (mut rows, mut after) = (Vec::new(), None);
    while missing > 0 {
        let query = EntryQuery { filter: filter.clone(), limit: missing.min(ENTRIES_REPLY_MAX), after };
        let Reply::Entries(page) = link.ask(Verb::Entries(query)).await? else { return Err(misfit()) };
        missing = missing.saturating_sub(u32::try_from(page.rows.len()).unwrap_or(u32::MAX));
        rows.extend(page.rows);
        after = page.more;
        if after.is_none() {
            break;
        }
    }
    rows.sort_unstable_by(|a, b| (&a.listener, a.key).cmp(&(&b.listener, b.key)));
    Ok(rows)
}

fn table(format: Format, rows: &[EntryRow]) -> String {
    listing(format, "entries", COLUMNS, rows, row)
}

async fn remove(args: &RmArgs, format: Format, link: &mut Link) -> Result<Exit, Failure> {
    let filter = args.wanted.filter();
    let removal = EntryRemoval { filter: filter.clone(), all: args.all };
    let Reply::EntriesRemoved { removed } = link.ask(Verb::EntriesRemove(removal)).await? else { return Err(misfit()) };
    if removed == 0 {
        return Err(none(&filter));
    }
    print(&said(format, removed))?;
    Ok(Exit::Ok)
}

/// How many were removed, in JSON.
#[derive(Serialize)]
struct Removed {
    removed: u64,
}

fn said(format: Format, removed: u64) -> String {
    match format {
        Format::Table | Format::Wide => {
            let nouns = if removed == 1 { "entry" } else { "entries" };
            format!("{removed} {nouns} removed\n")
        }
        Format::Tsv => format!("{removed}\n"),
        Format::Json => json(&Removed { removed }),
        Format::Jsonl => jsonl(&Removed { removed }),
    }
}

/// Nobody is remembered who meets the conditions.
fn none(filter: &EntryFilter) -> Failure {
    let EntryFilter { listener, key, backend } = filter;
    let told = [
        key.map(|key| format!(" for {key}")),
        listener.as_ref().map(|listener| format!(" at listener {listener}")),
        backend.as_ref().map(|backend| format!(" to backend {backend}")),
    ];
    let message = format!("no persistence entry{}", told.into_iter().flatten().collect::<String>());
    let place = key.map_or_else(|| "entries".to_owned(), |key| key.to_string());
    Failure::not_found(place, message)
}

#[cfg(test)]
mod tests;
