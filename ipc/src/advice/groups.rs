//! Advice on a group, its backends and its health check.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{Finding, Severity, balance};
use crate::Name;
use crate::limits;
use crate::model::{Address, AdminState, CheckProtocol, CheckProxy, Group, HealthCheck, Scheduler};
use crate::text::duration_text;

/// Ends of a path that a program answers rather than a file (T-16).
const DYNAMIC_ENDS: [&str; 6] = [".php", ".jsp", ".asp", ".aspx", ".cgi", ".do"];

/// Adds what there is to say about a group; `used` when a listener sends it traffic.
pub(super) fn judge(findings: &mut Vec<Finding>, name: &Name, group: &Group, used: bool) {
    let path = format!("groups.{name}");
    if used {
        findings.extend(no_traffic(&path, group));
    } else {
        let finding =
            Finding::new(Severity::Note, "group-unused", &*path).says("no listener sends traffic to this group");
        findings.push(finding.remedy("name it in a listener, or remove it"));
    }
    findings.extend(equal_weights(&path, group));
    balance::group(findings, &path, group);
    findings.extend(shared_addresses(&path, group));
    check(findings, &format!("{path}.health_check"), &group.health_check);
}

/// Why a group answers nobody.
fn no_traffic(path: &str, group: &Group) -> Option<Finding> {
    let severe = |code, message: &str| Finding::new(Severity::Severe, code, path).says(message);
    let enabled = || group.backends.values().filter(|backend| backend.state == AdminState::Enabled);
    if group.backends.is_empty() {
        let finding =
            severe("group-without-backends", "the group has no backends: connections are closed, requests get 503");
        Some(finding.remedy("add a backend"))
    } else if enabled().next().is_none() {
        let finding =
            severe("group-without-enabled", "no backend is enabled: new connections are closed, requests get 503");
        Some(finding.remedy("enable a backend"))
    } else if enabled().all(|backend| backend.weight == 0) {
        let finding = severe("group-without-weight", "every enabled backend has weight 0: requests get 503");
        Some(finding.remedy("give a backend a weight from 1 to 1000"))
    } else {
        None
    }
}

fn equal_weights(path: &str, group: &Group) -> Option<Finding> {
    let mut weights = group.backends.values().map(|backend| backend.weight).filter(|weight| *weight > 0);
    let first = weights.next()?;
    let unequal = weights.any(|weight| weight != first);
    (group.scheduler == Scheduler::Rr && unequal).then(|| {
        let finding = Finding::new(Severity::Warning, "weight-without-effect", format!("{path}.scheduler"));
        finding.says("rr takes backends in turn whatever their weight, and the weights differ").remedy("use wrr")
    })
}

fn shared_addresses(path: &str, group: &Group) -> Vec<Finding> {
    let mut held: HashMap<&Address, &Name> = HashMap::new();
    let mut findings = Vec::new();
    for (name, backend) in &group.backends {
        if let Some(other) = held.insert(&backend.address, name) {
            let finding = Finding::new(Severity::Warning, "address-twice", format!("{path}.backends.{name}.address"));
            let finding = finding.says(format!("{} is backend {other} as well and gets both shares", backend.address));
            findings.push(finding.remedy("remove one of them and raise the weight of the other"));
        }
    }
    findings
}

fn check(findings: &mut Vec<Finding>, path: &str, check: &HealthCheck) {
    if check.protocol == CheckProtocol::Off {
        let finding = Finding::new(Severity::Warning, "checks-off", path);
        let finding = finding.says("probes are off: a backend that accepts and then fails keeps its share (S-32)");
        findings.push(finding.remedy("use protocol = \"http\" or \"tcp\""));
        return;
    }
    findings.extend(slow(path, check));
    beyond(findings, path, check);
    if check.protocol == CheckProtocol::Http {
        http(findings, path, check);
    }
    foreign_settings(findings, path, check);
}

/// A timeout that stretches the cadence further than the reference's 5 s over 2 s does.
fn slow(path: &str, check: &HealthCheck) -> Option<Finding> {
    let stretched = u64::from(check.timeout_ms) * u64::from(limits::CHECK_INTERVAL_MS_DEFAULT)
        > u64::from(check.interval_ms) * u64::from(limits::CHECK_TIMEOUT_MS_DEFAULT);
    stretched.then(|| {
        let found = duration_text(check.timeout_ms.saturating_mul(u32::from(check.fall)));
        let message = format!("a backend that hangs is probed once per timeout and found out after {found}");
        let finding = Finding::new(Severity::Note, "timeout-over-interval", format!("{path}.timeout"));
        finding.says(message).remedy("bring the timeout close to the interval")
    })
}

