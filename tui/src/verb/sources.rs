//! `poise sources`: the addresses that poised speaks to each backend from (S-08).
//!
//! A backend whose firewall does not let them in looks down, whatever it serves. They are the
//! daemon's to know; this only lists them.

use std::net::IpAddr;

use clap::Args as ClapArgs;
use poise_ipc::model::{Address, ClientAddress};
use poise_ipc::status::{BackendStatus, Status};
use poise_ipc::{Config, Name};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Column, Format, listing};
use super::link::Link;
use super::objects;
use super::stdout::print;
use crate::exit::Exit;

/// What is to be done with what is listed.
const ADVICE: &str =
    "\nLet these addresses in at the backends' firewalls: connections and health checks come from them.\n";

/// List the addresses that poised speaks to backends from, which their firewalls must let in.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise sources
  poise sources -g app -o tsv | cut -f 3 | sort -u

Behind a listener with client_address = \"transparent\" connections come from the clients' own
addresses; health checks come from poised's.")]
pub(crate) struct Args {
    /// Only the backends of this group.
    #[arg(short, long, value_name = "NAME")]
    group: Option<Name>,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let (_, config) = link.config().await?;
    if let Some(group) = &args.group {
        objects::group(&config, group.as_str())?;
    }
    let sources = sources(&link.status().await?, &config, args.group.as_ref());
    print(&table(context.format, &sources))?;
    Ok(Exit::Ok)
}

/// A backend with where it is spoken to from.
#[derive(Debug, Serialize)]
struct Way {
    group: Name,
    name: Name,
    address: Address,
    /// Where its name leads.
    resolved: Option<IpAddr>,
    /// None on a Unix socket, without a route, and while its name is not resolved.
    source: Option<IpAddr>,
    /// Whether clients' connections come from their own addresses.
    transparent: bool,
}

type Cell = Column<Way>;

const COLUMNS: &[Cell] = &[
    Cell::text("BACKEND", |s| format!("{}/{}", s.group, s.name)),
    Cell::text("ADDRESS", |s| s.address.to_string()),
    Cell::text("SOURCE", shown).raw(|s| s.source.map_or_else(String::new, |source| source.to_string())),
];

fn shown(way: &Way) -> String {
    let own = match (way.source, &way.address) {
        (Some(own), _) => own.to_string(),
        (None, Address::Unix(_)) => return "none: a Unix socket".to_owned(),
        (None, Address::Name { .. }) if way.resolved.is_none() => "unknown: the name is not resolved".to_owned(),
        (None, _) => "unknown: no route".to_owned(),
    };
    if way.transparent { format!("{own}, and the clients' own") } else { own }
}

fn sources(status: &Status, config: &Config, group: Option<&Name>) -> Vec<Way> {
    let transparent = |group: &Name| {
        let mut users = config.listeners.values().filter(|listener| listener.groups().any(|used| used == group));
        users.any(|listener| listener.client_address == ClientAddress::Transparent)
    };
    let wanted = status.groups.iter().filter(|found| group.is_none_or(|group| found.name == *group));
    let backends = wanted.flat_map(|group| group.backends.iter().map(|backend| (transparent(&group.name), backend)));
    backends
        .map(|(transparent, backend)| {
            let BackendStatus { group, name, address, resolved, source, .. } = backend.clone();
            Way { group, name, address, resolved: resolved.map(|at| at.ip()), source, transparent }
        })
        .collect()
}

fn table(format: Format, sources: &[Way]) -> String {
    let listed = listing(format, "sources", COLUMNS, sources, |source| source);
    match format {
        Format::Table | Format::Wide => listed + ADVICE,
        Format::Tsv | Format::Json | Format::Jsonl => listed,
    }
}

#[cfg(test)]
mod tests;
