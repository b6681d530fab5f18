//! `poise describe`: everything about one backend, group or listener, field by field.
//!
//! The fields are those of the JSON rows, so text and JSON cannot disagree.

use clap::{Args as ClapArgs, ValueEnum};
use poise_ipc::status::Status;
use serde::Serialize;
use serde_json::Value;

use super::Context;
use super::failure::Failure;
use super::format::{Format, json, jsonl};
use super::link::Link;
use super::objects::absent;
use super::rows::{backend, group, listener};
use super::stdout::print;
use super::text::{clean, moment};
use crate::exit::Exit;

/// Show everything about one backend, group or listener.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise describe backend app/app-1
  poise describe listener web -o json | jq .listener.counters.causes")]
pub(crate) struct Args {
    /// What it is.
    #[arg(value_enum)]
    kind: Kind,
    /// GROUP/NAME of a backend, NAME of a group or listener.
    name: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Backend,
    Group,
    Listener,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let status = Link::open(context).await?.status().await?;
    print(&describe(context.format, &status, args)?)?;
    Ok(Exit::Ok)
}

fn describe(format: Format, status: &Status, args: &Args) -> Result<String, Failure> {
    let name = &args.name;
    match args.kind {
        Kind::Backend => {
            let all = status.groups.iter().flat_map(|group| &group.backends);
            let named: Vec<_> = all.map(|b| (format!("{}/{}", b.group, b.name), b)).collect();
            Ok(object(format, "backend", &backend::row(one(&named, "backend", name)?)))
        }
        Kind::Group => {
            let named: Vec<_> = status.groups.iter().map(|group| (group.name.to_string(), group)).collect();
            Ok(object(format, "group", &group::row(one(&named, "group", name)?)))
        }
        Kind::Listener => {
            let named: Vec<_> = status.listeners.iter().map(|listener| (listener.name.to_string(), listener)).collect();
            Ok(object(format, "listener", &listener::row(one(&named, "listener", name)?)))
        }
    }
}

fn one<'a, T>(named: &[(String, &'a T)], what: &str, name: &str) -> Result<&'a T, Failure> {
    let found = named.iter().find(|(known, _)| known == name).map(|(_, object)| *object);
    let known = || named.iter().map(|(known, _)| known.clone()).collect();
    found.ok_or_else(|| absent(what, &format!("{what} {name}"), name, known()))
}

fn object<R: Serialize>(format: Format, kind: &'static str, row: &R) -> String {
    let value = serde_json::to_value(row).expect("rows have string keys");
    let document = serde_json::Map::from_iter([(kind.to_owned(), value)]);
    match format {
        Format::Json => json(&document),
        Format::Jsonl => jsonl(&document),
        Format::Table | Format::Wide | Format::Tsv => {
            let mut fields = Vec::new();
            flatten(&mut fields, "", &document[kind]);
            let width = fields.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
            let gap = |key: &str| match format {
                Format::Tsv => "\t".to_owned(),
                _ => " ".repeat(width + 2 - key.len()),
            };
            // Each value is made safe before the tab is put in front of it.
            fields
                .iter()
                .map(|(key, value)| format!("{key}{}{}\n", gap(key), clean(value)))
                .collect::<Vec<_>>()
                .concat()
        }
    }
}

/// Fields as `counters.picks_total` and their values as text.
fn flatten(fields: &mut Vec<(String, String)>, key: &str, value: &Value) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                flatten(fields, &below(name), value);
            }
        }
        Value::Null => fields.push((key.to_owned(), "-".to_owned())),
        Value::String(text) => fields.push((key.to_owned(), text.clone())),
        Value::Number(number) if key.ends_with("at_ms") || key.ends_with("since_ms") => {
            fields.push((key.trim_end_matches("_ms").to_owned(), moment(number.as_u64().unwrap_or_default())));
        }
        other => fields.push((key.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests;
