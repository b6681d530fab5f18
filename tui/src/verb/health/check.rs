//! `poise health check`: probes a backend now, from the daemon, and shows all of it.
//!
//! Phase by phase with its time, the verdict, the bytes both ways and the command that does the same
//! from a shell. What came over the wire is shown as safe text or as digits, never as it is.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args as ClapArgs;
use poise_ipc::BackendPath;
use poise_ipc::health::{BackendQuery, ProbeAnswer};
use poise_ipc::message::{Reply, Verb};
use poise_ipc::model::{Address, CheckProtocol};
use poise_ipc::status::Phases;
use serde::Serialize;

use super::exchange::ExchangeRow;
use crate::exit::Exit;
use crate::told::{Digits, from, probe, reading};
use crate::verb::Context;
use crate::verb::failure::Failure;
use crate::verb::format::{Column, Format, json, jsonl, tsv};
use crate::verb::link::{Link, misfit};
use crate::verb::objects;
use crate::verb::rows::check::VerdictRow;
use crate::verb::stdout::print;
use crate::verb::text::latency;

/// Time for the answer to arrive beyond that of the probe itself.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// Probe a backend now, from the daemon; its health does not change by it.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise health check app/app-1
  poise health check app/app-1 -o json | jq '.phases'

The probe is that of the group's health check. Ends with 0 when it passes, with 10 when it fails or
proves nothing. The role operate is needed.")]
pub(crate) struct Args {
    /// The backend, as GROUP/NAME.
    #[arg(value_name = "BACKEND")]
    backend: BackendPath,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let path = &args.backend;
    let config = Link::open(context).await?.config().await?.1;
    objects::backend(&config, path)?;
    let probe_ms = config.groups.get(&path.group).map_or(0, |group| group.health_check.timeout_ms);
    let timeout = context.timeout.max(Duration::from_millis(probe_ms.into()) + ANSWER_WAIT);
    let mut link = Link::open(&Context { timeout, ..context.clone() }).await?;
    let query = BackendQuery { group: path.group.clone(), backend: path.backend.clone() };
    let Reply::Probed(answer) = link.ask(Verb::Probe(query)).await? else { return Err(misfit()) };
    print(&shown(context.format, path, &answer))?;
    Ok(if answer.verdict.passed() { Exit::Ok } else { Exit::Degraded })
}

type Cell = Column<ProbeAnswer>;

const COLUMNS: &[Cell] = &[
    Cell::text("ADDRESS", |a| a.address.to_string()),
    Cell::text("SOURCE", |a| from(a).unwrap_or_else(|| "-".to_owned())),
    Cell::text("CHECK", |a| a.protocol.to_string()),
    Cell::text("VERDICT", |a| a.verdict.to_string()),
    Cell::number("TIME", |a| latency(a.latency_us)).raw(|a| a.latency_us.to_string()),
    Cell::text("REPLAY", |a| a.replay.clone()),
];

/// A probe in JSON.
#[derive(Serialize)]
struct Row<'a> {
    backend: String,
    address: &'a Address,
    peer: Option<&'a Address>,
    source: Option<&'a Address>,
    way: Option<IpAddr>,
    protocol: CheckProtocol,
    #[serde(flatten)]
    verdict: VerdictRow,
    latency_us: u64,
    phases: Phases,
    #[serde(flatten)]
    exchange: ExchangeRow,
    replay: &'a str,
    reading: Option<String>,
}

fn row<'a>(path: &BackendPath, answer: &'a ProbeAnswer) -> Row<'a> {
    Row {
        backend: path.to_string(),
        address: &answer.address,
        peer: answer.peer.as_ref(),
        source: answer.source.as_ref(),
        way: answer.way,
        protocol: answer.protocol,
        verdict: (&answer.verdict).into(),
        latency_us: answer.latency_us,
        phases: answer.phases,
        exchange: (&answer.exchange).into(),
        replay: &answer.replay,
        reading: reading(answer),
    }
}

fn shown(format: Format, path: &BackendPath, answer: &ProbeAnswer) -> String {
    match format {
        Format::Json => json(&row(path, answer)),
        Format::Jsonl => jsonl(&row(path, answer)),
        Format::Tsv => tsv(COLUMNS, answer),
        Format::Table | Format::Wide => told(path, answer),
    }
}

fn told(path: &BackendPath, answer: &ProbeAnswer) -> String {
    probe(path, answer, Digits::Wide).join("\n") + "\n"
}

#[cfg(test)]
mod tests;
