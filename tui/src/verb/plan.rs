//! `poise plan`: what a change would do to traffic, and what a commit has done to it.
//!
//! The daemon reckons both; this asks and prints.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use poise_ipc::Name;
use poise_ipc::edit::Edit;
use poise_ipc::message::{
    Aftermath, BackendForecast, BackendSeen, Forecast, GroupForecast, PlanQuery, Planned, Reply, Verb,
};

use super::Context;
use super::changes::lines_of;
use super::failure::Failure;
use super::format::{Column, Format, json, jsonl, listing};
use super::link::{Link, misfit};
use super::source::Source;
use super::stdout::print;
use super::text::{clean, count, span};
use crate::exit::Exit;
use crate::told::plan as told;

#[cfg(test)]
mod tests;

/// Show what a change would do to traffic, without making it.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise plan groups.app.backends.app-1.weight=20
  poise plan groups.app.backends.app-2.state=draining-hard groups.app.scheduler=wlc
  poise plan --remove groups.app.backends.app-3
  poise plan -f poise.toml
  poise plan --last

Shares are of connections (tcp), flows (udp) or requests (http). They come from the weights in force now
(health, slow start, leases and ramps included) and, where persistence decides, from the work of the last
minute: pinned clients stay where they are as long as their backend takes them.")]
pub(crate) struct Args {
    /// A path and its new value. Values as in the file; texts need no quotes.
    #[arg(value_name = "PATH=VALUE", value_parser = assignment)]
    sets: Vec<Edit>,
    /// Remove what is at a path. May be repeated.
    #[arg(long, value_name = "PATH")]
    remove: Vec<String>,
    /// TOML, or edits as JSON; - is standard input.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["sets", "remove"])]
    file: Option<PathBuf>,
    /// Refuse with exit code 5 unless this is the revision now.
    #[arg(long, value_name = "N")]
    if_revision: Option<u64>,
    /// What the last commit has done, beside what was expected of it.
    #[arg(long, conflicts_with_all = ["sets", "remove", "file", "if_revision", "revision"])]
    last: bool,
    /// The same of one of the last 16 commits.
    #[arg(long, value_name = "N", conflicts_with_all = ["sets", "remove", "file", "if_revision"])]
    revision: Option<u64>,
}

fn assignment(word: &str) -> Result<Edit, String> {
    let (path, value) = word.split_once('=').ok_or("give PATH=VALUE, as in groups.app.scheduler=wlc")?;
    Ok(Edit::set(path.trim(), value.trim()))
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if args.last || args.revision.is_some() {
        let answer = Link::open(context).await?.ask(Verb::Aftermath { revision: args.revision }).await?;
        let Reply::Aftermath(aftermath) = answer else { return Err(misfit()) };
        print(&told_after(context.format, &aftermath))?;
        return Ok(Exit::Ok);
    }
    let wanted = wanted(args)?;
    let mut link = Link::open(context).await?;
    let (_, running) = link.config().await?;
    let Reply::Plan(forecast) = link.ask(Verb::Plan(PlanQuery { wanted, if_revision: args.if_revision })).await? else {
        return Err(misfit());
    };
    print(&match context.format {
        Format::Table | Format::Wide => {
            let head = match forecast.edits.len() {
                0 => format!("nothing would change, revision {}\n", forecast.revision),
                edits => format!("{} to revision {}\n", count(edits, "change"), forecast.revision),
            };
            format!("{head}{}{}", lines_of(&running, &forecast.edits), body(&forecast, context.format))
        }
        Format::Tsv => forecast.groups.iter().map(|group| table(Format::Tsv, group)).collect(),
        Format::Json => json(&*forecast),
        Format::Jsonl => jsonl(&*forecast),
    })?;
    Ok(Exit::Ok)
}

fn wanted(args: &Args) -> Result<Planned, Failure> {
    if let Some(file) = &args.file {
        return Ok(match Source::read(file)? {
            Source::Whole(_, text) => Planned::Text(text),
            Source::Edits(edits) => Planned::Edits(edits),
        });
    }
    let edits: Vec<_> = args.sets.iter().cloned().chain(args.remove.iter().map(Edit::remove)).collect();
    if edits.is_empty() {
        let failure = Failure::new(Exit::Usage, "name what is to change");
        return Err(failure.hint("as in poise plan groups.app.scheduler=wlc, or --last for what was done"));
    }
    Ok(Planned::Edits(edits))
}

/// A backend with its group, for a row.
struct Row(Name, BackendForecast);