/// Values that poise allows and the reference does not.
fn beyond(findings: &mut Vec<Finding>, path: &str, check: &HealthCheck) {
    let intervals = limits::CHECK_INTERVAL_MS_REFERENCE;
    if !intervals.contains(&check.interval_ms) {
        let range = format!("{} to {}", duration_text(*intervals.start()), duration_text(*intervals.end()));
        findings.push(outside(path, "interval", duration_text(check.interval_ms), &range));
    }
    let thresholds: RangeInclusive<u16> = limits::CHECK_THRESHOLD_REFERENCE;
    let range = format!("{} to {}", thresholds.start(), thresholds.end());
    for (key, value) in [("rise", check.rise), ("fall", check.fall)] {
        if !thresholds.contains(&value) {
            findings.push(outside(path, key, value, &range));
        }
    }
    if check.path.len() > limits::CHECK_PATH_LEN_REFERENCE_MAX {
        let found = format!("{} characters", check.path.len());
        findings.push(outside(path, "path", found, &format!("up to {}", limits::CHECK_PATH_LEN_REFERENCE_MAX)));
    }
}

/// The note on a value beyond the reference's range.
pub(super) fn outside(path: &str, key: &str, found: impl Display, range: &str) -> Finding {
    let finding = Finding::new(Severity::Note, "beyond-reference", format!("{path}.{key}"));
    finding.says(format!("{found} is beyond the usual {range}")).remedy("keep it if it is meant")
}

fn http(findings: &mut Vec<Finding>, path: &str, check: &HealthCheck) {
    if (500..600).any(|code| check.expects(code)) {
        let finding = Finding::new(Severity::Warning, "expects-errors", format!("{path}.expect"));
        let finding = finding.says("a backend that answers with a 5xx status counts as healthy");
        findings.push(finding.remedy("expect 2xx and 3xx"));
    }
    let file = check.path.split(['?', '#']).next().unwrap_or_default();
    if DYNAMIC_ENDS.iter().any(|end| file.ends_with(end)) {
        let finding = Finding::new(Severity::Note, "check-of-program", format!("{path}.path"));
        let finding =
            finding.says("the probe runs a program on the backend each time, and is slow when the backend is");
        findings.push(finding.remedy("probe a static page"));
    }
}

/// Settings of a probe beside another protocol than theirs.
fn foreign_settings(findings: &mut Vec<Finding>, path: &str, check: &HealthCheck) {
    let standard = HealthCheck::default();
    let given = [
        ("method", CheckProtocol::Http, check.method != standard.method),
        ("path", CheckProtocol::Http, check.path != standard.path),
        ("host", CheckProtocol::Http, check.host != standard.host),
        ("expect", CheckProtocol::Http, check.expect != standard.expect),
        ("send", CheckProtocol::Udp, check.send != standard.send),
        ("receive", CheckProtocol::Udp, check.receive != standard.receive),
    ];
    let headless = match check.protocol {
        CheckProtocol::Udp if check.proxy == CheckProxy::V1 => Some(("version 1 has no form for udp", "use v2")),
        CheckProtocol::Http | CheckProtocol::Udp => None,
        CheckProtocol::Tcp | CheckProtocol::Off => {
            Some(("a probe that only connects, or none, says nothing", "use protocol = \"http\""))
        }
    };
    if let Some((why, remedy)) = headless.filter(|_| check.proxy != CheckProxy::Off) {
        findings.push(without_effect(path, "proxy", why, remedy));
    }
    for (key, of, _) in given.iter().filter(|(_, of, given)| *given && *of != check.protocol) {
        let why = format!("the health check's protocol is {}", check.protocol);
        findings.push(without_effect(path, key, &why, &format!("use protocol = \"{of}\"")));
    }
}

/// The note on a setting that does nothing.
pub(super) fn without_effect(path: &str, key: &str, why: &str, remedy: &str) -> Finding {
    let finding = Finding::new(Severity::Note, "setting-without-effect", format!("{path}.{key}"));
    finding.says(format!("{key} does nothing: {why}")).remedy(format!("{remedy}, or remove {key}"))
}
