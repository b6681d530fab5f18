//! Speaking to backends from the client's own address (S-53, L-04).
//!
//! Needs a capability, which is tried before a commit, and routes that bring the backends' answers
//! back here, which nobody but the operator can set: what is known to stand in the way becomes a
//! finding. The relays dial through `connect`, which asks here for the socket.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use poise_ipc::Config;
use poise_ipc::advice::{Finding, Severity};
use poise_ipc::model::ClientAddress;
use socket2::{Domain, Protocol, Socket, Type};

use crate::platform;

/// Where the kernel keeps what it filters by the way back to a source (T-08).
const RP_FILTER_DIR: &str = "/proc/sys/net/ipv4/conf";

/// Whether sockets of this process may take foreign addresses.
///
/// # Errors
/// What is missing, in words.
pub(crate) fn check() -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    allow(&socket, IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// A non-blocking socket that speaks from the client's address: from its port too unless somebody
/// here has it, then from any.
///
/// # Errors
/// Those of the system; what is missing, in words, where that is the capability.
pub(crate) fn socket(client: SocketAddr, kind: Type) -> io::Result<Socket> {
    let client = SocketAddr::new(client.ip().to_canonical(), client.port());
    let open = || {
        let socket = Socket::new(Domain::for_address(client), kind.nonblocking().cloexec(), None)?;
        allow(&socket, client.ip())?;
        io::Result::Ok(socket)
    };
    let socket = open()?;
    match socket.bind(&client.into()) {
        Ok(()) => Ok(socket),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let socket = open()?;
            socket.bind(&SocketAddr::new(client.ip(), 0).into())?;
            Ok(socket)
        }
        Err(error) => Err(error),
    }
}

fn allow(socket: &Socket, of: IpAddr) -> io::Result<()> {
    let allowed = match of {
        IpAddr::V4(_) => socket.set_ip_transparent_v4(true),
        IpAddr::V6(_) => platform::set_ip_transparent_v6(socket),
    };
    allowed.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => io::Error::new(
            error.kind(),
            "speaking from clients' addresses needs CAP_NET_ADMIN: start poised with it, or set client_address to proxy-v2",
        ),
        _ => error,
    })
}

/// What stands in the way of answers to clients' addresses, where a listener speaks from them.
pub(crate) fn findings(config: &Config) -> Vec<Finding> {
    let transparent =
        |(_, listener): &(_, &poise_ipc::model::Listener)| listener.client_address == ClientAddress::Transparent;
    let Some((name, _)) = config.listeners.iter().find(transparent) else { return Vec::new() };
    let subject = format!("listeners.{name}.client_address");
    let strict = strict_interfaces();
    if strict.is_empty() {
        return Vec::new();
    }
    vec![Finding {
        code: "rp-filter-strict".to_owned(),
        severity: Severity::Warning,
        subject,
        message: format!(
            "the kernel drops packets whose way back leads elsewhere (rp_filter = 1) on {}; answers to clients' addresses may be among them",
            strict.join(", ")
        ),
        remedy: "set net.ipv4.conf.all.rp_filter and those of the interfaces towards clients and backends to 2 or 0"
            .to_owned(),
    }]
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
