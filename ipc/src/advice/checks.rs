//! Advice on how the backends of a group are judged: probes, traffic, and what is done with verdicts.

use std::ops::RangeInclusive;

use super::groups::{outside, without_effect};
use super::{Finding, Severity};
use crate::limits;
use crate::model::{
    AdminState, Backend, BackendTlsMode, CheckMethod, CheckProtocol, CheckProxy, FailOpen, FailOpenWhen, Group,
    HealthCheck, HealthLog, Passive, Switch,
};
use crate::text::duration_text;

/// Ends of a path that a program answers rather than a file (T-16).
const DYNAMIC_ENDS: [&str; 6] = [".php", ".jsp", ".asp", ".aspx", ".cgi", ".do"];

/// Time to find out about a backend that is gone, above which it is worth a note: five times that of
/// the defaults.
const DETECTION_MS_USUAL_MAX: u32 = 30_000;

/// Adds what there is to say about how the backends of the group at `path` are judged.
pub(super) fn judge(findings: &mut Vec<Finding>, path: &str, group: &Group) {
    probes(findings, &format!("{path}.health_check"), group);
    policy(findings, path, group);
    passive(findings, &format!("{path}.passive"), &group.passive);
}

fn probes(findings: &mut Vec<Finding>, path: &str, group: &Group) {
    let check = &group.health_check;
    if check.protocol == CheckProtocol::Off {
        let finding = Finding::new(Severity::Warning, "checks-off", path);
        let finding = finding.says("probes are off: a backend that accepts and then fails keeps its share (S-32)");
        findings.push(finding.remedy("use protocol = \"http\" or \"tcp\""));
        return;
    }
    findings.extend(slow(path, check));
    beyond(findings, path, check);
    findings.extend(late(path, check));
    findings.extend(elsewhere(path, check));
    if asks(check.protocol) {
        http(findings, path, check);
    }
    findings.extend(unverified(path, group));
    findings.extend(thinned(path, check));
    foreign_settings(findings, path, check);
}

/// Whether a probe is a request with a path.
const fn asks(protocol: CheckProtocol) -> bool {
    matches!(protocol, CheckProtocol::Http | CheckProtocol::Https)
}

/// A cadence that finds dead backends late (S-31).
fn late(path: &str, check: &HealthCheck) -> Option<Finding> {
    let fast = check.fast_interval_ms.unwrap_or(check.interval_ms);
    let found = check.interval_ms.saturating_add(fast.saturating_mul(u32::from(check.fall) - 1));
    (found > DETECTION_MS_USUAL_MAX).then(|| {
        let message = format!(
            "a backend that is gone is found out after up to {}; until then its share of the traffic fails (S-31)",
            duration_text(found)
        );
        let finding = Finding::new(Severity::Note, "late-detection", format!("{path}.interval"));
        finding.says(message).remedy("set fast_interval: it holds only while verdicts contradict the health")
    })
}

/// Probes of another port than the traffic's (S-34).
fn elsewhere(path: &str, check: &HealthCheck) -> Option<Finding> {
    check.port.map(|port| {
        let finding = Finding::new(Severity::Note, "check-elsewhere", format!("{path}.port"));
        let finding = finding.says(format!("probes go to port {port}: what serves the traffic may fail unseen (S-34)"));
        finding.remedy("probe the port of the backends, and tell probes by their User-Agent in its log")
    })
}

/// Probes over TLS that believe any certificate.
fn unverified(path: &str, group: &Group) -> Option<Finding> {
    (group.health_check.protocol == CheckProtocol::Https && group.tls.mode == BackendTlsMode::Off).then(|| {
        let finding = Finding::new(Severity::Note, "check-unverified", format!("{path}.protocol"));
        let finding = finding.says("the group speaks no TLS, so that its probes believe any certificate");
        finding.remedy("set tls = \"verify\" if its backends speak TLS to clients of poised as well")
    })
}

/// A log that leaves verdicts out (S-61).
fn thinned(path: &str, check: &HealthCheck) -> Option<Finding> {
    (check.log != HealthLog::All).then(|| {
        let finding = Finding::new(Severity::Note, "log-thinned", format!("{path}.log"));
        let finding =
            finding.says("verdicts are left out of the health log: how a backend was before it failed cannot be read");
        finding.remedy("keep log = \"all\": equal verdicts in a row are one row, in fixed space")
    })
}

