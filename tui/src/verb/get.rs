//! `poise get`: listings of the running state, and single values of the configuration.

use clap::Args as ClapArgs;
use poise_ipc::apply::get;
use poise_ipc::status::{BackendStatus, GroupStatus, ListenerStatus, Status};
use poise_ipc::{Config, Name};
use serde::Serialize;
use serde_json::Value;

use super::Context;
use super::certificates;
use super::failure::Failure;
use super::format::{Format, json, jsonl, listing};
use super::link::Link;
use super::objects::{absent, holder};
use super::rows::{backend, finding, group, listener, route};
use super::stdout::print;
use super::text::clean;
use crate::exit::Exit;

/// List backends, listeners, routes, groups, certificates or findings, or print the value at a path.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise get backends
  poise get backends -g app -o json | jq '.backends[] | select(.health == \"down\").name'
  poise get backends app/app-1 -o tsv | cut -f 5
  poise get groups.app.backends.app-1.weight

tsv prints the columns of wide without the head line; times in it are RFC 3339, latencies in
microseconds, intervals in milliseconds, sizes in bytes.")]
pub(crate) struct Args {
    /// `backends`, `listeners`, `routes`, `groups`, `certificates`, `findings`, or a path such as groups.app.scheduler.
    what: String,
    /// Only these: GROUP/NAME for backends, LISTENER/NAME for routes, NAME for listeners and groups.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only this group, or the backends of it.
    #[arg(short, long, value_name = "NAME")]
    group: Option<Name>,
    /// Only this listener, or the group and the backends behind it.
    #[arg(short, long, value_name = "NAME")]
    listener: Option<Name>,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let text = if args.what.contains('.') {
        let (revision, config) = link.config().await?;
        value(context.format, revision, &config, &args.what)?
    } else {
        objects(context.format, &link.status().await?, args)?
    };
    print(&text)?;
    Ok(Exit::Ok)
}

fn objects(format: Format, status: &Status, args: &Args) -> Result<String, Failure> {
    let filter = Filter::new(status, args)?;
    match args.what.as_str() {
        "backends" | "backend" => {
            let rows = filter.named(filter.backends(status), "backend", |b| format!("{}/{}", b.group, b.name))?;
            Ok(listing(format, "backends", backend::COLUMNS, &rows, backend::row))
        }
        "listeners" | "listener" => {
            let rows = filter.named(filter.listeners(status), "listener", |l| l.name.to_string())?;
            Ok(listing(format, "listeners", listener::COLUMNS, &rows, listener::row))
        }
        "routes" | "route" => {
            let rows = filter.named(route::of(&filter.listeners(status)), "route", route::name)?;
            Ok(listing(format, "routes", route::COLUMNS, &rows, route::row))
        }
        "groups" | "group" => {
            let rows = filter.named(filter.groups(status), "group", |g| g.name.to_string())?;
            Ok(listing(format, "groups", group::COLUMNS, &rows, group::row))
        }
        "certificates" | "certificate" => {
            Ok(certificates::table(format, &certificates::named(status.certificates.clone(), &args.names)?))
        }
        "findings" | "finding" => Ok(listing(format, "findings", finding::COLUMNS, &status.findings, Clone::clone)),
        other => Err(Failure::new(Exit::Usage, format!("nothing to get is called {other}")).hint(
            "backends, listeners, routes, groups, certificates, findings, or a path such as groups.app.scheduler",
        )),
    }
}

/// Which objects are wanted.
struct Filter<'a> {
    names: &'a [String],
    listener: Option<&'a Name>,
    group: Option<&'a Name>,
}

impl<'a> Filter<'a> {
    fn new(status: &'a Status, args: &'a Args) -> Result<Self, Failure> {
        let mut group = args.group.as_ref();
        if let Some(name) = group {
            exists(status.groups.iter().map(|group| &group.name), "group", name)?;
        }
        if let Some(name) = &args.listener {
            exists(status.listeners.iter().map(|listener| &listener.name), "listener", name)?;
            let behind = status.listeners.iter().find(|listener| listener.name == *name);
            group = group.or(behind.and_then(|listener| listener.group.as_ref()));
        }
        Ok(Self { names: &args.names, listener: args.listener.as_ref(), group })
    }

    fn groups(&self, status: &Status) -> Vec<GroupStatus> {
        let wanted = |group: &&GroupStatus| self.group.is_none_or(|name| group.name == *name);
        status.groups.iter().filter(wanted).cloned().collect()
    }

    fn backends(&self, status: &Status) -> Vec<BackendStatus> {
        let wanted = |group: &&GroupStatus| self.group.is_none_or(|name| group.name == *name);
        status.groups.iter().filter(wanted).flat_map(|group| group.backends.iter().cloned()).collect()
    }

    fn listeners(&self, status: &Status) -> Vec<ListenerStatus> {
        let named = |listener: &&ListenerStatus| self.listener.is_none_or(|name| listener.name == *name);
        let serves = |listener: &&ListenerStatus| self.group.is_none_or(|name| leads_to(listener, name));
        status.listeners.iter().filter(named).filter(serves).cloned().collect()
    }

    /// Those of `rows` that the command names, in the order of the names; all when it names none.
    fn named<T: Clone>(&self, rows: Vec<T>, what: &str, name: fn(&T) -> String) -> Result<Vec<T>, Failure> {
        if self.names.is_empty() {
            return Ok(rows);
        }
        let find = |wanted: &String| {
            let found = rows.iter().find(|row| name(row) == *wanted).cloned();
            found.ok_or_else(|| absent(what, &format!("{what} {wanted}"), wanted, rows.iter().map(name).collect()))
        };
        self.names.iter().map(find).collect()
    }
}

/// Whether a listener sends traffic to a group, by itself or by a route.
fn leads_to(listener: &ListenerStatus, group: &Name) -> bool {
    let routed = listener.routes.iter().flat_map(|route| &route.groups);
    listener.group.iter().chain(routed).any(|name| name == group)
}

fn exists<'a>(mut known: impl Iterator<Item = &'a Name> + Clone, what: &str, name: &Name) -> Result<(), Failure> {
    let names = known.clone();
    if known.any(|known| known == name) {
        return Ok(());
    }
    Err(absent(what, &format!("{what}s.{name}"), name.as_str(), names.map(Name::to_string).collect()))
}

/// A value of the configuration in JSON.
#[derive(Serialize)]
struct ValueRow<'a> {
    revision: u64,
    path: &'a str,
    value: Value,
}

fn value(format: Format, revision: u64, config: &Config, path: &str) -> Result<String, Failure> {
    let Some(text) = get(config, path) else {
        holder(config, path)?;
        return Err(Failure::not_found(path, format!("nothing stands at {path}")));
    };
    let row = ValueRow { revision, path, value: typed(&text) };
    Ok(match format {
        Format::Json => json(&row),
        Format::Jsonl => jsonl(&row),
        Format::Table | Format::Wide | Format::Tsv => format!("{}\n", clean(&text)),
    })
}

/// The value that a text of the configuration stands for; what is no TOML is a text itself.
pub(super) fn typed(text: &str) -> Value {
    let read: Result<toml::Table, _> = format!("value = {text}").parse();
    let value = read.ok().and_then(|mut table| table.remove("value"));
    value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or_else(|| Value::from(text))
}

#[cfg(test)]
mod tests;
