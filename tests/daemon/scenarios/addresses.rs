//! Addresses: protocols that cannot be balanced, backends that are their own clients, backends that
//! listen elsewhere, where poised speaks from, and traffic that would go round.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};

use poise_ipc::cause::Cause;
use poise_ipc::model::{Address, Backend, Bind, Listener, Protocol};
use poise_ipc::status::{BackendStatus, Health};

use crate::backends::{ANY_PORT, Refusing, Scripted, patient, read_to_end, until};
use crate::process::{Daemon, Place};
use crate::rig::{Rig, front, name};

fn backend(daemon: &Daemon, backend: &str) -> BackendStatus {
    let status = daemon.status();
    let mut backends = status.groups.into_iter().flat_map(|group| group.backends);
    backends.find(|found| found.name.as_str() == backend).expect("configured")
}

#[test]
fn s_05_protocols_that_no_balancer_can_follow_are_named_with_advice_on_the_running_daemon() {
    let place = Place::new(
        "listeners.files = { bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"ftp\" }
listeners.web = { bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"web\" }
groups.ftp.backends.a = { address = \"127.0.0.1:21\" }
groups.web.backends.a = { address = \"127.0.0.1:80\" }",
    );
    let daemon = place.start();
    let findings = daemon.status().findings;
    let named: Vec<_> = findings.iter().map(|finding| (finding.code.as_str(), finding.subject.as_str())).collect();
    assert_eq!(named, [("ftp", "groups.ftp.backends.a.address")]);
    assert!(findings[0].remedy.contains("SFTP"), "{}", findings[0].remedy);
}

#[test]
fn s_06_a_backend_may_be_client_of_the_listener_that_balances_to_it() {
    let front_address = Arc::new(OnceLock::<SocketAddr>::new());
    let known = Arc::clone(&front_address);
    let server = Scripted::new(move |mut stream| {
        let mut word = [0; 5];
        stream.read_exact(&mut word).expect("a word");
        let answer = if &word == b"outer" {
            let mut own = patient(TcpStream::connect(known.get().expect("it is known")).expect("the listener accepts"));
            own.write_all(b"inner").expect("it is taken");
            [b"outer ".to_vec(), read_to_end(&mut own).expect("an orderly end")].concat()
        } else {
            word.to_vec()
        };
        stream.write_all(&answer).expect("it is taken");
    });
    let rig = Rig::with_workers(front(Protocol::Tcp, &[server.address]), 2);
    front_address.set(rig.address_of("front")).expect("set once");
    for round in 1..=20 {
        let mut client = rig.connect();
        client.write_all(b"outer").expect("it is taken");
        assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"outer inner");
        assert_eq!(server.connections(), 2 * round, "the backend has served itself");
    }
    assert_eq!(rig.counters().causes, []);
}

#[test]
fn s_07_t_05_a_backend_must_listen_where_it_is_dialled_or_on_all_addresses() {
    let serve = |listener: TcpListener| {
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.write_all(b"served");
            }
        });
    };
    let everywhere = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    let dialled = TcpListener::bind(ANY_PORT).expect("a free port");
    // Held on the dialled address, so that nobody else answers there.
    let refusing = Refusing::new();
    let elsewhere = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), refusing.address.port())).expect("a free port");
    let port = |listener: &TcpListener| listener.local_addr().expect("it is bound").port();
    let place = Place::new(&format!(
        "listeners.front = {{ bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"app\" }}
groups.app.health_check = {{ interval = \"100ms\", timeout = \"5s\", rise = 1, fall = 1 }}
groups.app.backends.all = {{ address = \"127.0.0.1:{}\" }}
groups.app.backends.one = {{ address = \"127.0.0.1:{}\" }}
groups.app.backends.other = {{ address = \"127.0.0.1:{}\" }}",
        port(&everywhere),
        port(&dialled),
        port(&elsewhere),
    ));
    [everywhere, dialled, elsewhere].into_iter().for_each(serve);
    let daemon = place.start();
    until("every backend has its verdict", || {
        ["all", "one", "other"].iter().all(|name| backend(&daemon, name).health.health != Health::Unknown)
    });
    assert_eq!(
        ["all", "one", "other"].map(|name| backend(&daemon, name).health.health),
        [Health::Up, Health::Up, Health::Down]
    );
    let verdict = backend(&daemon, "other").health.last.expect("a verdict").verdict;
    assert_eq!(verdict.to_string(), "fail connect refused");
    let explained = || daemon.status().findings.into_iter().find(|finding| finding.code == "listens-elsewhere");
    until("it is explained", || explained().is_some());
    let finding = explained().expect("it was there");
    assert_eq!(finding.subject, "groups.app.backends.other.address");
    assert!(finding.message.contains("127.0.0.2"), "{}", finding.message);
    let bind = daemon.status().listeners[0].bind.ip().expect("an address and port");
    for _ in 0..6 {
        let mut client = patient(TcpStream::connect(bind).expect("the listener accepts"));
        assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"served");
    }
}

#[test]
fn s_08_the_address_that_poised_speaks_from_is_the_one_that_the_backend_sees() {
    let (tell, told) = std::sync::mpsc::channel();
    let seen = Scripted::new(move |stream| {
        // A probe has gone again by now.
        if let Ok(peer) = stream.peer_addr() {
            tell.send(peer.ip()).expect("the test waits");
        }
    });
    let place = Place::new(&format!(
        "listeners.front = {{ bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"app\" }}
groups.app.health_check = \"off\"
groups.app.backends.a = {{ address = \"{}\" }}
groups.app.backends.b = {{ address = \"unix:/nowhere/b.sock\", weight = 0 }}",
        seen.address,
    ));
    let daemon = place.start();
    let source = backend(&daemon, "a").source.expect("there is a way over loopback");
    assert_eq!(backend(&daemon, "b").source, None, "a Unix socket sees no address");
    let bind = daemon.status().listeners[0].bind.ip().expect("an address and port");
    let _client = TcpStream::connect(bind).expect("the listener accepts");
    assert_eq!(told.recv().expect("the backend was reached"), source);
}

/// Two listeners, `front` of group `app` and `second` of group `inner`.
fn two(rig: &mut Rig, protocol: Protocol) {
    rig.edit(|config| {
        config.listeners.insert(name("second"), Listener::new(ANY_PORT, protocol, name("inner")));
        config.groups.entry(name("inner")).or_default();
    });
}

fn lead(rig: &mut Rig, group: &str, address: impl Into<Address>) {
    let address = address.into();
    rig.edit(|config| {
        let group = config.groups.get_mut(&name(group)).expect("it is there");
        group.backends = [(name("next"), Backend::new(address))].into();
    });
}

/// What a client of `front` hears.
fn heard(rig: &Rig) -> std::io::Result<Vec<u8>> {
    let mut client = rig.connect();
    // A reset may come before the words are out.
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")?;
    read_to_end(&mut client)
}

#[test]
fn l_06_a_listener_that_leads_to_itself_is_refused_counted_and_named() {
    for workers in [1, 3] {
        let mut rig = Rig::with_workers(front(Protocol::Tcp, &[]), workers);
        let own = rig.address_of("front");
        lead(&mut rig, "app", own);
        for round in 1..=10 {
            assert!(heard(&rig).is_err(), "nobody has answered");
            assert!(rig.counters().connections_total <= round, "one connection each: it does not go round");
        }
        until("each is counted", || rig.count_of(Cause::Loop) == 10);
        let next = rig.backend_id("next");
        let named: Vec<_> = rig.records_of(Cause::Loop, 10).iter().map(|record| record.backend).collect();
        assert_eq!(named, [Some(next); 10]);
        until("all are closed", || rig.counters().connections_open == 0);
    }
}

#[test]
fn l_06_a_chain_through_two_listeners_works_and_a_round_through_both_is_refused() {
    for protocol in [Protocol::Tcp, Protocol::Http] {
        let server = Scripted::new(|mut stream| {
            let mut some = [0; 64];
            let _ = stream.read(&mut some);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        });
        let mut rig = Rig::with_workers(front(protocol, &[]), 2);
        two(&mut rig, protocol);
        let (outer, inner) = (rig.address_of("front"), rig.address_of("second"));
        lead(&mut rig, "app", inner);
        lead(&mut rig, "inner", server.address);
        for _ in 0..5 {
            let answer = heard(&rig).expect("the chain works");
            assert!(answer.ends_with(b"ok"), "{protocol}: {}", String::from_utf8_lossy(&answer));
        }
        assert_eq!(rig.count_of(Cause::Loop), 0);
        lead(&mut rig, "inner", outer);
        let before = rig.counters().connections_total;
        let answer = heard(&rig).unwrap_or_default();
        assert!(!answer.ends_with(b"ok"), "{protocol}: {}", String::from_utf8_lossy(&answer));
        until("it is counted", || rig.count_of(Cause::Loop) >= 1);
        assert!(rig.counters().connections_total <= before + 3, "{protocol}: it does not go round");
    }
}

#[test]
fn l_06_a_round_through_a_unix_socket_is_refused_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("second.sock").to_str().expect("plain letters").to_owned();
    let mut rig = Rig::new(front(Protocol::Tcp, &[]));
    two(&mut rig, Protocol::Tcp);
    let bind = Bind::Unix(path.clone());
    rig.edit(|config| config.listeners.get_mut(&name("second")).expect("it is there").bind = bind);
    lead(&mut rig, "app", Address::Unix(path.clone()));
    lead(&mut rig, "inner", Address::Unix(path));
    // A Unix socket knows no reset: the end is orderly, and empty.
    assert_eq!(heard(&rig).unwrap_or_default(), b"", "nobody has answered");
    until("it is counted", || rig.count_of_listener("second", Cause::Loop) == 1);
}
