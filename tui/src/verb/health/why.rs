//! `poise health why`: how a backend was at a moment, and why, in a sentence, rows and bytes.
//!
//! The daemon looks it up in the whole health log; the sentence (`told`) is made from the rows alone.

use clap::Args as ClapArgs;
use poise_ipc::BackendPath;
use poise_ipc::health::{WhyAnswer, WhyQuery};
use poise_ipc::message::{Reply, Verb};
use poise_ipc::status::Health;
use serde::Serialize;

use super::exchange::ExchangeRow;
use crate::exit::Exit;
use crate::told::{Digits, exchange as lines, why as sentence};
use crate::verb::Context;
use crate::verb::failure::Failure;
use crate::verb::format::{Format, Table, json, jsonl, tsv};
use crate::verb::link::{Link, misfit};
use crate::verb::objects;
use crate::verb::rows::check::{COLUMNS, LogRow, row};
use crate::verb::stdout::print;
use crate::verb::text::moment;
use crate::verb::when::{When, now_ms, past_ms, when};

/// Say how a backend was at a moment, and why: the sentence, the rows around it, the bytes.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise health why app/app-1
  poise health why app/app-1 --at 14:02
  poise health why app/app-1 --at 2h -o json | jq -r .sentence

Times are in UTC. Ends with 0 when there is an answer, with 3 when neither the configuration nor the
health log knows the backend.")]
pub(crate) struct Args {
    /// The backend, as GROUP/NAME.
    #[arg(value_name = "BACKEND")]
    backend: BackendPath,
    /// The moment: 2h (ago), 14:02, 14:02:05 or 2026-11-23T14:02:05Z [default: now].
    #[arg(long, value_name = "WHEN", value_parser = when)]
    at: Option<When>,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let path = &args.backend;
    let at_ms = args.at.map(|at| past_ms("--at", at, now_ms())).transpose()?;
    let mut link = Link::open(context).await?;
    let query = WhyQuery { group: path.group.clone(), backend: path.backend.clone(), at_ms };
    let answer = match link.ask(Verb::Why(query)).await {
        Ok(Reply::Why(answer)) => answer,
        Ok(_) => return Err(misfit()),
        // The names of the configuration may hold the one that was meant.
        Err(failure) if failure.exit == Exit::NotFound => {
            objects::backend(&link.config().await?.1, path)?;
            return Err(failure);
        }
        Err(failure) => return Err(failure),
    };
    print(&shown(context.format, path, &answer))?;
    Ok(Exit::Ok)
}

/// The answer in JSON.
#[derive(Serialize)]
struct Document<'a> {
    backend: String,
    at: String,
    at_ms: u64,
    sentence: String,
    health: Health,
    since_ms: u64,
    transition: Option<LogRow<'a>>,
    ended: Option<LogRow<'a>>,
    rows: Vec<LogRow<'a>>,
    exchange: Option<ExchangeRow>,
}

impl<'a> Document<'a> {
    fn new(path: &BackendPath, why: &'a WhyAnswer) -> Self {
        Self {
            backend: path.to_string(),
            at: moment(why.at_ms),
            at_ms: why.at_ms,
            sentence: sentence(why),
            health: why.health,
            since_ms: why.since_ms,
            transition: why.transition.as_ref().map(row),
            ended: why.ended.as_ref().map(row),
            rows: why.rows.iter().map(row).collect(),
            exchange: why.exchange.as_ref().map(ExchangeRow::from),
        }
    }
}

fn shown(format: Format, path: &BackendPath, why: &WhyAnswer) -> String {
    match format {
        Format::Json => json(&Document::new(path, why)),
        Format::Jsonl => jsonl(&Document::new(path, why)),
        Format::Tsv => why.rows.iter().map(|row| tsv(COLUMNS, row)).collect(),
        Format::Table | Format::Wide => told(path, why, format == Format::Wide),
    }
}

fn told(path: &BackendPath, why: &WhyAnswer, wide: bool) -> String {
    let mut out = format!("{path} at {}: {}\n", moment(why.at_ms), sentence(why));
    if !why.rows.is_empty() {
        out.push('\n');
        out.push_str(&Table::new(COLUMNS, wide).print(&why.rows));
    }
    if let Some(exchange) = &why.exchange {
        out.push('\n');
        out.extend(lines(exchange, Digits::Wide).into_iter().map(|line| line + "\n"));
    }
    out
}

#[cfg(test)]
mod tests;
