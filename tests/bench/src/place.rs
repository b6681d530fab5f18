//! Where everything runs: a network of its own if that is permitted, one core for the proxy and one
//! for the rest, a temporary folder that is removed at the end.
//!
//! Made once, before any child is started; says in notes what it could not have. Used by `main` and
//! `round`.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};
use rustix::process::{Resource, getegid, geteuid, getrlimit};
use rustix::thread::{CpuSet, UnshareFlags, sched_getaffinity, unshare_unsafe};

use crate::certificate::Certificate;
use crate::folder::Folder;

/// Where the search for a free port begins: below the ports that clients get.
const PORT_FIRST: u16 = 7_000;
/// Ports that clients get in a network of our own, as the kernel wants them written.
const CLIENT_PORTS: &str = "20000 65000";

/// Where children run.
pub(crate) struct Place {
    /// The proxy's core.
    pub(crate) proxy_core: Option<usize>,
    /// The core of backends and load.
    pub(crate) load_core: Option<usize>,
    /// Whether children run under `SCHED_FIFO`.
    pub(crate) realtime: bool,
    /// Open files that a child may have.
    pub(crate) files_max: u64,
    /// What proxies show to clients of TLS.
    pub(crate) certificate: Certificate,
    folder: Folder,
    port: u16,
    notes: Vec<String>,
}

impl Place {
    /// Takes the place, as good as permitted.
    ///
    /// # Errors
    /// When there is no temporary folder, or an own network has no loopback.
    pub(crate) fn take(realtime: bool) -> Result<Self, String> {
        let mut notes = vec![own_network()?];
        let cores = cores();
        let (proxy_core, load_core) = match cores[..] {
            [proxy, load, ..] => (Some(proxy), Some(load)),
            _ => (None, None),
        };
        notes.push(match (proxy_core, load_core) {
            (Some(proxy), Some(load)) => format!("proxy on core {proxy}, load and backends on core {load}"),
            _ => "one core only: nothing is pinned, and load disturbs what it measures".into(),
        });
        let realtime = realtime && permitted_realtime(&mut notes);
        let files_max = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        let folder = Folder::make()?;
        let certificate = Certificate::make(folder.path())?;
        Ok(Self { proxy_core, load_core, realtime, files_max, certificate, folder, port: PORT_FIRST, notes })
    }

    /// What the reader of the figures should know of the place.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// A new folder, for one proxy.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).map_err(|fault| format!("make the folder {}: {fault}", path.display()))?;
        Ok(path)
    }

    /// A port of 127.0.0.1 that nobody listens on, over TCP and UDP; another one each time.
    ///
    /// # Errors
    /// When all are taken.
    pub(crate) fn free_port(&mut self) -> Result<u16, String> {
        let free = |port: &u16| {
            TcpListener::bind(("127.0.0.1", *port)).is_ok() && UdpSocket::bind(("127.0.0.1", *port)).is_ok()
        };
        let port = (self.port..u16::MAX).find(free).ok_or("no port is free")?;
        self.port = port + 1;
        Ok(port)
    }
}

/// Cores that this process may use.
fn cores() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

fn permitted_realtime(notes: &mut Vec<String>) -> bool {
    let tried = Command::new("chrt").args(["-f", "1", "true"]).stderr(Stdio::null()).status();
    let permitted = tried.is_ok_and(|status| status.success());
    let found =
        if permitted { "everything under SCHED_FIFO" } else { "SCHED_FIFO refused (chrt missing or not permitted)" };
    notes.push(found.into());
    permitted
}

/// Moves this process, which has one thread and no children yet, to a network of its own. Says
/// where it is now.
fn own_network() -> Result<String, String> {
    let flags = if geteuid().is_root() { UnshareFlags::NEWNET } else { UnshareFlags::NEWUSER | UnshareFlags::NEWNET };
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    if let Err(fault) = leave(flags) {
        return Ok(format!("loopback of this machine (a network of its own: {fault})"));
    }
    if flags.contains(UnshareFlags::NEWUSER) {
        let write = |file: &str, text: String| fs::write(Path::new("/proc/self").join(file), text);
        let mapped = write("setgroups", "deny".into())
            .and_then(|()| write("uid_map", format!("{user} {user} 1")))
            .and_then(|()| write("gid_map", format!("{group} {group} 1")));
        mapped.map_err(|fault| format!("stay the same user in a network of its own: {fault}"))?;
    }
    raise_loopback().map_err(|fault| format!("raise the loopback of a network of its own: {fault}"))?;
    // Fewer ports for clients only mean that connections per second end sooner.
    drop(fs::write("/proc/sys/net/ipv4/ip_local_port_range", CLIENT_PORTS));
    Ok("a network namespace of its own".into())
}

#[expect(unsafe_code, reason = "the system call is marked unsafe for the sake of one flag")]
fn leave(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: the danger is a table of descriptors that threads no longer share; `FILES` is not
    // among the flags.
    unsafe { unshare_unsafe(flags) }
}

/// Sets the loopback interface up: one route-netlink message, and its acknowledgement.
fn raise_loopback() -> rustix::io::Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const REQUEST_AND_ACK: u16 = 1 | 4;
    const LOOPBACK_INDEX: u32 = 1;
    const UP: u32 = 1;
    const MESSAGE_BYTES: u32 = 32;
    let kind_and_flags = [RTM_NEWLINK.to_ne_bytes(), REQUEST_AND_ACK.to_ne_bytes()].concat();
    // Header: length, kind and flags, sequence, sender; then family and type, index, flags, mask.
    let words = [0, 0, 0, LOOPBACK_INDEX, UP, UP].map(u32::to_ne_bytes).concat();
    let message = [&MESSAGE_BYTES.to_ne_bytes()[..], &kind_and_flags, &words].concat();
    // The protocol 0 of this family is route netlink.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 1024];
    let (_, len) = recv(&socket, &mut answer, RecvFlags::empty())?;
    let code = answer.get(16..20).filter(|_| len >= 20).and_then(|bytes| bytes.try_into().ok());
    match code.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(rustix::io::Errno::from_raw_os_error(-code)),
        None => Err(rustix::io::Errno::PROTO),
    }
}
