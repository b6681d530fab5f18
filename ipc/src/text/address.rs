//! Addresses: `10.0.0.1:8080`, `[::1]:80`. Never host names: nothing here resolves anything.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::fault::quoted;
use crate::fault::Fault;

/// What is allowed, and an example of it.
const FORM: &str = "address:port, as in 127.0.0.1:8080 or [::1]:8080";

/// Reads an address with its port; `any_port` allows port 0, by which the kernel chooses.
pub(super) fn read(text: &str, any_port: bool) -> Result<SocketAddr, Fault> {
    match text.parse::<SocketAddr>() {
        Ok(address) => check(&address, any_port).map(|()| address),
        Err(_) => Err(wrong(text)),
    }
}

/// Whether the port of an address may stand there.
pub(super) fn check(address: &SocketAddr, any_port: bool) -> Result<(), Fault> {
    if address.port() == 0 && !any_port {
        return Err(Fault::new("", format!("{address} has port 0")).allowed("port 1 to 65535"));
    }
    Ok(())
}

/// Says what is wrong with `text` and how it would be right.
fn wrong(text: &str) -> Fault {
    let fault = |what: &str| Fault::new("", format!("{} {what}", quoted(text))).allowed(FORM);
    if let Ok(ip) = text.parse::<IpAddr>() {
        return fault("has no port").hint(format!("write \"{}\"", SocketAddr::new(ip, 8080)));
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
    let name = host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    match host {
        "localhost" => fault("names a host").hint(format!("write \"127.0.0.1:{port}\"")),
        _ if name && host.chars().any(|c| c.is_ascii_alphabetic()) => {
            fault("names a host; poise does not resolve names").hint("write the address that the name stands for")
        }
        _ => fault("is no address with a port"),
    }
}
