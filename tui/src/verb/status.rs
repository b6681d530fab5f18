//! `poise status`: one plain screen of everything, and the check for scripts and monitors.
//!
//! The same without a verb when there is no terminal for the console.

use clap::Args as ClapArgs;
use poise_ipc::advice::{Finding, Severity};
use poise_ipc::model::AdminState;
use poise_ipc::status::{BackendStatus, DaemonStatus, Health, HookStatus, PredecessorStatus, RecorderStatus, Status};
use serde::Serialize;

use super::failure::Failure;
use super::format::{Format, Table, json, jsonl, tsv};
use super::link::Link;
use super::rows::{backend, finding, group, listener};
use super::stdout::print;
use super::text::{clean, count, lines, moment, size, span};
use super::{Context, layers, window};
use crate::exit::Exit;

/// Show the daemon, its listeners, backends and findings on one plain screen.
#[derive(ClapArgs, Debug, Default)]
#[command(after_help = "Examples:
  poise status
  poise status --check > /dev/null || echo degraded
  poise status -o json | jq .degraded")]
pub(crate) struct Args {
    /// Exit with 10 when an enabled backend is down, a group fails open or a finding is severe.
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let status = Link::open(context).await?.status().await?;
    print(&screen(context.format, &status))?;
    let degraded = args.check && !reasons(&status).is_empty();
    Ok(if degraded { Exit::Degraded } else { Exit::Ok })
}

/// What is degraded, one sentence each.
fn reasons(status: &Status) -> Vec<String> {
    let mut reasons = Vec::new();
    let backends: Vec<_> = status.groups.iter().flat_map(|group| &group.backends).collect();
    let fallen =
        |backend: &&&BackendStatus| backend.health.health == Health::Down && backend.state != AdminState::Disabled;
    let down: Vec<_> = backends.iter().filter(fallen).map(|b| format!("{}/{}", b.group, b.name)).collect();
    if !down.is_empty() {
        reasons.push(format!("{} of {} down: {}", down.len(), count(backends.len(), "backend"), down.join(", ")));
    }
    let open = status.groups.iter().filter(|group| group.failing_open);
    reasons.extend(open.map(|group| format!("group {} fails open: {}", group.name, group.fail_open.words())));
    let damped = |backend: &&&BackendStatus| backend.health.damping.is_some_and(|damping| damping.until_ms.is_some());
    let out: Vec<_> = backends.iter().filter(damped).map(|b| format!("{}/{}", b.group, b.name)).collect();
    if !out.is_empty() {
        reasons.push(format!("{} kept out for coming and going: {}", count(out.len(), "backend"), out.join(", ")));
    }
    let ejected = backends.iter().filter_map(|b| {
        let ejection = b.health.ejection.filter(|ejection| ejection.active)?;
        let left_s = ejection.until_ms.saturating_sub(status.at_ms).div_ceil(1_000);
        Some(format!("{}/{} is ejected for {left_s} s: {}", b.group, b.name, ejection.why))
    });
    reasons.extend(ejected);
    let hook = status.hook.as_ref().and_then(|hook| Some((hook, hook.failure.as_ref()?)));
    reasons.extend(hook.map(|(hook, failure)| format!("hook {} went wrong: {failure}", hook.program)));
    let severe = status.findings.iter().filter(|finding| finding.severity == Severity::Severe);
    reasons.extend(severe.map(|finding| format!("{}: {}", finding.subject, finding.message)));
    reasons.extend(status.recorder.failure.as_ref().map(|why| format!("the health log is not written: {why}")));
    reasons
}

fn screen(format: Format, status: &Status) -> String {
    match format {
        Format::Table => plain(status, false),
        Format::Wide => plain(status, true),
        Format::Tsv => flat(status),
        Format::Json => json(&Document::new(status)),
        Format::Jsonl => jsonl(&Document::new(status)),
    }
}

fn plain(status: &Status, wide: bool) -> String {
    let reasons = reasons(status).into_iter().map(|reason| format!("degraded: {reason}"));
    let beside = recorder(&status.recorder).into_iter().chain(status.hook.as_ref().map(hook));
    let beside = beside.chain(status.daemon.predecessors.iter().map(predecessor));
    let window =
        status.window.iter().map(|window| format!("confirm: {}", window::text(window, status.at_ms).trim_end()));
    let beside = beside.chain(window.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()));
    let mut text = lines(std::iter::once(head(status)).chain(beside).chain(reasons));
    let backends: Vec<_> = status.groups.iter().flat_map(|group| group.backends.iter().cloned()).collect();
    let mut sections = Vec::new();
    if !status.listeners.is_empty() {
        sections.push(Table::new(listener::COLUMNS, wide).print(&status.listeners));
    }
    if !status.groups.is_empty() {
        sections.push(Table::new(group::COLUMNS, wide).print(&status.groups));
    }
    if !backends.is_empty() {
        sections.push(Table::new(backend::COLUMNS, wide).print(&backends));
    }
    if !status.layers.is_empty() {
        sections.push(Table::new(layers::COLUMNS, wide).print(&status.layers));
    }
    if !status.findings.is_empty() {
        sections.push(Table::new(finding::COLUMNS, wide).print(&status.findings));
    }
    if sections.is_empty() {
        sections.push("no listeners, no groups\n".to_owned());
    }
    for section in sections {
        text.push('\n');
        text.push_str(&section);
    }
    text
}

