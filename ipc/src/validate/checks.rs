//! Whether the health settings of a group make sense together.

use std::collections::HashSet;

use super::expressions;
use crate::fault::Fault;
use crate::model::{Address, CheckMethod, CheckProtocol, Group, HealthCheck};

/// More bytes than the texts of a check take in print.
pub(super) fn printed_max(check: &HealthCheck) -> usize {
    let texts = [&check.send, &check.receive, &check.receive_regex, &check.service, &check.host, &check.server_name];
    let texts = texts.into_iter().flatten().map(|text| 2 * text.len()).sum::<usize>();
    let fields = check.headers.iter().map(|field| 2 * (field.name.len() + field.value.len()) + 8).sum::<usize>();
    check.path.len() + texts + fields
}

/// Adds the faults of a group's health settings; nothing that hangs on a path in `broken` is judged.
pub(super) fn judge(faults: &mut Vec<Fault>, path: &str, group: &Group, broken: &HashSet<String>) {
    let sound = |key: &str| !broken.contains(&format!("{path}.{key}"));
    let probes = format!("{path}.health_check");
    faults.extend(datagrams(&probes, group));
    if sound("health_check.method") && sound("health_check.protocol") {
        faults.extend(bodiless(&probes, &group.health_check));
    }
    if let Some(pattern) = &group.health_check.receive_regex
        && sound("health_check.receive_regex")
    {
        faults.extend(expressions::judge_pattern(&format!("{probes}.receive_regex"), pattern));
    }
    if sound("damping.suppress") && sound("damping.reuse") && group.damping.reuse >= group.damping.suppress {
        let fault = Fault::new(format!("{path}.damping.reuse"), "a backend that is kept out would be used at once");
        faults.push(fault.allowed(format!("below suppress, which is {}", group.damping.suppress)));
    }
    let (first, longest) = (group.passive.ejection_ms, group.passive.ejection_ms_max);
    if sound("passive.ejection") && sound("passive.ejection_max") && longest < first {
        let fault = Fault::new(format!("{path}.passive.ejection_max"), "shorter than the first ejection");
        faults.push(fault.hint("make it at least as long as ejection"));
    }
}

fn datagrams(path: &str, group: &Group) -> Option<Fault> {
    let unix = group.backends.iter().find(|(_, backend)| matches!(backend.address, Address::Unix(_)));
    let (name, _) = unix.filter(|_| group.health_check.protocol == CheckProtocol::Udp)?;
    let fault = Fault::new(format!("{path}.protocol"), format!("backend {name} is a Unix socket"));
    Some(fault.hint("use protocol = \"tcp\" or \"http\""))
}

/// A body that is to be read where none comes.
fn bodiless(path: &str, check: &HealthCheck) -> Option<Fault> {
    let key = match (&check.receive, &check.receive_regex) {
        (Some(_), _) => "receive",
        (None, Some(_)) => "receive_regex",
        (None, None) => return None,
    };
    let http = matches!(check.protocol, CheckProtocol::Http | CheckProtocol::Https);
    (http && check.method == CheckMethod::Head).then(|| {
        let fault = Fault::new(format!("{path}.{key}"), "answers to HEAD have no body");
        fault.hint("use method = \"GET\"")
    })
}
