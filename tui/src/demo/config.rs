//! The demo's configuration: `assets/demo.toml` with the ports that the backends really have.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::Context;
use poise_ipc::BackendPath;

#[cfg(test)]
mod tests;

/// The configuration as the README takes it apart.
const TEMPLATE: &str = include_str!("../../../assets/demo.toml");
/// Its listener of protocol `http`.
pub(super) const HTTP_LISTENER: &str = "web";
/// Its listener of protocol `tcp`.
pub(super) const TCP_LISTENER: &str = "raw";

/// The template with the address of each backend, named `group/backend`, put in.
pub(super) fn text(addresses: &BTreeMap<String, SocketAddr>) -> anyhow::Result<String> {
    let config = poise_ipc::text::parse(TEMPLATE).map_err(|faults| anyhow::anyhow!("the template: {faults:?}"))?;
    let mut text = TEMPLATE.to_owned();
    for (name, address) in addresses {
        let path: BackendPath = name.parse()?;
        let backend = config.groups.get(&path.group).and_then(|group| group.backends.get(&path.backend));
        let stated = backend.with_context(|| format!("the template has no backend {path}"))?.address.clone();
        text = text.replace(&format!("\"{stated}\""), &format!("\"{address}\""));
    }
    Ok(text)
}
