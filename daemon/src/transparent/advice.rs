//! What stands in the way of answers to clients' addresses, as far as this host shows it (T-08).
//!
//! Looked at with every commit; it changes nothing. Packet filters are not looked into: what they mark
//! needs a policy rule as well.

use std::fs;

use poise_ipc::Config;
use poise_ipc::advice::{Finding, Severity};
use poise_ipc::model::{Bind, ClientAddress};
use rustix::net::AddressFamily;

use super::rules;

/// Where the kernel keeps what it filters by the way back to a source.
const RP_FILTER_DIR: &str = "/proc/sys/net/ipv4/conf";

/// Advice for a configuration of which a listener speaks from its clients' addresses: on the first
/// such listener, since it is about the host.
pub(crate) fn findings(config: &Config) -> Vec<Finding> {
    let mut listeners = config.listeners.iter();
    let Some((name, listener)) = listeners.find(|(_, l)| l.client_address == ClientAddress::Transparent) else {
        return Vec::new();
    };
    let advice = [unrouted(&listener.bind), filtered()].into_iter().flatten();
    let finding = |Advice { code, message, remedy }| Finding {
        code: code.to_owned(),
        severity: Severity::Warning,
        subject: format!("listeners.{name}.client_address"),
        message,
        remedy,
    };
    advice.map(finding).collect()
}

struct Advice {
    code: &'static str,
    message: String,
    remedy: String,
}

/// Answers that no rule keeps here.
fn unrouted(bind: &Bind) -> Option<Advice> {
    let is_v6 = matches!(bind, Bind::Ip(address) if address.is_ipv6());
    let (family, option) = if is_v6 { (AddressFamily::INET6, "-6") } else { (AddressFamily::INET, "-4") };
    // A kernel that does not tell is given the benefit of the doubt.
    let is_kept = rules::has_policy(family).unwrap_or(true);
    let message = "backends answer to the clients' addresses, and no rule of this host keeps the answers for poised";
    (!is_kept).then(|| Advice {
        code: "answers-unrouted",
        message: message.to_owned(),
        remedy: format!(
            "let the backends' way to clients lead here, and then: ip {option} rule add iif INTERFACE lookup 100; \
             ip {option} route add local default dev lo table 100"
        ),
    })
}

/// Interfaces that may drop answers.
fn filtered() -> Option<Advice> {
    let strict = strict_interfaces();
    (!strict.is_empty()).then(|| Advice {
        code: "rp-filter-strict",
        message: format!(
            "the kernel drops packets whose way back leads elsewhere (rp_filter = 1) on {}; \
             answers to clients' addresses may be among them",
            strict.join(", ")
        ),
        remedy: "set net.ipv4.conf.all.rp_filter and those of the interfaces towards clients and backends to 2 or 0"
            .to_owned(),
    })
}

/// Interfaces on which the way back must be the same. The kernel takes the greater of an
/// interface's value and that of `all`; 2 is loose.
fn strict_interfaces() -> Vec<String> {
    let value = |name: &str| {
        let text = fs::read_to_string(format!("{RP_FILTER_DIR}/{name}/rp_filter")).unwrap_or_default();
        text.trim().parse::<u8>().unwrap_or(0)
    };
    let all = value("all");
    let entries = fs::read_dir(RP_FILTER_DIR).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut strict: Vec<_> = names
        .filter(|name| !["all", "default", "lo"].contains(&name.as_str()))
        .filter(|name| value(name).max(all) == 1)
        .collect();
    strict.sort_unstable();
    strict
}
