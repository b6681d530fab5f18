//! `poise audit`: who asked for what, and what became of it.

use clap::Args as ClapArgs;
use poise_ipc::message::{AuditOutcome, AuditQuery, AuditRow, Reply, Verb};

use super::Context;
use super::failure::Failure;
use super::format::{Column, Format, listing};
use super::link::{Link, misfit};
use super::stdout::print;
use super::text::{count, moment};
use super::when::{When, now_ms, when};
use crate::exit::Exit;

/// Show who asked to change something, and what became of it, newest first.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise audit -n 20
  poise audit --refused --since 1h
  poise audit --all -o jsonl > audit.jsonl")]
pub(crate) struct Args {
    /// How many at the most, 1 to 1000.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// All there are, to be exported.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Only since then: 2h ago, 14:02, 2026-11-23T14:02:05Z.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,
    /// Only of this user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only of this verb, as in assets/roles.md.
    #[arg(long, value_name = "VERB")]
    verb: Option<String>,
    /// Only what was refused.
    #[arg(long, conflicts_with = "done")]
    refused: bool,
    /// Only what was done.
    #[arg(long)]
    done: bool,
}

type Cell = Column<AuditRow>;

const COLUMNS: &[Cell] = &[
    Cell::number("SEQ", |r| r.seq.to_string()),
    Cell::text("AT", |r| moment(r.at_ms)),
    Cell::text("USER", |r| r.author.user.clone()),
    Cell::text("BY", |r| r.author.client.clone()),
    Cell::text("WHAT", |r| r.what.clone()),
    Cell::text("OUTCOME", |r| outcome(&r.outcome)),
    Cell::text("VERB", |r| r.verb.clone()).wide(),
    Cell::text("ROLE", |r| r.role.word().to_owned()).wide(),
    Cell::number("UID", |r| r.author.uid.to_string()).wide(),
    Cell::number("PID", |r| r.author.pid.to_string()).wide(),
];

fn outcome(outcome: &AuditOutcome) -> String {
    match outcome {
        AuditOutcome::Done { revision: Some(revision) } => format!("revision {revision}"),
        AuditOutcome::Done { revision: None } => "done".to_owned(),
        AuditOutcome::Refused { message, .. } => format!("refused: {message}"),
    }
}

impl Args {
    fn query(&self, before_seq: Option<u64>) -> AuditQuery {
        AuditQuery {
            limit: if self.all { 1_000 } else { self.limit },
            before_seq,
            since_ms: self.since.map_or(0, |since| since.at_ms(now_ms())),
            user: self.user.clone(),
            verb: self.verb.clone(),
            refused: if self.refused { Some(true) } else { self.done.then_some(false) },
        }
    }
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let mut found = Vec::new();
    let lost = loop {
        let before = found.last().map(|row: &AuditRow| row.seq);
        let Reply::Audit { rows, lost_total } = link.ask(Verb::Audit(args.query(before))).await? else {
            return Err(misfit());
        };
        let is_last = rows.is_empty();
        found.extend(rows);
        if is_last || (!args.all && found.len() >= args.limit as usize) {
            break lost_total;
        }
    };
    if !args.all {
        found.truncate(args.limit as usize);
    }
    print(&(table(context.format, &found) + &lost_rows(context.format, lost)))?;
    Ok(Exit::Ok)
}

/// What is to be said of rows that the disk was too slow for, where people read.
fn lost_rows(format: Format, lost_total: u64) -> String {
    if lost_total == 0 || !matches!(format, Format::Table | Format::Wide) {
        return String::new();
    }
    let rows = count(usize::try_from(lost_total).unwrap_or(usize::MAX), "row");
    format!("{rows} lost since poised started: the disk was slower than requests\n")
}

fn table(format: Format, rows: &[AuditRow]) -> String {
    listing(format, "audit", COLUMNS, rows, |row| row)
}

#[cfg(test)]
mod tests;