const COLUMNS: &[Column<Row>] = &[
    Column::text("BACKEND", |row: &Row| format!("{}/{}", row.0, row.1.backend)),
    Column::number("NOW", |row: &Row| told::share(row.1.before_permille)).raw(|row| raw(row.1.before_permille)),
    Column::number("AFTER", |row: &Row| told::share(row.1.after_permille)).raw(|row| raw(row.1.after_permille)),
    Column::number("POINTS", |row| points(row.1.before_permille, row.1.after_permille)),
    Column::number("ENTRIES", |row| row.1.entries.to_string()),
    Column::number("MOVE", |row| row.1.moved().to_string()),
    Column::number("OPEN", |row| row.1.open.to_string()),
    Column::text("WHAT IS OPEN", |row| told::fate(&row.1)),
];

fn table(format: Format, group: &GroupForecast) -> String {
    let rows: Vec<_> = group.backends.iter().map(|backend| Row(group.group.clone(), backend.clone())).collect();
    listing(format, "backends", COLUMNS, &rows, |row| &row.1)
}

/// Everything of a forecast but its edits.
fn body(forecast: &Forecast, format: Format) -> String {
    let mut text = String::new();
    for group in &forecast.groups {
        text.extend(["\n", &told::group(group), "\n", &table(format, group)]);
    }
    if !forecast.listeners.is_empty() {
        text.push('\n');
    }
    text.extend(forecast.listeners.iter().map(|listener| format!("{}\n", told::listener(listener))));
    let findings = [("finding appears", &forecast.findings), ("finding goes", &forecast.findings_gone)];
    for (word, finding) in findings.into_iter().flat_map(|(word, found)| found.iter().map(move |one| (word, one))) {
        text += &clean(&format!("{word}: {}: {}", finding.subject, finding.message));
        text.push('\n');
    }
    if !forecast.edits.is_empty() && forecast.groups.is_empty() && forecast.listeners.is_empty() {
        text += "no listener, share or client is touched\n";
    }
    text
}

/// A backend after a commit, for a row.
struct After {
    group: Name,
    expected: Option<u16>,
    seen: BackendSeen,
}

const AFTER: &[Column<After>] = &[
    Column::text("BACKEND", |row: &After| format!("{}/{}", row.group, row.seen.backend)),
    Column::number("EXPECTED", |row: &After| told::share(row.expected)).raw(|row| raw(row.expected)),
    Column::number("OBSERVED", |row: &After| told::share(row.seen.share_permille))
        .raw(|row| raw(row.seen.share_permille)),
    Column::number("POINTS", |row| points(row.expected, row.seen.share_permille)),
    Column::number("WORK", |row| row.seen.picks.to_string()),
    Column::number("PINNED", |row| row.seen.pinned.to_string()),
    Column::number("ERRORS", |row| row.seen.errors.to_string()),
];

fn told_after(format: Format, aftermath: &Aftermath) -> String {
    let Aftermath { revision, forecast, span_ms, entries_moved, groups } = aftermath;
    let rows: Vec<_> = groups
        .iter()
        .filter_map(|seen| Some((forecast.groups.iter().find(|group| group.group == seen.group)?, seen)))
        .flat_map(|(group, seen)| {
            seen.backends.iter().map(move |backend| After {
                group: group.group.clone(),
                expected: group
                    .backends
                    .iter()
                    .find(|told| told.backend == backend.backend)
                    .and_then(|b| b.after_permille),
                seen: backend.clone(),
            })
        })
        .collect();
    match format {
        Format::Table | Format::Wide => {
            let expected = forecast.entries_moved();
            let moved = format!("{} expected to move, {entries_moved} moved", count_of(expected, "entry", "entries"));
            let head = format!("revision {revision}, {} ago: {moved}\n", span(*span_ms));
            let body = if rows.is_empty() {
                "it touched no group that is still there\n".to_owned()
            } else {
                listing(format, "backends", AFTER, &rows, |row| &row.seen)
            };
            head + &body
        }
        Format::Tsv => listing(format, "backends", AFTER, &rows, |row| &row.seen),
        Format::Json => json(aftermath),
        Format::Jsonl => jsonl(aftermath),
    }
}

fn count_of(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

fn raw(permille: Option<u16>) -> String {
    permille.map_or_else(String::new, |permille| permille.to_string())
}

fn points(from: Option<u16>, to: Option<u16>) -> String {
    if (from, to) == (None, None) {
        return "-".to_owned();
    }
    let tenths = i32::from(to.unwrap_or_default()) - i32::from(from.unwrap_or_default());
    let sign = match tenths {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}
