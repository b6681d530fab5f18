//! `poise confirm` and `poise window`: commits that undo themselves unless they are confirmed.

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use poise_ipc::message::{
    EventBody, LogFilter, Reply, Subscribe, Topic, Verb, WindowAct, WindowEvent, WindowQuery, WindowStatus,
};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Format, json, jsonl};
use super::link::{Link, misfit};
use super::stdout::print;
use super::text::{lines, moment, span};
use super::words::duration;
use crate::exit::Exit;

/// Keep what was committed with --confirm-within.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise apply -f poise.toml --confirm-within 60s && ./smoke-test && poise confirm
  poise confirm 413")]
pub(crate) struct ConfirmArgs {
    /// Refuse with exit code 5 unless this is the newest revision in the window.
    #[arg(value_name = "REVISION")]
    revision: Option<u64>,
}

/// Show the confirm window that is open, take it back, or give it more time.
#[derive(ClapArgs, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  poise window
  poise window back --revision 413
  poise window extend --for 5m
  poise window wait || echo 'it was taken back'")]
pub(crate) struct Args {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand, Debug)]
enum Task {
    /// Bring back what was before, now.
    Back {
        /// Refuse with exit code 5 unless this is the newest revision in the window.
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
    },
    /// Give it more time, from now on: 10s to 24h.
    Extend {
        /// The time left from now on.
        #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
        span: Duration,
    },
    /// Wait until it is confirmed (0) or taken back (9); 0 at once when none is open.
    Wait,
}

pub(super) async fn confirm(args: &ConfirmArgs, context: &Context) -> Result<Exit, Failure> {
    let window = turn(WindowQuery { act: WindowAct::Confirm, revision: args.revision }, context).await?;
    let text = format!("revision {} is confirmed\n", window.revision);
    say(context.format, text, &Document { window: Some(&window), confirmed: Some(true), revision: None })
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.task {
        None => {
            let status = Link::open(context).await?.status().await?;
            let window = status.window.as_ref();
            let text = window.map_or_else(|| "no confirm window is open\n".to_owned(), |open| text(open, status.at_ms));
            say(context.format, text, &Document { window, confirmed: None, revision: None })
        }
        Some(Task::Back { revision }) => {
            let query = WindowQuery { act: WindowAct::Back, revision: *revision };
            let applied = Link::open(context).await?.change(Verb::Window(query)).await?;
            let text = format!("revision {}: what was before is back\n", applied.revision);
            let document = Document { window: None, confirmed: Some(false), revision: Some(applied.revision) };
            say(context.format, text, &document)
        }
        Some(Task::Extend { span }) => {
            let for_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            let window = turn(WindowQuery { act: WindowAct::Extend { for_ms }, revision: None }, context).await?;
            let text = format!("revision {} may be confirmed until {}\n", window.revision, moment(window.deadline_ms));
            say(context.format, text, &Document { window: Some(&window), confirmed: None, revision: None })
        }
        Some(Task::Wait) => wait(context).await,
    }
}

async fn turn(query: WindowQuery, context: &Context) -> Result<WindowStatus, Failure> {
    match Link::open(context).await?.ask(Verb::Window(query)).await? {
        Reply::Window(window) => Ok(window),
        _ => Err(misfit()),
    }
}

async fn wait(context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let subscribe = Subscribe { topics: vec![Topic::Config], interval_ms: 1_000, filter: LogFilter::default() };
    link.ask(Verb::Subscribe(subscribe)).await?;
    loop {
        match link.event().await?.body {
            EventBody::Snapshot(status) if status.window.is_none() => return Ok(Exit::Ok),
            EventBody::Window(news) => match news.what {
                WindowEvent::Opened | WindowEvent::Changed => {}
                WindowEvent::Confirmed { by } => {
                    print(&format!(
                        "revision {} is confirmed by {}\n",
                        news.window.revision,
                        super::text::clean(&by.user)
                    ))?;
                    return Ok(Exit::Ok);
                }
                WindowEvent::Back { why, revision } => {
                    return Err(Failure::new(Exit::Undone, format!("revision {revision} took it back: {why}")));
                }
            },
            _ => {}
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    window: Option<&'a WindowStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

fn say(format: Format, text: String, document: &Document<'_>) -> Result<Exit, Failure> {
    let said = match format {
        Format::Table | Format::Wide | Format::Tsv => text,
        Format::Json => json(document),
        Format::Jsonl => jsonl(document),
    };
    print(&said)?;
    Ok(Exit::Ok)
}

/// A window in a sentence and, where there is more to say, lines below it.
pub(super) fn text(window: &WindowStatus, now_ms: u64) -> String {
    let WindowStatus { revision, back_to, author, deadline_ms, trips, reason, revisions, trouble, .. } = window;
    let left = span(deadline_ms.saturating_sub(now_ms));
    let head =
        format!("revision {revision} by {} waits to be confirmed: {left} left, then {back_to} is back", author.user);
    let joined = (revisions.len() > 1).then(|| {
        let all: Vec<_> = revisions.iter().map(u64::to_string).collect();
        format!("  revisions: {}", all.join(", "))
    });
    let wires = (!trips.is_empty()).then(|| {
        let all: Vec<_> = trips.iter().map(ToString::to_string).collect();
        format!("  taken back sooner if: {}", all.join(", "))
    });
    let reason = reason.as_ref().map(|reason| format!("  reason: {reason}"));
    let trouble = trouble.as_ref().map(|why| format!("  cannot be taken back yet: {why}"));
    let hint = format!("  poise confirm {revision} keeps it, poise window back takes it back");
    lines([Some(head), joined, wires, reason, trouble, Some(hint)].into_iter().flatten())
}

#[cfg(test)]
mod tests;
