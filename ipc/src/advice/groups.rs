//! Advice on a group and its backends; on its health checks it is in `checks`.

use std::collections::HashMap;
use std::fmt::Display;

use super::{Finding, Severity, balance, checks};
use crate::Name;
use crate::model::{Address, AdminState, Group, Scheduler};

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
    checks::judge(findings, &path, group);
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

/// The note on a value beyond the reference's range.
pub(super) fn outside(path: &str, key: &str, found: impl Display, range: &str) -> Finding {
    let finding = Finding::new(Severity::Note, "beyond-reference", format!("{path}.{key}"));
    finding.says(format!("{found} is beyond the usual {range}")).remedy("keep it if it is meant")
}

/// The note on a setting that does nothing.
pub(super) fn without_effect(path: &str, key: &str, why: &str, remedy: &str) -> Finding {
    let finding = Finding::new(Severity::Note, "setting-without-effect", format!("{path}.{key}"));
    finding.says(format!("{key} does nothing: {why}")).remedy(format!("{remedy}, or remove {key}"))
}
