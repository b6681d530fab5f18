//! Unix sockets on both sides: listeners and backends of either protocol, over all workers.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use poise_ipc::cause::Cause;
use poise_ipc::model::{Address, Backend, Bind, CheckProtocol, Config, HealthCheck, Protocol};
use poise_ipc::status::{Phase, Reason, Verdict};
use poised::report::ProbeReport;
use tokio::sync::mpsc;

use crate::backends::{PATIENCE, Scripted, until};
use crate::rig::{Plans, Rig, front, name};

/// A folder for sockets.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, file: &str) -> String {
        self.0.path().join(file).to_str().expect("plain letters").to_owned()
    }

    /// A listener `front.sock` of a protocol before a backend.
    fn config(&self, protocol: Protocol, backend: Address) -> Config {
        let mut config = front(protocol, &[]);
        let group = config.groups.get_mut(&name("app")).expect("it was made");
        group.backends.insert(name("b0"), Backend::new(backend));
        config.listeners.get_mut(&name("front")).expect("it was made").bind = Bind::Unix(self.path("front.sock"));
        config
    }

    /// A backend `back.sock` that plays a script for every connection.
    fn backend(&self, script: impl Fn(UnixStream) + Send + Sync + 'static) -> Address {
        let path = self.path("back.sock");
        let listener = UnixListener::bind(&path).expect("a free path");
        let script = std::sync::Arc::new(script);
        // Ends with the process: nobody can connect once the folder is gone.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let script = std::sync::Arc::clone(&script);
                std::thread::spawn(move || script(stream));
            }
        });
        Address::Unix(path)
    }

    fn connect(&self) -> UnixStream {
        let client = UnixStream::connect(self.path("front.sock")).expect("somebody listens");
        client.set_read_timeout(Some(PATIENCE)).expect("a deadline above zero");
        client
    }
}

fn echo(stream: &UnixStream) {
    let mut from = stream.try_clone().expect("a descriptor");
    let _ = std::io::copy(&mut from, &mut &*stream);
    let _ = stream.shutdown(Shutdown::Write);
}

fn round_trip(client: &UnixStream, sent: &[u8]) -> Vec<u8> {
    let mut came = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = client;
            writer.write_all(sent).expect("the relay takes it");
            client.shutdown(Shutdown::Write).expect("an open socket");
        });
        let mut reader = client;
        reader.read_to_end(&mut came).expect("an orderly end");
    });
    came
}

#[test]
fn bytes_pass_unchanged_between_unix_sockets_in_any_amount() {
    let folder = Folder::new();
    let backend = folder.backend(|stream| echo(&stream));
    let rig = Rig::new(folder.config(Protocol::Tcp, backend));
    for len in [0, 1, 300_000, 16 << 20] {
        let sent: Vec<u8> = (0..len).map(|at: usize| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
        let came = round_trip(&folder.connect(), &sent);
        assert!(came == sent, "{len} bytes went, {} came, or others", came.len());
    }
    until("all ends are counted", || rig.counters().connections_open == 0);
    let (front, behind) = (rig.counters(), rig.counters_of("b0"));
    assert_eq!((front.causes, front.connections_total, behind.connections_total), (vec![], 4, 4));
}

#[test]
fn every_client_of_a_unix_socket_is_served_whichever_worker_takes_it() {
    let folder = Folder::new();
    let backend = Scripted::saying("hello");
    let rig = Rig::with_workers(folder.config(Protocol::Tcp, Address::Ip(backend.address)), 4);
    for _ in 0..20 {
        let clients: Vec<_> = (0..20).map(|_| folder.connect()).collect();
        for mut client in clients {
            let mut heard = String::new();
            client.read_to_string(&mut heard).expect("an orderly end");
            assert_eq!(heard, "hello");
        }
    }
    assert_eq!((backend.connections(), rig.counters().connections_total), (400, 400));
}

#[test]
fn http_is_served_from_a_unix_socket_to_another() {
    let folder = Folder::new();
    let backend = folder.backend(|mut stream| {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            head.push(byte[0]);
        }
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", head.len());
        let _ = stream.write_all(&[answer.as_bytes(), &head].concat());
    });
    let rig = Rig::new(folder.config(Protocol::Http, backend));
    let mut client = folder.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").expect("the relay takes it");
    let mut heard = String::new();
    client.read_to_string(&mut heard).expect("an orderly end");
    assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
    assert!(heard.contains("X-Forwarded-For: unknown\r\n"), "a Unix client has no address: {heard}");
    assert_eq!(rig.counters_of("b0").responses_total, [0, 1, 0, 0, 0]);
}

#[test]
fn a_backend_whose_socket_is_stale_is_passed_over() {
    let folder = Folder::new();
    let stale = folder.path("stale.sock");
    drop(UnixListener::bind(&stale).expect("a free path"));
    let alive = Scripted::saying("alive");
    let mut config = folder.config(Protocol::Tcp, Address::Unix(stale));
    let group = config.groups.get_mut(&name("app")).expect("it was made");
    group.backends.insert(name("b1"), Backend::new(alive.address));
    let rig = Rig::new(config);
    for _ in 0..4 {
        let mut heard = String::new();
        folder.connect().read_to_string(&mut heard).expect("an orderly end");
        assert_eq!(heard, "alive");
    }
    assert!(rig.counters_of("b0").connect_failures_total >= 1);
    assert_eq!(rig.count_of(Cause::ConnectFailed), 0, "no client has noticed");
}

#[test]
fn the_file_of_a_listener_goes_with_it() {
    let folder = Folder::new();
    let backend = Scripted::saying("hello");
    let mut rig = Rig::new(folder.config(Protocol::Tcp, Address::Ip(backend.address)));
    let path = PathBuf::from(folder.path("front.sock"));
    assert!(path.exists());
    rig.edit(|config| config.listeners.clear());
    assert!(!path.exists());
}

/// What the first probe of a backend finds.
fn probed(protocol: CheckProtocol, backend: Address) -> Verdict {
    let mut plans = Plans::new(1);
    plans.edit(|config| {
        *config = front(Protocol::Tcp, &[]);
        let group = config.groups.get_mut(&name("app")).expect("it was made");
        group.health_check = HealthCheck { protocol, interval_ms: 100, ..HealthCheck::default() };
        group.backends.insert(name("b0"), Backend::new(backend));
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (sender, mut reports) = mpsc::channel::<ProbeReport>(4);
    runtime.spawn(poised::probe::run(plans.probed(), sender, 7));
    let report = runtime.block_on(async { tokio::time::timeout(PATIENCE, reports.recv()).await });
    report.expect("in time").expect("the probes run").verdict
}

#[test]
fn probes_reach_unix_sockets_and_say_what_they_find() {
    let folder = Folder::new();
    let backend = folder.backend(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    assert_eq!(probed(CheckProtocol::Tcp, backend.clone()), Verdict::Pass { code: None });
    assert_eq!(probed(CheckProtocol::Http, backend), Verdict::Pass { code: Some(204) });
    let stale = folder.path("stale.sock");
    drop(UnixListener::bind(&stale).expect("a free path"));
    let refused = Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None };
    assert_eq!(probed(CheckProtocol::Tcp, Address::Unix(stale)), refused);
    assert_eq!(probed(CheckProtocol::Tcp, Address::Unix(folder.path("missing.sock"))), refused);
}
