//! `poise errors`: the requests and responses that were refused last, with the byte at fault.
//!
//! What peers sent is only ever shown as hexadecimal digits and as ASCII with dots, so that no
//! terminal takes it for a command. What is kept, and for how long, is the daemon's to say.

use clap::Args as ClapArgs;
use poise_ipc::Name;
use poise_ipc::errors::{ErrorQuery, ErrorRow};
use poise_ipc::message::{Reply, Verb};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Column, Format, listing};
use super::link::{Link, misfit};
use super::objects;
use super::stdout::print;
use super::text::{clean, moment};
use crate::dump::{self, Extent};
use crate::exit::Exit;

/// Show the requests and responses that were refused last, with the byte at fault.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise errors
  poise errors --listener web -n 5
  poise errors -o json | jq -r '.errors[] | [.at, .cause, .reason] | @tsv'

They hold what peers sent, credentials included: the role operate is needed. The daemon keeps the
last 64 of each listener in memory, 1 KiB around the byte at fault.")]
pub(crate) struct Args {
    /// Only those of this listener.
    #[arg(short, long, value_name = "NAME")]
    listener: Option<Name>,
    /// How many at the most, 1 to 1000.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    if let Some(listener) = &args.listener {
        objects::listener(&link.config().await?.1, listener.as_str())?;
    }
    let query = ErrorQuery { listener: args.listener.clone(), limit: args.limit, after_seq: 0 };
    let Reply::Errors(page) = link.ask(Verb::Errors(query)).await? else { return Err(misfit()) };
    print(&shown(context.format, &page.rows, page.skipped_total))?;
    Ok(Exit::Ok)
}

type Cell = Column<ErrorRow>;

const COLUMNS: &[Cell] = &[
    Cell::number("N", |e| e.seq.to_string()),
    Cell::text("AT", |e| moment(e.at_ms)),
    Cell::text("LISTENER", |e| e.listener.to_string()),
    Cell::text("SIDE", |e| e.side.word().to_owned()),
    Cell::text("PEER", |e| e.peer.to_string()),
    Cell::text("BACKEND", |e| backend(e).unwrap_or_else(|| "-".to_owned())),
    Cell::text("CAUSE", |e| e.cause.to_string()),
    Cell::number("OFFSET", |e| e.offset.to_string()),
    Cell::text("REASON", |e| e.reason.clone()),
];

fn backend(row: &ErrorRow) -> Option<String> {
    Some(format!("{}/{}", row.group.as_ref()?, row.backend.as_ref()?))
}

/// A refused message in JSON.
#[derive(Serialize)]
struct Row<'a> {
    seq: u64,
    at: String,
    at_ms: u64,
    listener: &'a Name,
    side: &'static str,
    group: Option<&'a Name>,
    backend: Option<&'a Name>,
    peer: String,
    cause: &'static str,
    reason: &'a str,
    offset: u64,
    /// Where the excerpt begins.
    start: u64,
    /// The byte at fault, unless something is missing.
    byte: Option<u8>,
    /// The excerpt in hexadecimal digits.
    excerpt: &'a str,
    /// The excerpt with dots for what is not printable ASCII.
    text: String,
}

fn row(error: &ErrorRow) -> Row<'_> {
    let bytes = error.bytes();
    Row {
        seq: error.seq,
        at: moment(error.at_ms),
        at_ms: error.at_ms,
        listener: &error.listener,
        side: error.side.word(),
        group: error.group.as_ref(),
        backend: error.backend.as_ref(),
        peer: error.peer.to_string(),
        cause: error.cause.word(),
        reason: &error.reason,
        offset: error.offset,
        start: error.start,
        byte: dump::at_fault(error, &bytes),
        excerpt: &error.excerpt,
        text: dump::ascii(&bytes),
    }
}

fn shown(format: Format, errors: &[ErrorRow], skipped: u64) -> String {
    if format != Format::Table {
        return listing(format, "errors", COLUMNS, errors, row);
    }
    let mut out: String = errors.iter().map(block).collect();
    if errors.is_empty() {
        out.push_str("no message was refused\n");
    }
    if skipped > 0 {
        out = format!("{out}{skipped} more came too fast to be kept\n");
    }
    out
}

/// How much of a message people see.
const EXTENT: Extent = Extent { width: 16, context: 3 };

/// A message for people: who, why, and the bytes round the fault.
fn block(error: &ErrorRow) -> String {
    let from = match (error.side.word(), backend(error)) {
        ("response", Some(backend)) => format!("{backend} for {}", error.peer),
        (_, Some(backend)) => format!("{} for {backend}", error.peer),
        (_, None) => error.peer.to_string(),
    };
    let bytes = error.bytes();
    let byte = dump::word(error, &bytes);
    let around: String = dump::around(error, &bytes, EXTENT).into_iter().map(|line| line + "\n").collect();
    format!(
        "{} {} on {} from {from}: {}\n  {}: {byte} at offset {}\n{around}\n",
        moment(error.at_ms),
        error.side.word(),
        error.listener,
        error.cause,
        clean(&error.reason),
        error.offset,
    )
}

#[cfg(test)]
mod tests;
