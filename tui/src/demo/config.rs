//! The demo's configuration: `assets/demo.toml` with the ports that the backends really have and the
//! files that the certificate really lies in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

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

/// Where the template has the files of its certificate.
const FILES: &str = "/demo";

/// The files of the certificate, chain and key, in the demo's directory.
pub(super) fn certificate(directory: &Path) -> [PathBuf; 2] {
    ["site.pem", "site.key"].map(|file| directory.join(file))
}

/// The template with the address of each backend, named `group/backend`, and the demo's directory
/// put in.
pub(super) fn text(addresses: &BTreeMap<String, SocketAddr>, directory: &Path) -> anyhow::Result<String> {
    let config = poise_ipc::text::parse(TEMPLATE).map_err(|faults| anyhow::anyhow!("the template: {faults:?}"))?;
    let mut text = TEMPLATE.to_owned();
    for (name, address) in addresses {
        let path: BackendPath = name.parse()?;
        let backend = config.groups.get(&path.group).and_then(|group| group.backends.get(&path.backend));
        let stated = backend.with_context(|| format!("the template has no backend {path}"))?.address.clone();
        text = text.replace(&format!("\"{stated}\""), &format!("\"{address}\""));
    }
    Ok(text.replace(&format!("\"{FILES}/"), &format!("\"{}/", directory.display())))
}
