//! Advice on a listener: its persistence, its scheduler beside it, and loops.

use super::groups::{outside, without_effect};
use super::{Finding, Severity};
use crate::model::{ForwardedFor, Listener, Persistence, Protocol, Scheduler};
use crate::text::duration_text;
use crate::{Config, Name, limits};

/// Persistence shorter than this ends between two clicks (S-49), in milliseconds.
const PERSISTENCE_SHORT_MS: u32 = 60_000;

/// Adds what there is to say about a listener.
pub(super) fn judge(findings: &mut Vec<Finding>, config: &Config, name: &Name, listener: &Listener) {
    let path = format!("listeners.{name}");
    persistence(findings, &path, config, listener);
    loops(findings, &path, config, listener);
    if listener.protocol == Protocol::Tcp {
        let why = "the listener's protocol is tcp";
        if listener.response_timeout_ms != limits::RESPONSE_TIMEOUT_MS_DEFAULT {
            findings.push(without_effect(&path, "response_timeout", why, "use protocol = \"http\""));
        }
        if listener.forwarded_for != ForwardedFor::Append {
            findings.push(without_effect(&path, "forwarded_for", why, "use protocol = \"http\""));
        }
    }
}

fn persistence(findings: &mut Vec<Finding>, path: &str, config: &Config, listener: &Listener) {
    let path = format!("{path}.persistence");
    let (timeout_ms, reference_ms) = match listener.persistence {
        Persistence::Off => return,
        Persistence::Source { timeout_ms } => (timeout_ms, limits::SOURCE_TIMEOUT_MS_REFERENCE_MAX),
        Persistence::CookieInsert { timeout_ms, .. } => (timeout_ms, limits::COOKIE_TIMEOUT_MS_REFERENCE_MAX),
    };
    if timeout_ms > reference_ms {
        let range = format!("1s to {}", duration_text(reference_ms));
        findings.push(outside(&path, "timeout", duration_text(timeout_ms), &range));
    }
    if timeout_ms < PERSISTENCE_SHORT_MS {
        let finding = Finding::new(Severity::Note, "persistence-short", format!("{path}.timeout"));
        let finding = finding.says("a client that pauses this long comes to another backend");
        findings.push(finding.remedy("use a minute or more"));
    }
    if config.groups.get(&listener.group).is_some_and(|group| group.scheduler == Scheduler::Wlc) {
        let finding = Finding::new(Severity::Warning, "wlc-with-persistence", path);
        let finding =
            finding.says("pinned clients do not follow the load, so wlc with persistence drifts out of balance");
        findings.push(finding.remedy(format!("use scheduler = \"wrr\" in groups.{} (S-19)", listener.group)));
    }
}

/// Backends of the listener's group that are the listener itself (S-59).
fn loops(findings: &mut Vec<Finding>, path: &str, config: &Config, listener: &Listener) {
    let Some(group) = config.groups.get(&listener.group) else { return };
    for (name, backend) in &group.backends {
        let here = backend.address.port() == listener.bind.port()
            && (backend.address.ip() == listener.bind.ip()
                || listener.bind.ip().is_unspecified() && backend.address.ip().is_loopback());
        if here {
            let subject = format!("groups.{}.backends.{name}.address", listener.group);
            let finding = Finding::new(Severity::Severe, "loop", subject);
            let finding = finding.says(format!("{} is {path} itself: its traffic would go round", backend.address));
            findings.push(finding.remedy("give the address of the real backend"));
        }
    }
}