fn head(status: &Status) -> String {
    let daemon = &status.daemon;
    let up = span(status.at_ms.saturating_sub(daemon.started_ms));
    let revision = status.revision;
    let workers = count(daemon.workers.into(), "worker");
    let file = daemon.config_file.as_ref().map_or_else(String::new, |file| format!(", config {file}"));
    let drift = if daemon.drift { " (changed since it was taken: poise config diff)" } else { "" };
    let DaemonStatus { version, host, .. } = daemon;
    let read_only = if daemon.read_only { ", read-only" } else { "" };
    format!("poised {version} on {host}, up {up}, {workers}, revision {revision}{read_only}{file}{drift}")
}

/// How a process before this one is doing.
fn predecessor(one: &PredecessorStatus) -> String {
    let open = count(usize::try_from(one.open).unwrap_or(usize::MAX), "open connection");
    format!("process {} (poised {}) drains until {}: {open}", one.pid, clean(&one.version), moment(one.until_ms))
}

/// How the hook is doing.
fn hook(hook: &HookStatus) -> String {
    let HookStatus { program, running, waiting, passed_total, failed_total, timed_out_total, lost_total, .. } = hook;
    let runs = count(usize::try_from(passed_total + failed_total + timed_out_total).unwrap_or(usize::MAX), "run");
    let ends = format!("{failed_total} failed, {timed_out_total} timed out, {lost_total} news lost");
    format!("hook {program}: {runs}, {ends}; {running} under way, {waiting} waiting")
}

/// What the health log takes of the disk, and what was lost; nothing while it is empty and well.
fn recorder(recorder: &RecorderStatus) -> Option<String> {
    let RecorderStatus { bytes, bytes_max, oldest_ms, waiting, lost_total, failed_total, failure } = recorder;
    if oldest_ms.is_none() && failure.is_none() && (*lost_total, *failed_total) == (0, 0) {
        return None;
    }
    let since = oldest_ms.map_or_else(String::new, |oldest_ms| format!(" since {}", moment(oldest_ms)));
    let mut said = vec![format!("health log{since}, {} of {}", size(*bytes), size(*bytes_max))];
    let writes = if *failed_total == 1 { "failed write" } else { "failed writes" };
    let counted = [("waiting", waiting), ("lost", lost_total), (writes, failed_total)];
    said.extend(counted.iter().filter(|(_, count)| **count > 0).map(|(what, count)| format!("{count} {what}")));
    Some(said.join(", "))
}

/// Rows of all kinds, each headed by its kind.
fn flat(status: &Status) -> String {
    let head = std::iter::once(format!("daemon\t{}\t{}\n", clean(&status.daemon.version), status.revision));
    let listeners = status.listeners.iter().map(|row| format!("listener\t{}", tsv(listener::COLUMNS, row)));
    let groups = status.groups.iter().map(|row| format!("group\t{}", tsv(group::COLUMNS, row)));
    let backends = status.groups.iter().flat_map(|group| &group.backends);
    let backends = backends.map(|row| format!("backend\t{}", tsv(backend::COLUMNS, row)));
    let findings = status.findings.iter().map(|row| format!("finding\t{}", tsv(finding::COLUMNS, row)));
    let window = status.window.iter().map(|window| format!("window\t{}\t{}\n", window.revision, window.deadline_ms));
    let layers = status.layers.iter().map(|row| format!("layer\t{}", tsv(layers::COLUMNS, row)));
    let before = status.daemon.predecessors.iter();
    let before = before.map(|one| format!("predecessor\t{}\t{}\t{}\n", one.pid, one.open, one.until_ms));
    let head = head.chain(before);
    head.chain(listeners).chain(groups).chain(backends).chain(window).chain(layers).chain(findings).collect()
}

/// Everything in JSON.
#[derive(Serialize)]
struct Document<'a> {
    at: String,
    at_ms: u64,
    degraded: bool,
    reasons: Vec<String>,
    revision: u64,
    generation: u64,
    daemon: &'a DaemonStatus,
    recorder: &'a RecorderStatus,
    listeners: Vec<listener::ListenerRow<'a>>,
    groups: Vec<group::GroupRow<'a>>,
    backends: Vec<backend::BackendRow<'a>>,
    findings: &'a [Finding],
}

impl<'a> Document<'a> {
    fn new(status: &'a Status) -> Self {
        let reasons = reasons(status);
        Self {
            at: moment(status.at_ms),
            at_ms: status.at_ms,
            degraded: !reasons.is_empty(),
            reasons,
            revision: status.revision,
            generation: status.generation,
            daemon: &status.daemon,
            recorder: &status.recorder,
            listeners: status.listeners.iter().map(listener::row).collect(),
            groups: status.groups.iter().map(group::row).collect(),
            backends: status.groups.iter().flat_map(|group| &group.backends).map(backend::row).collect(),
            findings: &status.findings,
        }
    }
}

#[cfg(test)]
mod tests;
