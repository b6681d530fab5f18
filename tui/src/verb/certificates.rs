//! `poise certificates`: the certificates in use with the days that they have left, and reading
//! them again.
//!
//! Files are read by the daemon; this asks and lists.

use clap::{Args as ClapArgs, Subcommand};
use poise_ipc::Name;
use poise_ipc::message::{Reply, Verb};
use poise_ipc::status::CertificateStatus;
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::format::{Column, Format, json, jsonl, listing};
use super::link::{Link, misfit};
use super::objects::absent;
use super::stdout::print;
use super::text::{count, date};
use crate::exit::Exit;

/// List the certificates with the days that they have left, and read them again.
#[derive(ClapArgs, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  poise certificates
  poise certificates -o json | jq '.certificates[] | select(.days_left < 30).name'
  poise certificates reload site

A certificate is read when it comes into the configuration, and again by reload or SIGHUP.")]
pub(crate) struct Args {
    /// Only these certificates.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand, Debug)]
enum Task {
    Reload(ReloadArgs),
}

/// Read the files of certificates again and use what they hold from now on.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise certificates reload
  certbot renew --deploy-hook 'poise certificates reload site'

Either all that are meant are used, or none. Open connections keep theirs.")]
struct ReloadArgs {
    /// Only this certificate.
    #[arg(value_name = "NAME")]
    name: Option<Name>,
}

type Cell = Column<CertificateStatus>;

const COLUMNS: &[Cell] = &[
    Cell::text("CERTIFICATE", |c| c.name.to_string()),
    Cell::number("DAYS LEFT", |c| c.days_left.map_or_else(|| "-".to_owned(), |days| days.to_string())),
    Cell::text("UNTIL", |c| fact(c, |facts| date(facts.not_after_ms))),
    Cell::text("NAMES", |c| fact(c, |facts| facts.names.join(","))),
    Cell::text("ISSUER", |c| fact(c, |facts| facts.issuer.clone())),
    Cell::text("KEY", |c| fact(c, |facts| facts.key_type.clone())),
    Cell::text("LISTENERS", |c| c.listeners.iter().map(Name::as_str).collect::<Vec<_>>().join(",")),
    Cell::text("ERROR", |c| c.error.clone().unwrap_or_else(|| "-".to_owned())),
    Cell::text("SUBJECT", |c| fact(c, |facts| facts.subject.clone())).wide(),
    Cell::text("FROM", |c| fact(c, |facts| date(facts.not_before_ms))).wide(),
    Cell::text("SERIAL", |c| fact(c, |facts| facts.serial.clone())).wide(),
    Cell::text("CHAIN", |c| c.chain.clone()).wide(),
];

fn fact(certificate: &CertificateStatus, of: fn(&poise_ipc::status::CertificateFacts) -> String) -> String {
    certificate.facts.as_ref().map_or_else(|| "-".to_owned(), of)
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    if let Some(Task::Reload(args)) = &args.task {
        return reload(args, context.format, &mut link).await;
    }
    let known = link.status().await?.certificates;
    print(&table(context.format, &named(known, &args.names)?))?;
    Ok(Exit::Ok)
}

/// Those that are named, in that order; all when none is.
pub(super) fn named(known: Vec<CertificateStatus>, names: &[String]) -> Result<Vec<CertificateStatus>, Failure> {
    if names.is_empty() {
        return Ok(known);
    }
    let find = |name: &String| {
        let found = known.iter().find(|certificate| certificate.name.as_str() == name).cloned();
        let others = || known.iter().map(|certificate| certificate.name.to_string()).collect();
        found.ok_or_else(|| absent("certificate", &format!("certificates.{name}"), name, others()))
    };
    names.iter().map(find).collect()
}

/// The listing of certificates, as `poise get certificates` prints it too.
pub(super) fn table(format: Format, certificates: &[CertificateStatus]) -> String {
    listing(format, "certificates", COLUMNS, certificates, row)
}

/// A certificate in JSON; what it says of itself is null when it could not be read.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a Name,
    chain: &'a str,
    days_left: Option<i64>,
    subject: Option<&'a str>,
    names: Option<&'a [String]>,
    issuer: Option<&'a str>,
    serial: Option<&'a str>,
    not_before_ms: Option<i64>,
    not_after_ms: Option<i64>,
    key_type: Option<&'a str>,
    loaded_ms: u64,
    error: Option<&'a str>,
    listeners: &'a [Name],
}

fn row(certificate: &CertificateStatus) -> Row<'_> {
    let facts = certificate.facts.as_ref();
    Row {
        name: &certificate.name,
        chain: &certificate.chain,
        days_left: certificate.days_left,
        subject: facts.map(|facts| facts.subject.as_str()),
        names: facts.map(|facts| facts.names.as_slice()),
        issuer: facts.map(|facts| facts.issuer.as_str()),
        serial: facts.map(|facts| facts.serial.as_str()),
        not_before_ms: facts.map(|facts| facts.not_before_ms),
        not_after_ms: facts.map(|facts| facts.not_after_ms),
        key_type: facts.map(|facts| facts.key_type.as_str()),
        loaded_ms: certificate.loaded_ms,
        error: certificate.error.as_deref(),
        listeners: &certificate.listeners,
    }
}

async fn reload(args: &ReloadArgs, format: Format, link: &mut Link) -> Result<Exit, Failure> {
    let asked = Verb::CertificatesReload { name: args.name.clone() };
    let Reply::CertificatesReloaded { certificates, changed } = link.ask(asked).await? else { return Err(misfit()) };
    print(&said(format, &certificates, changed))?;
    Ok(Exit::Ok)
}

/// What a reload has brought, in JSON.
#[derive(Serialize)]
struct Reloaded<'a> {
    certificates: Vec<Row<'a>>,
    changed: u64,
}

fn said(format: Format, certificates: &[CertificateStatus], changed: u64) -> String {
    let reloaded = || Reloaded { certificates: certificates.iter().map(row).collect(), changed };
    match format {
        Format::Table | Format::Wide => {
            format!("{} read, {changed} changed\n", count(certificates.len(), "certificate"))
        }
        Format::Tsv => table(format, certificates),
        Format::Json => json(&reloaded()),
        Format::Jsonl => jsonl(&reloaded()),
    }
}

#[cfg(test)]
mod tests;