/// Limits that are met all the time, or never.
fn policy(findings: &mut Vec<Finding>, path: &str, group: &Group) {
    let weighted = |backend: &&Backend| backend.weight > 0 && backend.state == AdminState::Enabled && !backend.backup;
    let all = group.backends.values().filter(weighted).count();
    let FailOpen { when, below, using } = group.fail_open;
    let standard = FailOpen::default();
    if when == FailOpenWhen::Below && all > 0 && below.of(all) > all {
        let finding = Finding::new(Severity::Warning, "always-fail-open", format!("{path}.fail_open.below"));
        let finding = finding.says(format!("{below} of {all} backends are never usable: health changes nothing"));
        findings.push(finding.remedy("ask for fewer"));
    }
    if when != FailOpenWhen::Below && below != standard.below {
        findings.push(without_effect(path, "fail_open.below", "fail_open.when is not below", "use when = \"below\""));
    }
    if when == FailOpenWhen::Never && using != standard.using {
        findings.push(without_effect(path, "fail_open.use", "fail_open.when is never", "use when = \"all-down\""));
    }
    if all > 0 && group.min_usable.of(all) >= all {
        let finding = Finding::new(Severity::Warning, "never-down", format!("{path}.min_usable"));
        let finding = finding.says(format!("all {all} backends stay usable whatever their checks say"));
        findings.push(finding.remedy("ask for fewer"));
    }
}

fn passive(findings: &mut Vec<Finding>, path: &str, passive: &Passive) {
    if passive.mode == Switch::On && passive.connect_errors + passive.server_errors + passive.timeouts == 0 {
        let finding = Finding::new(Severity::Note, "setting-without-effect", format!("{path}.mode"));
        findings.push(
            finding.says("nothing counts, so that nobody is ejected").remedy("count something, or use mode = \"off\""),
        );
    }
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
    let (standard, own) = (HealthCheck::default(), check.protocol);
    let (http, stream) = (asks(own), matches!(own, CheckProtocol::Tcp | CheckProtocol::Udp));
    let tls = matches!(own, CheckProtocol::Https | CheckProtocol::Grpc);
    let given = [
        ("method", "http", http, check.method != standard.method),
        ("path", "http", http, check.path != standard.path),
        ("host", "http", http || own == CheckProtocol::Grpc, check.host != standard.host),
        ("expect", "http", http, check.expect != standard.expect),
        ("version", "http", http, check.version != standard.version),
        ("headers", "http", http, check.headers != standard.headers),
        ("server_name", "https", tls, check.server_name != standard.server_name),
        ("service", "grpc", own == CheckProtocol::Grpc, check.service != standard.service),
        ("receive", "udp", http || stream, check.receive != standard.receive),
        ("receive_regex", "udp", http || stream, check.receive_regex != standard.receive_regex),
        ("send", "udp", http || stream, check.send != standard.send),
    ];
    for (key, of, ..) in given.iter().filter(|(_, _, fits, given)| *given && !*fits) {
        let why = format!("the health check's protocol is {own}");
        findings.push(without_effect(path, key, &why, &format!("use protocol = \"{of}\"")));
    }
    if http && check.send.is_some() && check.method != CheckMethod::Post {
        let why = format!("{} requests have no body here", check.method);
        findings.push(without_effect(path, "send", &why, "use method = \"POST\""));
    }
    let says = check.send.is_some() || check.receive.is_some() || check.receive_regex.is_some();
    let headless = match own {
        CheckProtocol::Udp if check.proxy == CheckProxy::V1 => Some(("version 1 has no form for udp", "use v2")),
        CheckProtocol::Tcp if !says => Some(("a probe that only connects says nothing", "use protocol = \"http\"")),
        _ => None,
    };
    if let Some((why, remedy)) = headless.filter(|_| check.proxy != CheckProxy::Off) {
        findings.push(without_effect(path, "proxy", why, remedy));
    }
}
