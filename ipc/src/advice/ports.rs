//! Advice on ports of protocols that cannot work through a balancer, or only in one way (S-05, L-07).
//!
//! They are known by their port alone: what is spoken there is nobody's to read.

use super::{Finding, Severity};
use crate::model::{Group, Listener, PersistenceKind, Protocol, Scheduler};
use crate::{Config, Name};

/// A protocol that names addresses or ports within its dialogue.
struct Misfit {
    port: u16,
    protocol: Protocol,
    code: &'static str,
    says: &'static str,
    remedy: &'static str,
}

const MISFITS: [Misfit; 3] = [
    Misfit {
        port: 21,
        protocol: Protocol::Tcp,
        code: "ftp",
        says: "FTP names the address and port of each transfer within its dialogue, where poised does not follow it",
        remedy: "use SFTP, which needs one connection",
    },
    Misfit {
        port: 69,
        protocol: Protocol::Udp,
        code: "tftp",
        says: "TFTP answers from another port than the one that was asked, which no flow expects",
        remedy: "use HTTP, or let clients reach the server itself",
    },
    Misfit {
        port: 1720,
        protocol: Protocol::Tcp,
        code: "h323",
        says: "H.323 agrees on further ports within its dialogue, where poised does not follow it",
        remedy: "let clients reach a gatekeeper of their own",
    },
];

/// Ports of SIP, plain and with TLS.
const SIP: [u16; 2] = [5060, 5061];

/// Adds what there is to say about the ports of a listener and its backends.
pub(super) fn judge(findings: &mut Vec<Finding>, config: &Config, name: &Name, listener: &Listener) {
    let group = config.group_of(listener);
    let subject = |port| subject(port, name, listener, group);
    for misfit in MISFITS.iter().filter(|misfit| misfit.protocol == listener.protocol) {
        if let Some(subject) = subject(misfit.port) {
            findings
                .push(Finding::new(Severity::Warning, misfit.code, subject).says(misfit.says).remedy(misfit.remedy));
        }
    }
    let stays = group.is_some_and(|(_, group)| group.scheduler == Scheduler::Hash)
        || listener.persistence.kind == PersistenceKind::Source;
    let Some((group, settings)) = group else { return };
    if !listener.protocol.is_http() && !stays && settings.backends.len() >= 2 {
        findings.extend(SIP.iter().find_map(|port| subject(*port)).map(|subject| {
            let finding = Finding::new(Severity::Warning, "sip", subject);
            let finding = finding.says("SIP spreads a call over many messages, which may come to different backends");
            finding.remedy(format!("use scheduler = \"hash\" in groups.{group}"))
        }));
    }
}

/// Where a port stands: at the listener, else at a backend behind it.
fn subject(port: u16, name: &Name, listener: &Listener, group: Option<(&Name, &Group)>) -> Option<String> {
    if listener.bind.ip().is_some_and(|address| address.port() == port) {
        return Some(format!("listeners.{name}.bind"));
    }
    let (group, settings) = group?;
    let (backend, _) = settings.backends.iter().find(|(_, backend)| backend.address.port() == Some(port))?;
    Some(format!("groups.{group}.backends.{backend}.address"))
}
