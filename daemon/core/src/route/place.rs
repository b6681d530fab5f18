//! Where a redirect sends a client: the `Location` of its reply.
//!
//! Always an absolute URI with the scheme and host written out, so that nothing in a path can lead to
//! another host. Called by whoever answers requests.

use poise_ipc::model::{Redirect, RedirectTo};

use super::Asking;

/// The place where a client is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The status code: 301, 302, 307 or 308.
    pub status: u16,
    /// The value of `Location`.
    pub location: Vec<u8>,
}

impl Place {
    /// The place where `redirect` sends a request that came by TLS or without; `None` where it names
    /// no host and neither does the request.
    pub fn of(redirect: &Redirect, is_tls: bool, request: &impl Asking) -> Option<Self> {
        let scheme = match redirect.to {
            RedirectTo::Https => "https",
            RedirectTo::Same if is_tls => "https",
            RedirectTo::Http | RedirectTo::Same | RedirectTo::Off => "http",
        };
        let (host, port) = split(request.host().unwrap_or_default());
        let host = redirect.host.as_deref().map_or(host, str::as_bytes);
        if host.is_empty() {
            return None;
        }
        let mut location = format!("{scheme}://").into_bytes();
        location.extend_from_slice(host);
        match redirect.port {
            Some(port) => location.extend_from_slice(format!(":{port}").as_bytes()),
            None if redirect.to == RedirectTo::Same && redirect.host.is_none() => location.extend_from_slice(port),
            None => {}
        }
        push_target(redirect.path.as_deref(), request.target(), &mut location);
        Some(Self { status: redirect.status.0, location })
    }
}

/// A host apart from its port, which keeps the colon.
fn split(host: &[u8]) -> (&[u8], &[u8]) {
    let from = host.iter().rposition(|&byte| byte == b']').unwrap_or(0);
    let colon = host[from..].iter().position(|&byte| byte == b':').map_or(host.len(), |at| from + at);
    host.split_at(colon)
}

/// The wanted path, or that of the request; with its query unless the wanted one has its own.
fn push_target(wanted: Option<&str>, sent: &[u8], location: &mut Vec<u8>) {
    let query = sent.iter().position(|&byte| byte == b'?').map_or(&sent[..0], |at| &sent[at..]);
    match wanted {
        Some(path) => {
            location.extend_from_slice(path.as_bytes());
            if !path.contains('?') {
                location.extend_from_slice(query);
            }
        }
        None if sent.first() == Some(&b'/') => location.extend_from_slice(sent),
        None => location.push(b'/'),
    }
}

#[cfg(test)]
mod tests;
