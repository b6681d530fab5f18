//! `poise layers` and `poise ramp`: values in force above the configured ones, for a time.

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use poise_ipc::BackendPath;
use poise_ipc::edit::Edit;
use poise_ipc::message::{
    LayerAct, LayerEnd, LayerEnded, LayerQuery, LayerStatus, LeaseQuery, RampQuery, Reply, Trip, Verb,
};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Column, Format, json, jsonl, listing};
use super::link::{Link, misfit};
use super::stdout::print;
use super::text::{clean, moment};
use super::words::duration;
use crate::exit::Exit;

/// Show leases and ramps, end them, or give them more time.
#[derive(ClapArgs, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  poise layers
  poise layers --ended
  poise layers cancel 3
  poise layers extend 3 --for 30m
  poise layers hold 4 && poise layers resume 4")]
pub(crate) struct Args {
    /// Those that have ended since poised started, the newest last.
    #[arg(long)]
    ended: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand, Debug)]
enum Task {
    /// End it: what is configured is in force again.
    Cancel {
        /// Its number, as `poise layers` shows it.
        id: u64,
    },
    /// Give a lease more time, from now on: 1s to 30d.
    Extend {
        /// Its number.
        id: u64,
        /// The time left from now on.
        #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
        span: Duration,
    },
    /// Keep a ramp at the weight of now.
    Hold {
        /// Its number.
        id: u64,
    },
    /// Let a ramp go on from there.
    Resume {
        /// Its number.
        id: u64,
    },
}

/// Move the weight of a backend in steps.
///
/// When it arrives, the last weight is configured. Until then the configured one stays what it is, and is
/// in force again when the ramp is cancelled or aborted.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise ramp app/app-2 0..100 --over 10m
  poise ramp app/app-2 ..100 --over 10m --steps 5 --abort-if '5xx>1%' --abort-if 'p99>300ms'")]
pub(crate) struct RampArgs {
    /// The backend, as GROUP/NAME.
    #[arg(value_name = "BACKEND")]
    backend: BackendPath,
    /// First and last weight, as FROM..TO, 0 to 1000 each; ..TO begins with the configured one.
    #[arg(value_name = "WEIGHTS", value_parser = weights)]
    weights: (Option<u16>, u16),
    /// Over what time: 1s to 30d.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    over: Duration,
    /// In how many steps; as many as there are weights, at most one a second, unless said.
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// End it, with the configured weight in force, when this is so: 5xx>1%, p99>300ms, up<2. May be repeated.
    #[arg(long = "abort-if", value_name = "WIRE")]
    aborts: Vec<Trip>,
    /// Check it and show it, but do not begin it.
    #[arg(long)]
    dry_run: bool,
    /// Why, for whoever looks at it.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

fn weights(text: &str) -> Result<(Option<u16>, u16), String> {
    let refuse = || "write FROM..TO or ..TO, weights are 0 to 1000".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(refuse)?;
    let weight = |text: &str| text.parse().ok().filter(|weight| poise_ipc::limits::WEIGHT.contains(weight));
    let from = if from.is_empty() { None } else { Some(weight(from).ok_or_else(refuse)?) };
    Ok((from, weight(to).ok_or_else(refuse)?))
}

pub(super) type Cell = Column<LayerStatus>;

pub(super) const COLUMNS: &[Cell] = &[
    Cell::number("ID", |l| l.id.to_string()),
    Cell::text("KIND", |l| kind(l).to_owned()),
    Cell::text("VALUE", |l| each(l, |value| format!("{} = {}", value.path, value.held))),
    Cell::text("CONFIGURED", |l| each(l, |value| value.configured.clone().unwrap_or_else(|| "-".to_owned()))),
    Cell::text("IN FORCE", |l| match &l.idle {
        Some(why) => format!("no: {why}"),
        None => each(l, |value| value.in_force.clone().unwrap_or_else(|| "-".to_owned())),
    }),
    Cell::text("UNTIL", until).raw(|l| l.until_ms.to_string()),
    Cell::text("USER", |l| l.author.user.clone()),
    Cell::text("REASON", |l| l.reason.clone().unwrap_or_default()),
    Cell::text("BEGAN", |l| moment(l.began_ms)).wide(),
    Cell::text("ABORT IF", aborts).wide(),
];

type EndCell = Column<LayerEnded>;

const ENDED: &[EndCell] = &[
    EndCell::number("ID", |e| e.layer.id.to_string()),
    EndCell::text("KIND", |e| kind(&e.layer).to_owned()),
    EndCell::text("VALUE", |e| each(&e.layer, |value| format!("{} = {}", value.path, value.held))),
    EndCell::text("ENDED", |e| moment(e.at_ms)),
    EndCell::text("HOW", |e| how(&e.how)),
    EndCell::text("USER", |e| e.layer.author.user.clone()),
    EndCell::text("REASON", |e| e.layer.reason.clone().unwrap_or_default()),
];

fn kind(layer: &LayerStatus) -> &'static str {
    if layer.ramp.is_some() { "ramp" } else { "lease" }
}

