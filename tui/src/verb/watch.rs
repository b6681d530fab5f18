//! `poise watch`: events as they happen, a sentence or a JSON object each.
//!
//! The first event is a snapshot; `seq` counts the events of this connection, a gap means lost
//! ones. It ends with Ctrl-C (130), or with 6 when the daemon goes away.

use clap::{Args as ClapArgs, ValueEnum};
use poise_ipc::edit::Edit;
use poise_ipc::message::{
    BackendMoved, Counters, Event, EventBody, GroupMoved, ListenerMoved, LogFilter, RouteMoved, Subscribe, Topic, Verb,
};
use poise_ipc::status::{Health, Status};
use poise_ipc::{BackendPath, Name};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Format, jsonl};
use super::link::Link;
use super::stdout::print;
use super::text::{clean, count, lines, moment};
use super::words::duration;
use crate::exit::Exit;

/// Print events as they happen.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise watch
  poise watch health -o jsonl | jq --unbuffered 'select(.kind == \"transition\").transition.backend'
  poise watch counters --interval 5s -o jsonl")]
pub(crate) struct Args {
    /// Classes of events; health and config when none is named.
    #[arg(value_enum)]
    topics: Vec<Class>,
    /// Time between two events of the class counters, 100 ms to 60 s.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    interval: u32,
    /// Only checks of this group.
    #[arg(short, long, value_name = "NAME")]
    group: Option<Name>,
    /// Only checks of this backend, as GROUP/NAME.
    #[arg(short, long, value_name = "BACKEND", conflicts_with = "group")]
    backend: Option<BackendPath>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Class {
    /// Commits.
    Config,
    /// Transitions of health, fail-open begun and ended, drains that ended, certificates.
    Health,
    /// Every verdict.
    Checks,
    /// Counters that moved: what the shares of a balance are made of.
    #[value(alias = "balance")]
    Counters,
}

fn interval(text: &str) -> Result<u32, String> {
    const RANGE_MS: std::ops::RangeInclusive<u128> = 100..=60_000;
    let interval = duration(text)?;
    let ms = Some(interval.as_millis()).filter(|ms| RANGE_MS.contains(ms));
    ms.and_then(|ms| u32::try_from(ms).ok()).ok_or_else(|| "allowed: 100ms to 60s".to_owned())
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    link.ask(Verb::Subscribe(subscription(args))).await?;
    loop {
        let event = link.event().await?;
        print(&line(context.format, &event))?;
    }
}

fn subscription(args: &Args) -> Subscribe {
    let topic = |class: &Class| match class {
        Class::Config => Topic::Config,
        Class::Health => Topic::Health,
        Class::Checks => Topic::Checks,
        Class::Counters => Topic::Counters,
    };
    let topics = match args.topics.as_slice() {
        [] => vec![Topic::Health, Topic::Config],
        classes => classes.iter().map(topic).collect(),
    };
    let filter = LogFilter {
        group: args.backend.as_ref().map(|path| path.group.clone()).or_else(|| args.group.clone()),
        backend: args.backend.as_ref().map(|path| path.backend.clone()),
        ..LogFilter::default()
    };
    Subscribe { topics, interval_ms: args.interval, filter }
}

/// An event in JSON: its kind as a word, and the wire type under the same word.
#[derive(Serialize)]
struct Row<'a> {
    seq: u64,
    at: String,
    at_ms: u64,
    kind: &'static str,
    #[serde(flatten)]
    body: &'a EventBody,
}

fn line(format: Format, event: &Event) -> String {
    let at = moment(event.at_ms);
    let kind = event.body.word();
    match format {
        Format::Table | Format::Wide => {
            lines(sentences(&event.body).iter().map(|sentence| format!("{at}  {kind:<10}  {sentence}")))
        }
        Format::Tsv => {
            let row = |sentence: &String| format!("{at}\t{kind}\t{}\n", clean(sentence));
            sentences(&event.body).iter().map(row).collect::<Vec<_>>().concat()
        }
        Format::Json | Format::Jsonl => jsonl(&Row { seq: event.seq, at, at_ms: event.at_ms, kind, body: &event.body }),
    }
}

/// What people read of an event, a line each.
fn sentences(body: &EventBody) -> Vec<String> {
    match body {
        EventBody::Snapshot(status) => vec![snapshot(status)],
        EventBody::Committed(commit) => {
            let edits: Vec<_> = commit.edits.iter().map(Edit::to_string).collect();
            let reason = commit.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
            vec![format!("revision {} by {}{reason}: {}", commit.revision, commit.author.user, edits.join("; "))]
        }
        EventBody::Checked(row) => {
            vec![format!("{}/{} {}: {} x{}", row.group, row.backend, row.address, row.verdict, row.count)]
        }
        EventBody::Counters(counters) => moved_sentences(counters),
        EventBody::Lost { count } => vec![format!("{count} events lost: this reader is too slow")],
        EventBody::Window(news) => vec![news.sentence()],
        EventBody::Layer(news) => vec![news.sentence()],
        news => news.health_news().into_iter().collect(),
    }
}

fn moved_sentences(counters: &Counters) -> Vec<String> {
    let listener = |l: &ListenerMoved| {
        let (open, requests, errors) =
            (l.counters.connections_open, l.counters.requests_total, l.counters.errors_total());
        format!("listener {}: {open} open, {requests} requests, {errors} errors", l.name)
    };
    let route = |r: &RouteMoved| {
        let name = r.route.as_ref().map_or("-", Name::as_str);
        format!("route {}/{name}: {} requests", r.listener, r.counters.requests_total)
    };
    let group = |g: &GroupMoved| {
        format!("group {}: {} requests, {} in flight", g.name, g.counters.requests_total, g.counters.inflight)
    };
    let backend = |b: &BackendMoved| {
        let c = &b.counters;
        let (health, picks, inflight) = (b.health.health, c.picks_total, c.inflight);
        format!("{}/{} {health}: {picks} picks, {inflight} in flight, {} failures", b.group, b.name, c.failures_total)
    };
    let above = counters.listeners.iter().map(listener).chain(counters.routes.iter().map(route));
    above.chain(counters.groups.iter().map(group)).chain(counters.backends.iter().map(backend)).collect()
}

fn snapshot(status: &Status) -> String {
    let backends: Vec<_> = status.groups.iter().flat_map(|group| &group.backends).collect();
    let up = backends.iter().filter(|backend| backend.health.health == Health::Up).count();
    let (listeners, all) = (count(status.listeners.len(), "listener"), count(backends.len(), "backend"));
    format!("revision {}, {listeners}, {all}, {up} up", status.revision)
}

#[cfg(test)]
mod tests;
