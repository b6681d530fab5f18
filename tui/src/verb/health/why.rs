//! `poise health why`: how a backend was at a moment, and why, in a sentence, rows and bytes.
//!
//! The daemon looks it up in the whole health log; the sentence is made here, from the rows alone.

use clap::Args as ClapArgs;
use poise_ipc::BackendPath;
use poise_ipc::health::{WhyAnswer, WhyQuery};
use poise_ipc::message::{Reply, Verb};
use poise_ipc::status::{CheckRow, Health};
use serde::Serialize;

use super::exchange::{ExchangeRow, lines};
use crate::exit::Exit;
use crate::verb::Context;
use crate::verb::failure::Failure;
use crate::verb::format::{Format, Table, json, jsonl, tsv};
use crate::verb::link::{Link, misfit};
use crate::verb::objects;
use crate::verb::rows::check::{COLUMNS, LogRow, row};
use crate::verb::stdout::print;
use crate::verb::text::{latency, moment};
use crate::verb::when::{When, now_ms, when};

const DAY_MS: u64 = 86_400_000;
/// Silence after a row that is worth a word, in milliseconds, if the row says nothing of its cadence.
const QUIET_MS: u64 = 60_000;

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
    let mut link = Link::open(context).await?;
    let at_ms = args.at.map(|at| at.at_ms(now_ms()));
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
        out.extend(lines(exchange).into_iter().map(|line| line + "\n"));
    }
    out
}

/// `down since 14:02:11, 3 x fail connect refused; last pass 14:02:05 in 1.2 ms; up again 14:05:40`.
fn sentence(why: &WhyAnswer) -> String {
    let clock = |at_ms| clock(at_ms, why.at_ms);
    let mut parts = vec![match &why.transition {
        Some(row) => format!("{} since {}, {} x {}", why.health, clock(row.last_ms), row.streak, row.verdict),
        None if why.since_ms > 0 => format!("{} since {}", why.health, clock(why.since_ms)),
        None if why.rows.is_empty() => format!("{}, the log has nothing of it", why.health),
        None if why.rows[0].first_ms > why.at_ms => {
            format!("{}, the log of it begins {}", why.health, clock(why.rows[0].first_ms))
        }
        None => format!("{}, since when the log does not say", why.health),
    }];
    parts.extend(last_other(why).map(|row| {
        let (at, verdict) = (clock(row.last_ms), &row.verdict);
        if verdict.passed() {
            format!("last pass {at} in {}", latency(row.latency_us_mean))
        } else {
            format!("last failure {at}, {verdict}")
        }
    }));
    parts.extend(quiet(why).map(|(from_ms, to_ms)| match to_ms {
        Some(to_ms) => format!("not probed from {} to {}", clock(from_ms), clock(to_ms)),
        None => format!("not probed since {}", clock(from_ms)),
    }));
    parts.extend(why.ended.as_ref().and_then(|row| {
        let to = row.transition?;
        Some(format!("{to} again {}", clock(row.last_ms)))
    }));
    parts.join("; ")
}

/// The last row of the other outcome before the transition.
fn last_other(why: &WhyAnswer) -> Option<&CheckRow> {
    let turned = why.transition.as_ref()?;
    let other = |row: &&CheckRow| row.seq < turned.seq && row.verdict.passed() != turned.verdict.passed();
    why.rows.iter().rev().find(other)
}

/// The time around the moment in which no probe was made, where there was such a time.
fn quiet(why: &WhyAnswer) -> Option<(u64, Option<u64>)> {
    let row = why.rows.iter().rev().find(|row| row.first_ms <= why.at_ms)?;
    let cadence_ms = (row.last_ms - row.first_ms).checked_div(u64::from(row.count).saturating_sub(1));
    let quiet_ms = cadence_ms.map_or(QUIET_MS, |cadence_ms| QUIET_MS.max(3 * cadence_ms));
    let next = why.rows.iter().find(|next| next.first_ms > why.at_ms).map(|next| next.first_ms);
    let is_quiet = why.at_ms.saturating_sub(row.last_ms) > quiet_ms;
    is_quiet.then_some((row.last_ms, next))
}

/// The time of a moment, with its date unless that is the day asked about.
fn clock(at_ms: u64, day_of_ms: u64) -> String {
    let whole = moment(at_ms);
    match whole.split_once('T') {
        Some((_, time)) if at_ms / DAY_MS == day_of_ms / DAY_MS => time.chars().take(8).collect(),
        _ => whole,
    }
}

#[cfg(test)]
mod tests;
