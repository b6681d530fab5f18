//! Advice on TLS: settings that do nothing, certificates that nobody gets, hosts of routes that get
//! one of others.
//!
//! Which names a certificate speaks for, the daemon knows and hands over; their days are
//! `certificates`' to judge.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::groups::without_effect;
use super::{Finding, Severity};
use crate::model::{BackendTlsMode, CheckProtocol, Group, HostPattern, Listener, Protocol, UnknownName};
use crate::status::{CertificateFacts, CertificateStatus};
use crate::{Config, Name};

/// Hosts that one finding names.
const HOSTS_NAMED_MAX: usize = 3;

/// Adds what there is to say about TLS to the backends of a group.
pub(super) fn towards(findings: &mut Vec<Finding>, config: &Config, name: &Name, group: &Group) {
    let (path, mode) = (format!("groups.{name}.tls"), group.tls.mode);
    if mode != BackendTlsMode::Verify && group.tls.ca.is_some() {
        findings.push(without_effect(&path, "ca", &format!("mode is {mode}"), "use mode = \"verify\""));
    }
    if mode == BackendTlsMode::Off && group.tls.name.is_some() {
        findings.push(without_effect(&path, "name", "mode is off", "use mode = \"verify\""));
    }
    let mut users = config.listeners.values().filter(|listener| listener.groups().any(|group| group == name));
    let Some(first) = users.next().filter(|_| mode != BackendTlsMode::Off) else { return };
    if first.protocol.is_http() || users.any(|listener| listener.protocol.is_http()) {
        return;
    }
    let (severity, checks) = match group.health_check.protocol {
        CheckProtocol::Off => (Severity::Warning, ""),
        _ => (Severity::Note, "; only health checks speak it"),
    };
    let finding = Finding::new(severity, "tls-passed-by", format!("{path}.mode"));
    let message = format!("{} listeners pass on what clients send, without TLS of their own{checks}", first.protocol);
    findings.push(finding.says(message).remedy("use listeners of http or https, or mode = \"off\""));
}

/// Adds the certificates that no listener uses.
pub(super) fn unused(findings: &mut Vec<Finding>, config: &Config) {
    let secured = config.listeners.values().filter(|listener| listener.protocol == Protocol::Https);
    let used: BTreeSet<_> = secured.flat_map(|listener| &listener.tls.certificates).collect();
    for name in config.certificates.keys().filter(|name| !used.contains(name)) {
        let finding = Finding::new(Severity::Note, "certificate-unused", format!("certificates.{name}"));
        let finding = finding.says("no https listener uses it");
        findings.push(finding.remedy("name it in tls.certificates of a listener, or remove it"));
    }
}

/// The findings on routes for hosts that no certificate of their listener speaks for.
pub fn uncovered(config: &Config, certificates: &[CertificateStatus]) -> Vec<Finding> {
    let secured = config.listeners.iter().filter(|(_, listener)| listener.protocol == Protocol::Https);
    let findings = secured.flat_map(|(name, listener)| of_listener(name, listener, certificates));
    findings.collect()
}

fn of_listener(name: &Name, listener: &Listener, certificates: &[CertificateStatus]) -> Vec<Finding> {
    let status = |name: &Name| certificates.iter().find(|certificate| certificate.name == *name);
    let held: Option<Vec<_>> =
        listener.tls.certificates.iter().map(|name| Some((name, status(name)?.facts.as_ref()?))).collect();
    // What cannot be read has a finding of its own, and may be the one that is missed here.
    let Some(held) = held else { return Vec::new() };
    let Some((first, _)) = held.first() else { return Vec::new() };
    let routes = listener.routes.iter().filter_map(|(route, settings)| {
        let missed: Vec<_> = settings.hosts.iter().filter(|host| !is_covered(host, &held)).collect();
        let hosts = named(&missed)?;
        let finding =
            Finding::new(Severity::Warning, "certificate-of-others", format!("listeners.{name}.routes.{route}.hosts"));
        let finding = finding.says(match listener.tls.unknown_name {
            UnknownName::Default => {
                format!("no certificate of the listener speaks for {hosts}: clients get {first} and refuse it")
            }
            UnknownName::Reject => {
                format!("no certificate of the listener speaks for {hosts}: clients are turned away")
            }
        });
        Some(finding.remedy(format!("add a certificate for it to listeners.{name}.tls.certificates")))
    });
    routes.collect()
}

/// Some of the hosts by name, the others by their number.
fn named(hosts: &[&HostPattern]) -> Option<String> {
    let names: Vec<_> = hosts.iter().take(HOSTS_NAMED_MAX).map(ToString::to_string).collect();
    let more = hosts.len().saturating_sub(HOSTS_NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| names.join(", ") + &more)
}

/// Whether clients that ask for a host get a certificate that speaks for it. A wildcard of a
/// certificate stands for one label (RFC 9525 section 6.3), that of a route for any number: here the
/// first of them counts.
fn is_covered(host: &HostPattern, held: &[(&Name, &CertificateFacts)]) -> bool {
    let speaks = |facts: &CertificateFacts, name: &str| facts.names.iter().any(|known| known == name);
    let any = |name: &str| held.iter().any(|(_, facts)| speaks(facts, name));
    if host.below {
        return any(&host.to_string());
    }
    if let Ok(address) = host.name.parse::<IpAddr>() {
        // Who goes to an address asks for no name, and gets the first.
        return held.first().is_some_and(|(_, facts)| speaks(facts, &address.to_string()));
    }
    any(&host.name) || host.name.split_once('.').is_some_and(|(_, above)| any(&format!("*.{above}")))
}

#[cfg(test)]
mod tests;