fn each(layer: &LayerStatus, shown: impl Fn(&poise_ipc::message::LayerValue) -> String) -> String {
    layer.values.iter().map(shown).collect::<Vec<_>>().join("; ")
}

fn until(layer: &LayerStatus) -> String {
    match &layer.ramp {
        Some(ramp) if ramp.trouble.is_some() => format!("arrived, {}", ramp.trouble.as_deref().unwrap_or_default()),
        Some(ramp) if ramp.held => format!("held at step {} of {}", ramp.step, ramp.steps),
        _ => moment(layer.until_ms),
    }
}

fn aborts(layer: &LayerStatus) -> String {
    let wires = layer.ramp.iter().flat_map(|ramp| &ramp.aborts);
    wires.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// How a layer has ended, in a few words.
pub(super) fn how(end: &LayerEnd) -> String {
    match end {
        LayerEnd::Expired => "its time was over".to_owned(),
        LayerEnd::Arrived { revision } => format!("arrived, revision {revision}"),
        LayerEnd::Aborted { why } => format!("aborted: {why}"),
        LayerEnd::Cancelled { by } => format!("cancelled by {}", by.user),
    }
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (id, act) = match &args.task {
        None => {
            let status = Link::open(context).await?.status().await?;
            let text = if args.ended {
                listing(context.format, "ended", ENDED, &status.layers_ended, |row| row)
            } else {
                listing(context.format, "layers", COLUMNS, &status.layers, |row| row)
            };
            print(&text)?;
            return Ok(Exit::Ok);
        }
        Some(Task::Cancel { id }) => (*id, LayerAct::Cancel),
        Some(Task::Extend { id, span }) => (*id, LayerAct::Extend { for_ms: ms(*span) }),
        Some(Task::Hold { id }) => (*id, LayerAct::Hold),
        Some(Task::Resume { id }) => (*id, LayerAct::Resume),
    };
    let layer = ask(Verb::Layer(LayerQuery { id, act }), context).await?;
    let said = if act == LayerAct::Cancel { "ended" } else { "changed" };
    show(context.format, said, &layer)
}

/// Begins a lease of these edits.
pub(super) async fn lease(
    edits: Vec<Edit>,
    span: Duration,
    dry_run: bool,
    reason: Option<String>,
    context: &Context,
) -> Result<Exit, Failure> {
    let query = LeaseQuery { edits, for_ms: ms(span), reason, dry_run };
    let layer = ask(Verb::Lease(query), context).await?;
    show(context.format, if dry_run { "dry run" } else { "begun" }, &layer)
}

pub(super) async fn ramp(args: &RampArgs, context: &Context) -> Result<Exit, Failure> {
    let (from, to) = args.weights;
    let query = RampQuery {
        backend: args.backend.clone(),
        from,
        to,
        over_ms: ms(args.over),
        steps: args.steps,
        aborts: args.aborts.clone(),
        reason: args.reason.clone(),
        dry_run: args.dry_run,
    };
    let layer = ask(Verb::Ramp(query), context).await?;
    show(context.format, if args.dry_run { "dry run" } else { "begun" }, &layer)
}

async fn ask(verb: Verb, context: &Context) -> Result<LayerStatus, Failure> {
    match Link::open(context).await?.ask(verb).await? {
        Reply::Layer(layer) => Ok(*layer),
        _ => Err(misfit()),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    layer: &'a LayerStatus,
}

fn show(format: Format, said: &str, layer: &LayerStatus) -> Result<Exit, Failure> {
    let text = match format {
        Format::Table | Format::Wide | Format::Tsv => clean(&sentence(said, layer)) + "\n",
        Format::Json => json(&Document { layer }),
        Format::Jsonl => jsonl(&Document { layer }),
    };
    print(&text)?;
    Ok(Exit::Ok)
}

fn sentence(said: &str, layer: &LayerStatus) -> String {
    let what = match &layer.ramp {
        Some(ramp) => format!("{} {} -> {} in {} steps", ramp.backend, ramp.from, ramp.to, ramp.steps),
        None => each(layer, |value| {
            let configured = value.configured.as_deref().unwrap_or("-");
            format!("{} = {} (configured: {configured})", value.path, value.held)
        }),
    };
    let end = if said == "ended" { String::new() } else { format!(", until {}", until(layer)) };
    format!("{} {} {said}: {what}{end}", kind(layer), layer.id)
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
