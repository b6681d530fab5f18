//! `poise explain`: why the balance of a group is not what its weights ask for.
//!
//! The daemon reckons; this asks and prints.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use poise_ipc::Name;
use poise_ipc::message::{BackendBalance, BalanceAnswer, BalanceCause, BalanceQuery, Reply, Verb};

use super::Context;
use super::failure::Failure;
use super::format::{Column, Format, json, jsonl, listing};
use super::link::{Link, misfit};
use super::stdout::print;
use super::text::clean;
use super::words::duration;
use crate::exit::Exit;
use crate::told::balance as told;

#[cfg(test)]
mod tests;

/// Explain what poise sees: the causes with their figures, and what would mend them.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  poise explain balance app --window 1m")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Why the work of a group is not shared as its weights ask.
    #[command(after_help = "Examples:
  poise explain balance app
  poise explain balance web --window 1m      (the group that the listener web leads to)
  poise explain balance app -o json | jq '.causes[0]'

What each backend should have got by the weights of now, what it got, and the causes of the gap: weights that
were others, leases, drains, health, slow start, persistence, the scheduler, chance. Their points add up to it.")]
    Balance {
        /// A group, or a listener.
        #[arg(value_name = "GROUP|LISTENER")]
        of: Name,
        /// How far back: 10s to 1h.
        #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
        window: Duration,
    },
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let What::Balance { of, window } = &args.what;
    let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    let query = BalanceQuery { of: of.clone(), window_ms };
    let Reply::Balance(answer) = Link::open(context).await?.ask(Verb::Balance(query)).await? else {
        return Err(misfit());
    };
    print(&match context.format {
        Format::Table | Format::Wide => document(&answer, context.format),
        Format::Tsv => table(&answer, Format::Tsv),
        Format::Json => json(&*answer),
        Format::Jsonl => jsonl(&*answer),
    })?;
    Ok(Exit::Ok)
}

const COLUMNS: &[Column<BackendBalance>] = &[
    Column::text(
        "BACKEND",
        |b: &BackendBalance| {
            if b.is_there { b.backend.to_string() } else { format!("{} (gone)", b.backend) }
        },
    ),
    Column::number("EXPECTED", |b: &BackendBalance| told::percent(b.expected_ppm)).raw(|b| b.expected_ppm.to_string()),
    Column::number("OBSERVED", |b: &BackendBalance| told::percent(b.observed_ppm)).raw(|b| b.observed_ppm.to_string()),
    Column::number("POINTS", |b: &BackendBalance| told::points(i64::from(b.observed_ppm) - i64::from(b.expected_ppm))),
    Column::number("WORK", |b: &BackendBalance| b.picks.to_string()),
    Column::text("OF WHICH", |b: &BackendBalance| told::terms(b)),
];

fn table(answer: &BalanceAnswer, format: Format) -> String {
    listing(format, "backends", COLUMNS, &answer.backends, |backend| backend)
}

fn document(answer: &BalanceAnswer, format: Format) -> String {
    let head = told::head(answer);
    if answer.work == 0 {
        return head + "\n";
    }
    let mut text = head + "\n\n";
    text += &table(answer, format);
    for (number, BalanceCause { cause, size_ppm, evidence, remedy, mend }) in (1..).zip(&answer.causes) {
        let _ = writeln!(text, "\n{number}. {cause}: {} points", told::size(*size_ppm));
        for line in evidence {
            let _ = writeln!(text, "   {}", clean(line));
        }
        let _ = writeln!(text, "   to do: {}", clean(remedy));
        for edit in mend {
            let _ = writeln!(text, "   mends: poise set {}", clean(&told::assignment(edit)));
        }
    }
    text
}
