//! Findings: advice on a valid configuration, each with its code, subject and remedy.
//!
//! The rules stand in `cookies`, `groups`, `listeners`, `loops`, `ports`, `routes` and
//! `secured`. A configuration of defaults with a backend of weight has no finding. What makes a configuration invalid is a fault (`validate`).

mod balance;
mod certificates;
mod checks;
mod cookies;
mod groups;
mod listeners;
mod loops;
mod ports;
mod routes;
mod secured;

use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::model::Listener;
use crate::{BackendPath, Config};

pub use certificates::{EXPIRY_DAYS, expiries, unrooted};
pub use loops::{Site, reaches};
pub use secured::uncovered;

#[cfg(test)]
mod tests;

/// Every finding on a configuration for a host that is not known, the gravest first.
pub fn findings(config: &Config) -> Vec<Finding> {
    findings_at(config, &Site::UNKNOWN)
}

/// Every finding on a configuration, the gravest first.
pub fn findings_at(config: &Config, site: &Site<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, group) in &config.groups {
        let used = config.listeners.values().flat_map(Listener::groups).any(|group| group == name);
        groups::judge(&mut findings, name, group, used);
        secured::towards(&mut findings, config, name, group);
    }
    for (name, listener) in &config.listeners {
        listeners::judge(&mut findings, config, name, listener);
        ports::judge(&mut findings, config, name, listener);
        routes::judge(&mut findings, &format!("listeners.{name}"), listener);
        cookies::judge(&mut findings, config, (name, &format!("listeners.{name}")), listener);
    }
    secured::unused(&mut findings, config);
    loops::judge(&mut findings, config, site);
    findings.sort_by_key(|finding| Reverse(finding.severity));
    findings
}

/// The finding on a backend whose name nobody answers for, with the address that is used meanwhile
/// and the reason that the resolver gives.
pub fn unresolved(backend: &BackendPath, host: &str, kept: Option<IpAddr>, reason: &str) -> Finding {
    let subject = format!("groups.{}.backends.{}.address", backend.group, backend.backend);
    let (severity, used) = match kept {
        Some(address) => (Severity::Warning, format!("its last address {address} stays in use")),
        None => (Severity::Severe, "the backend takes no traffic".to_owned()),
    };
    let finding = Finding::new(severity, "name-unresolved", subject);
    finding.says(format!("{host} is not resolved: {reason}; {used}")).remedy("mend the name or the resolver")
}

/// The finding on a backend of the host that refuses where it is dialled, while something listens on
/// its port elsewhere.
pub fn listens_elsewhere(backend: &BackendPath, dialled: SocketAddr, found: &[IpAddr]) -> Finding {
    let subject = format!("groups.{}.backends.{}.address", backend.group, backend.backend);
    let found: Vec<_> = found.iter().map(|address| SocketAddr::new(*address, dialled.port()).to_string()).collect();
    let finding = Finding::new(Severity::Warning, "listens-elsewhere", subject);
    let message = format!("nothing listens on {dialled}, but something does on {}", found.join(" and "));
    finding.says(message).remedy("let the server listen on the address that is dialled, or on all addresses (S-07)")
}

/// The finding on a backend that passes checks which only connect, while it fails its clients (S-33).
pub fn blind_check(backend: &BackendPath) -> Finding {
    let subject = format!("groups.{}.backends.{}", backend.group, backend.backend);
    let finding = Finding::new(Severity::Warning, "check-blind", subject);
    let finding =
        finding.says("half of its responses or more are 5xx, and its check passes: it sees the port alone (S-33)");
    finding.remedy("use protocol = \"http\" in the group's health_check, or passive = \"on\"")
}

/// The finding on a health log that is not written, or that has lost rows: whether it fails now, and
/// how many were lost since the start.
pub fn unrecorded(failure: Option<&str>, lost_total: u64) -> Option<Finding> {
    let says = match (failure, lost_total) {
        (None, 0) => return None,
        (None, lost) => format!("{lost} rows of the health log are lost: the disk was slower than the probes, or full"),
        (Some(why), 0) => format!("the health log is not written: {why}"),
        (Some(why), lost) => format!("the health log is not written: {why}; {lost} rows are lost"),
    };
    let severity = if failure.is_some() { Severity::Warning } else { Severity::Note };
    let finding = Finding::new(severity, "health-log-unwritten", "daemon.health_log").says(says);
    Some(finding.remedy("look at the disk of the state directory; writing goes on by itself"))
}

/// Advice on a configuration that is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code, as in `group-without-weight`.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// Path of what it is about.
    pub subject: String,
    /// What was found and what follows from it.
    pub message: String,
    /// What would mend it.
    pub remedy: String,
}

impl Finding {
    fn new(severity: Severity, code: &str, subject: impl Into<String>) -> Self {
        Self { code: code.to_owned(), severity, subject: subject.into(), message: String::new(), remedy: String::new() }
    }

    fn says(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Likely not what was meant.
    Warning,
    /// Traffic is refused because of it.
    Severe,
}
