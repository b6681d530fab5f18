//! The URL of a trial: scheme, host, port, and path with query.
//!
//! No user, no fragment, no decoding: what is typed is what is asked for.

use std::fmt;
use std::str::FromStr;

/// Where a trial goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::verb) struct Url {
    /// By TLS.
    pub(in crate::verb) is_https: bool,
    /// Name or address, without brackets.
    pub(in crate::verb) host: String,
    /// Its port.
    pub(in crate::verb) port: u16,
    /// Path and query.
    pub(in crate::verb) target: String,
}

impl Url {
    /// The path alone.
    pub(in crate::verb) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or("/")
    }

    /// What stands in `Host`.
    pub(in crate::verb) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.is_https) { host } else { format!("{host}:{}", self.port) }
    }
}

fn default_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (is_https, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) if text.contains("://") => return Err("only http:// and https:// are spoken".to_owned()),
            (None, None) => (false, text),
        };
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a URL has no spaces and no letters beyond ASCII".to_owned());
        }
        let rest = rest.split('#').next().unwrap_or(rest);
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(at);
        let (host, port) = split_port(authority)?;
        if host.is_empty() {
            return Err("the host is missing, as in http://127.0.0.1:8080/".to_owned());
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { is_https, host: host.to_owned(), port: port.unwrap_or(default_port(is_https)), target })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.map(|port| port.parse().map_err(|_| format!("{port} is no port"))).transpose()?;
    Ok((host, port))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.is_https { "https" } else { "http" }, self.authority(), self.target)
    }
}

#[cfg(test)]
mod tests;
