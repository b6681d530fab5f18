//! Advice on how work is shared out: schedulers beside persistence, few clients, backups, slow start
//! (S-13 to S-19).
//!
//! Unequal weights are as configured and no finding; what only traffic can show (slow backends, few
//! requests, long-lived connections) is for the screens that count it.

use super::groups::without_effect;
use super::{Finding, Severity};
use crate::model::{Bind, Group, Listener, PersistenceKind, ProxyMode, Scheduler};
use crate::{Config, Name};

/// With fewer bits than these, the whole Internet is a few hundred clients.
const PREFIX_V4_FEW: u16 = 8;
/// The same of IPv6: registries hand out no network that is larger.
const PREFIX_V6_FEW: u16 = 12;

/// Adds what there is to say about the schedule of a group at `path`.
pub(super) fn group(findings: &mut Vec<Finding>, path: &str, group: &Group) {
    if group.slow_start_ms.is_some() && matches!(group.scheduler, Scheduler::Rr | Scheduler::Hash) {
        let why = format!("{} does not go by weights that change", group.scheduler);
        findings.push(without_effect(path, "slow_start", &why, "use scheduler = \"wrr\""));
    }
    if !group.backends.is_empty() && group.backends.values().all(|backend| backend.backup) {
        let finding = Finding::new(Severity::Note, "backups-only", path);
        let finding = finding.says("every backend is a backup, so they serve as if none were");
        findings.push(finding.remedy("make those that should serve first backup = false"));
    }
}

/// Adds what there is to say about a listener at `path` whose clients the scheduler cannot tell apart.
pub(super) fn clients(findings: &mut Vec<Finding>, path: &str, config: &Config, listener: &Listener) {
    let Some((name, group)) = config.group_of(listener) else { return };
    if group.scheduler == Scheduler::Hash && is_nameless(listener) {
        let finding = Finding::new(Severity::Warning, "hash-of-one", path);
        let finding = finding.says("clients of a Unix socket have no address: hash gives all of them one backend");
        findings.push(finding.remedy(format!("use scheduler = \"wrr\" in groups.{name}")));
    }
}

/// Whether its clients have no addresses.
fn is_nameless(listener: &Listener) -> bool {
    matches!(listener.bind, Bind::Unix(_)) && listener.accept_proxy.mode == ProxyMode::Off
}

/// Adds what there is to say about the persistence of a listener, whose path is `path`, beside its
/// group's scheduler.
pub(super) fn persistence(findings: &mut Vec<Finding>, path: &str, config: &Config, listener: &Listener) {
    let Some((name, group)) = config.group_of(listener) else { return };
    findings.extend(beside(path, (name, group.scheduler), listener));
    if listener.persistence.kind == PersistenceKind::Source {
        findings.extend(few_clients(path, listener));
    }
}

/// A scheduler that persistence keeps from doing its work.
fn beside(path: &str, (group, scheduler): (&Name, Scheduler), listener: &Listener) -> Option<Finding> {
    let warning = |code| Finding::new(Severity::Warning, code, path);
    let (finding, why) = match scheduler {
        Scheduler::Wlc => (warning("wlc-with-persistence"), "so wlc with persistence drifts out of balance"),
        Scheduler::P2c => (warning("p2c-with-persistence"), "so p2c with persistence drifts out of balance"),
        Scheduler::Hash if listener.persistence.kind == PersistenceKind::Source => {
            let finding = Finding::new(Severity::Note, "hash-with-persistence", path);
            let finding = finding.says(
                "hash finds the same backend for a client by itself; the table only keeps clients from coming \
                 back after their backend was away",
            );
            return Some(finding.remedy("use kind = \"off\", or scheduler = \"wrr\" in the group"));
        }
        Scheduler::Hash | Scheduler::Rr | Scheduler::Wrr => return None,
    };
    let finding = finding.says(format!("pinned clients do not follow the load, {why}"));
    Some(finding.remedy(format!("use scheduler = \"wrr\" in groups.{group} (S-19)")))
}

/// What makes all clients one, or nearly (S-16).
fn few_clients(path: &str, listener: &Listener) -> Vec<Finding> {
    let few = |subject: String, message: String| {
        let finding = Finding::new(Severity::Warning, "persistence-of-few", subject).says(message);
        finding.remedy("use a longer prefix, or kind = \"off\" (S-16)")
    };
    let mut findings = Vec::new();
    if is_nameless(listener) {
        let message = "clients of a Unix socket have no address: all of them are one client and share one backend";
        findings.push(few(path.to_owned(), message.to_owned()).remedy("use kind = \"off\" (S-16)"));
    }
    let settings = &listener.persistence;
    let prefixes = [("prefix_v4", settings.prefix_v4, PREFIX_V4_FEW), ("prefix_v6", settings.prefix_v6, PREFIX_V6_FEW)];
    for (key, prefix, _) in prefixes.into_iter().filter(|(_, prefix, least)| prefix < least) {
        let message = format!("addresses that share {prefix} bits are one client: few clients, few busy backends");
        findings.push(few(format!("{path}.{key}"), message));
    }
    findings
}
