//! Addresses: `10.0.0.1:8080`, `[::1]:80`, `db.example.com:5432`, `unix:/run/app.sock`.
//!
//! Nothing here resolves a name or opens a socket.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use toml::de::DeValue;

use super::fault::quoted;
use super::texts::{self, Alphabet};
use super::value::{integer, wrong_type};
use crate::fault::Fault;
use crate::limits::CHECK_HOST_LEN_MAX;
use crate::model::{Address, Bind};

/// What is allowed for a listener, by example.
pub(super) const BIND_FORM: &str =
    "address:port, as in 0.0.0.0:80 or [::]:80 (port 0: the kernel chooses), or unix:/path";
/// What is allowed for a backend, by example.
pub(super) const ADDRESS_FORM: &str = "address:port, as in 127.0.0.1:8080 or [::1]:8080, name:port, or unix:/path";

/// Reads where a listener accepts.
pub(super) fn read_bind(found: &DeValue<'_>) -> Result<Bind, Fault> {
    bind(text_of(found, BIND_FORM)?)
}

/// Reads where a backend listens.
pub(super) fn read_address(found: &DeValue<'_>) -> Result<Address, Fault> {
    address(text_of(found, ADDRESS_FORM)?)
}

/// Where a listener accepts, from its text.
pub(crate) fn bind(text: &str) -> Result<Bind, Fault> {
    if let Some(path) = text.strip_prefix("unix:") {
        return texts::check(path, Alphabet::Socket).map(|()| Bind::Unix(path.to_owned()));
    }
    match text.parse::<SocketAddr>() {
        Ok(address) => Ok(Bind::Ip(address)),
        Err(_) => Err(wrong(text, BIND_FORM)),
    }
}

/// Where a backend listens, from its text.
pub(crate) fn address(text: &str) -> Result<Address, Fault> {
    let address = if let Some(path) = text.strip_prefix("unix:") {
        Address::Unix(path.to_owned())
    } else if let Ok(address) = text.parse::<SocketAddr>() {
        Address::Ip(address)
    } else {
        named(text).ok_or_else(|| wrong(text, ADDRESS_FORM))?
    };
    check_address(&address).map(|()| address)
}

/// Whether a listener may accept there.
pub(super) fn check_bind(bind: &Bind) -> Result<(), Fault> {
    match bind {
        Bind::Ip(_) => Ok(()),
        Bind::Unix(path) => texts::check(path, Alphabet::Socket),
    }
}

/// Whether a backend may listen there.
pub(super) fn check_address(address: &Address) -> Result<(), Fault> {
    match address {
        Address::Unix(path) => texts::check(path, Alphabet::Socket),
        Address::Name { host, .. } if !is_host(host) => {
            Err(Fault::new("", format!("{} is no host name", quoted(host))).allowed(ADDRESS_FORM))
        }
        Address::Ip(_) | Address::Name { .. } if address.port() == Some(0) => {
            Err(Fault::new("", format!("{address} has port 0")).allowed("port 1 to 65535"))
        }
        Address::Ip(_) | Address::Name { .. } => Ok(()),
    }
}

fn text_of<'t>(found: &'t DeValue<'_>, form: &str) -> Result<&'t str, Fault> {
    if let DeValue::String(text) = found {
        return Ok(text);
    }
    let fault = wrong_type(found, "an address").allowed(form);
    Err(match integer(found) {
        Some(port) => fault.hint(format!("write \"127.0.0.1:{port}\"")),
        None => fault,
    })
}

/// A name with its port, if it is one.
fn named(text: &str) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    is_host(host).then(|| Address::Name { host: host.to_owned(), port })
}

/// Whether this can be the name of a host (RFC 1123 §2.1) and not a number that went wrong.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    let labels = host.strip_suffix('.').unwrap_or(host).split('.');
    let last = labels.clone().next_back().unwrap_or_default();
    host.len() <= CHECK_HOST_LEN_MAX && labels.clone().all(label) && last.chars().any(|c| c.is_ascii_alphabetic())
}

/// Says what is wrong with `text` and how it would be right.
fn wrong(text: &str, form: &str) -> Fault {
    let fault = |what: &str| Fault::new("", format!("{} {what}", quoted(text))).allowed(form);
    if let Ok(ip) = text.parse::<IpAddr>() {
        return fault("has no port").hint(format!("write \"{}\"", SocketAddr::new(ip, 8080)));
    }
    if text.starts_with('/') {
        return fault("is no address with a port").hint(format!("write \"unix:{text}\" for a Unix socket"));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return fault("is no address with a port");
    };
    let Ok(port) = port.parse::<u16>() else {
        let number = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
        let fault = fault(if number { "has a port out of range" } else { "has no port that is a number" });
        return if number { fault.allowed("port 1 to 65535") } else { fault };
    };
    if host.is_empty() || host == "*" {
        return fault("has no address").hint(format!("write \"0.0.0.0:{port}\" for every address of this machine"));
    }
    if let Ok(v6) = host.parse::<Ipv6Addr>() {
        return fault("needs brackets").hint(format!("write \"[{v6}]:{port}\""));
    }
    match host {
        "localhost" => fault("names a host").hint(format!("write \"127.0.0.1:{port}\"")),
        _ if is_host(host) => {
            fault("names a host; a listener accepts on an address").hint("write the address that the name stands for")
        }
        _ => fault("is no address with a port"),
    }
}
