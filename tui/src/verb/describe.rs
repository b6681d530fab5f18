//! `poise describe`: everything about one backend, group, listener or route, field by field.
//!
//! The fields are those of the JSON rows, so text and JSON cannot disagree; people get each window of
//! latency as a line.

use clap::{Args as ClapArgs, ValueEnum};
use poise_ipc::Config;
use poise_ipc::status::{LatencyWindows, Status};
use poise_ipc::text::settings;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::Context;
use super::failure::Failure;
use super::format::{Format, json, jsonl};
use super::get::typed;
use super::link::Link;
use super::objects::absent;
use super::rows::figures::{window, windows};
use super::rows::{backend, group, listener, route};
use super::stdout::print;
use super::text::{clean, moment};
use crate::exit::Exit;

/// Show everything about one backend, group, listener or route.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise describe backend app/app-1
  poise describe route web/api
  poise describe listener web -o json | jq .listener.counters.causes")]
pub(crate) struct Args {
    /// What it is.
    #[arg(value_enum)]
    kind: Kind,
    /// GROUP/NAME of a backend, LISTENER/NAME of a route, NAME of a group or listener.
    name: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Backend,
    Group,
    Listener,
    Route,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let (status, (_, config)) = (link.status().await?, link.config().await?);
    print(&describe(context.format, (&status, &config), args)?)?;
    Ok(Exit::Ok)
}

fn describe(format: Format, (status, config): (&Status, &Config), args: &Args) -> Result<String, Failure> {
    let name = &args.name;
    let set = |path: &str| configured(config, path);
    match args.kind {
        Kind::Backend => {
            let all = status.groups.iter().flat_map(|group| &group.backends);
            let named: Vec<_> = all.map(|b| (format!("{}/{}", b.group, b.name), b)).collect();
            let found = one(&named, "backend", name)?;
            let path = format!("groups.{}.backends.{}", found.group, found.name);
            Ok(object(format, "backend", &backend::row(found), set(&path)))
        }
        Kind::Group => {
            let named: Vec<_> = status.groups.iter().map(|group| (group.name.to_string(), group)).collect();
            Ok(object(format, "group", &group::row(one(&named, "group", name)?), set(&format!("groups.{name}"))))
        }
        Kind::Listener => {
            let named: Vec<_> = status.listeners.iter().map(|listener| (listener.name.to_string(), listener)).collect();
            Ok(object(
                format,
                "listener",
                &listener::row(one(&named, "listener", name)?),
                set(&format!("listeners.{name}")),
            ))
        }
        Kind::Route => {
            let routes = route::of(&status.listeners);
            let named: Vec<_> = routes.iter().map(|routed| (route::name(routed), routed)).collect();
            let found = one(&named, "route", name)?;
            Ok(object(format, "route", &route::row(found), set(&route::path(found))))
        }
    }
}

/// The field that holds the windows of latency.
const LATENCY: &str = "latency";

fn one<'a, T>(named: &[(String, &'a T)], what: &str, name: &str) -> Result<&'a T, Failure> {
    let found = named.iter().find(|(known, _)| known == name).map(|(_, object)| *object);
    let known = || named.iter().map(|(known, _)| known.clone()).collect();
    found.ok_or_else(|| absent(what, &format!("{what} {name}"), name, known()))
}

/// Every setting with its value as configured; `null` where none is given.
fn configured(config: &Config, path: &str) -> Value {
    let typed = |value: Option<String>| value.map_or(Value::Null, |text| typed(&text));
    let settings = settings(config, path).unwrap_or_default();
    settings.into_iter().map(|setting| (setting.key, typed(setting.value))).collect()
}

fn object<R: Serialize>(format: Format, kind: &'static str, row: &R, settings: Value) -> String {
    let mut value = serde_json::to_value(row).expect("rows have string keys");
    if let Value::Object(fields) = &mut value {
        fields.insert("settings".to_owned(), settings);
    }
    let document = serde_json::Map::from_iter([(kind.to_owned(), value)]);
    match format {
        Format::Json => json(&document),
        Format::Jsonl => jsonl(&document),
        Format::Table | Format::Wide | Format::Tsv => {
            let mut fields = Vec::new();
            flatten(&mut fields, "", &document[kind], format == Format::Tsv);
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
fn flatten(fields: &mut Vec<(String, String)>, key: &str, value: &Value, raw: bool) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(_) if key == LATENCY && !raw => {
            let read = LatencyWindows::deserialize(value).unwrap_or_default();
            fields.extend(windows(&read).map(|(span, quantiles)| (format!("{key} {span}"), window(&quantiles))));
        }
        Value::Object(map) => {
            for (name, value) in map {
                flatten(fields, &below(name), value, raw);
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
