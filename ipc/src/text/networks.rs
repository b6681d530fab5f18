//! Lists of networks: `10.0.0.0/8`, `192.0.2.7`, each with a comment behind a space if wanted.

use std::net::IpAddr;

use toml::de::DeValue;

use super::fault::quoted;
use super::texts::{self, Alphabet};
use super::value::wrong_type;
use crate::fault::Fault;
use crate::limits::NETWORKS_MAX;
use crate::model::{Network, NetworkRule};

/// What is allowed, by example.
pub(super) const FORM: &str = "networks as in [\"10.0.0.0/8 office\", \"2001:db8::/32\", \"192.0.2.7\"], up to 1000";

/// Reads one network or a list of them.
pub(super) fn read(found: &DeValue<'_>) -> Result<Vec<NetworkRule>, Fault> {
    let rules = match found {
        DeValue::Array(nodes) => nodes.iter().map(|node| one(node.get_ref())).collect::<Result<Vec<_>, _>>()?,
        _ => vec![one(found)?],
    };
    check(&rules).map(|()| rules)
}

/// Whether a list is as [`read`] makes it.
pub(super) fn check(rules: &[NetworkRule]) -> Result<(), Fault> {
    if rules.len() > NETWORKS_MAX {
        return Err(Fault::new("", format!("{} networks", rules.len())).allowed(format!("up to {NETWORKS_MAX}")));
    }
    let mut networks: Vec<Network> = rules.iter().map(|rule| rule.network).collect();
    networks.sort_unstable();
    if let Some([twice, _]) = networks.array_windows().find(|[a, b]| a == b) {
        return Err(Fault::new("", format!("{twice} stands there twice")).hint("remove one of them"));
    }
    let sound = |rule: &NetworkRule| {
        let Network { address, prefix } = rule.network;
        if Network::of(address, prefix) != rule.network {
            return Err(Fault::new("", format!("{address}/{prefix} is no network")).allowed(FORM));
        }
        if rule.comment.is_empty() { Ok(()) } else { texts::check(&rule.comment, Alphabet::Comment) }
    };
    rules.iter().try_for_each(sound)
}

/// A list as TOML.
pub(super) fn text(rules: &[NetworkRule]) -> String {
    let rules: Vec<_> = rules.iter().map(|rule| format!("\"{rule}\"")).collect();
    format!("[{}]", rules.join(", "))
}

fn one(found: &DeValue<'_>) -> Result<NetworkRule, Fault> {
    match found {
        DeValue::String(text) => rule(text),
        _ => Err(wrong_type(found, "a network").allowed(FORM)),
    }
}

/// A network with its comment, from its text.
pub(crate) fn rule(text: &str) -> Result<NetworkRule, Fault> {
    let (network, comment) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    Ok(NetworkRule { network: self::network(network)?, comment: comment.trim().to_owned() })
}

/// A network from its text.
pub(crate) fn network(text: &str) -> Result<Network, Fault> {
    let fault = |what: &str| Fault::new("", format!("{} {what}", quoted(text))).allowed(FORM);
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().map_err(|_| fault("is no network"))?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => bits,
        Some(prefix) => prefix
            .parse()
            .ok()
            .filter(|prefix| *prefix <= bits)
            .ok_or_else(|| fault("has no such prefix").allowed(format!("prefix 0 to {bits}")))?,
    };
    let network = Network::of(address, prefix);
    if network.prefix != prefix || network.address != address {
        return Err(fault("has bits behind its prefix").hint(format!("write \"{network}\"")));
    }
    Ok(network)
}
