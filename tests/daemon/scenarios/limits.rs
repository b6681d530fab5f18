//! Bandwidth, ports, idle time, access and limits of a listener (S-02, S-03, S-57, S-62).

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use poise_ipc::cause::Cause;
use poise_ipc::model::{Bandwidth, Config, Count, Listener, NetworkRule, Protocol};
use socket2::{Domain, Socket, Type};

use crate::backends::{PATIENCE, Scripted, patient, read_to_end, until};
use crate::rig::{Rig, front, name};

/// Changes the listener `front`.
fn front_of(config: &mut Config, edit: impl FnOnce(&mut Listener)) {
    edit(config.listeners.get_mut(&name("front")).expect("it was made"));
}

fn rig(backends: &[SocketAddr], workers: usize, edit: impl FnOnce(&mut Listener)) -> Rig {
    let mut config = front(Protocol::Tcp, backends);
    front_of(&mut config, edit);
    Rig::with_workers(config, workers)
}

/// A connection from an address of the loopback.
fn connect_from(rig: &Rig, client: [u8; 4]) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(IpAddr::from(client), 0).into()).expect("an address of the loopback");
    socket.connect(&rig.address_of("front").into()).expect("the listener accepts");
    patient(socket.into())
}

/// Whether a client is served; else it is reset.
fn is_served(rig: &Rig, client: [u8; 4]) -> bool {
    let mut stream = connect_from(rig, client);
    match read_to_end(&mut stream) {
        Ok(said) => said == b"here",
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => panic!("{error}"),
    }
}

/// Sends zeros until the other side has enough.
fn endless() -> Scripted {
    Scripted::new(|mut stream| while stream.write_all(&[0; 16 << 10]).is_ok() {})
}

/// Reads from all streams for as long as something is done.
fn while_read<T>(streams: &[TcpStream], act: impl FnOnce(&[AtomicUsize]) -> T) -> T {
    let over = AtomicBool::new(false);
    let read: Vec<_> = streams.iter().map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for (mut stream, read) in streams.iter().zip(&read) {
            let over = &over;
            scope.spawn(move || {
                let mut buffer = vec![0; 64 << 10];
                while !over.load(Ordering::SeqCst) {
                    read.fetch_add(stream.read(&mut buffer).expect("bytes come"), Ordering::SeqCst);
                }
            });
        }
        // A failure must not leave the readers reading.
        let done = catch_unwind(AssertUnwindSafe(|| act(&read)));
        over.store(true, Ordering::SeqCst);
        done.unwrap_or_else(|fault| resume_unwind(fault))
    })
}

/// Waits until the listener passes most of what it may, in bytes per second. More than that it
/// never passes: a burst, and what each worker reads at once, beyond the time that was taken.
fn comes_to(rig: &Rig, limit: u64) {
    let spare = limit / 20 + (512 << 10);
    until("the limit is used", || {
        let (before, began) = (rig.counters().bytes_out_total, Instant::now());
        std::thread::sleep(Duration::from_millis(500));
        let passed = rig.counters().bytes_out_total - before;
        let allowed = u128::from(limit) * began.elapsed().as_micros() / 1_000_000;
        assert!(u128::from(passed) <= allowed + u128::from(spare), "{passed} B passed, {allowed} and {spare} may");
        u128::from(passed) * 10 >= allowed * 9
    });
}

#[test]
fn s_02_bandwidth_holds_over_all_connections_and_workers_and_changes_live() {
    let backend = endless();
    let limit = |bytes: u64| Some(Bandwidth(bytes * 8));
    let mut rig = rig(&[backend.address], 2, |listener| listener.limits.bandwidth_out = limit(2_000_000));
    let streams: Vec<_> = (0..4).map(|_| rig.connect_with_window(64 << 10)).collect();
    while_read(&streams, |_| {
        comes_to(&rig, 2_000_000);
        rig.edit(|config| front_of(config, |listener| listener.limits.bandwidth_out = limit(10_000_000)));
        comes_to(&rig, 10_000_000);
        rig.edit(|config| front_of(config, |listener| listener.limits.bandwidth_out = None));
        until("nothing holds it back", || {
            let (before, began) = (rig.counters().bytes_out_total, Instant::now());
            std::thread::sleep(Duration::from_millis(300));
            let passed = rig.counters().bytes_out_total - before;
            u128::from(passed) * 1_000 > 15_000_000 * began.elapsed().as_millis()
        });
    });
}

#[test]
fn s_02_bandwidth_is_shared_alike_and_one_way_does_not_slow_the_other() {
    let backend = endless();
    let rig = rig(&[backend.address], 1, |listener| {
        listener.limits.bandwidth_out = Some(Bandwidth(16_000_000));
        listener.limits.bandwidth_in = Some(Bandwidth(64_000));
    });
    let streams: Vec<_> = (0..4).map(|_| rig.connect_with_window(64 << 10)).collect();
    while_read(&streams, |read| {
        let counts = || -> Vec<_> { read.iter().map(|read| read.load(Ordering::SeqCst)).collect() };
        // Who came first was alone for a moment.
        until("all are served", || counts().iter().all(|&read| read > 200_000));
        let before = counts();
        until("each has had some more", || counts().iter().zip(&before).all(|(now, before)| now - before > 400_000));
        let shares: Vec<_> = counts().iter().zip(&before).map(|(now, before)| now - before).collect();
        assert!(shares.iter().sum::<usize>() < 8 * 400_000, "about a quarter each: {shares:?}");
    });
}

#[test]
fn s_02_bandwidth_bounds_uploads_and_http_bodies() {
    let backend = Scripted::echo();
    let rig = rig(&[backend.address], 1, |listener| listener.limits.bandwidth_in = Some(Bandwidth(8_000_000)));
    let (mut client, began) = (rig.connect(), Instant::now());
    let mut reader = client.try_clone().expect("a descriptor");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            client.write_all(&vec![0; 1_000_000]).expect("the relay takes it");
            client.shutdown(std::net::Shutdown::Write).expect("an open socket");
        });
        assert_eq!(read_to_end(&mut reader).expect("an orderly end").len(), 1_000_000);
    });
    assert!(began.elapsed() >= Duration::from_millis(900), "1 MB at 1 MB/s took {:?}", began.elapsed());

    let web = Scripted::new(|mut stream| {
        let _ = stream.read(&mut [0; 1_024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(&vec![0; 1_000_000]);
    });
    let mut config = front(Protocol::Http, &[web.address]);
    front_of(&mut config, |listener| listener.limits.bandwidth_out = Some(Bandwidth(8_000_000)));
    let (rig, began) = (Rig::new(config), Instant::now());
    let mut client = rig.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("the relay takes it");
    assert!(read_to_end(&mut client).expect("an orderly end").len() > 1_000_000);
    assert!(began.elapsed() >= Duration::from_millis(900), "1 MB at 1 MB/s took {:?}", began.elapsed());
}

#[test]
fn s_03_the_port_of_a_listener_and_those_of_backends_are_their_own() {
    let backends = [Scripted::saying("here"), Scripted::saying("here")];
    // An address of its own, so that no other test has the ports.
    let mut rig = rig(&backends.each_ref().map(|backend| backend.address), 1, |listener| listener.bind = OWN.into());
    let ports: Vec<_> = backends.iter().map(|backend| backend.address.port()).collect();
    assert!(ports[0] != ports[1] && !ports.contains(&rig.address_of("front").port()));
    assert!(is_served(&rig, [127, 0, 0, 1]) && is_served(&rig, [127, 0, 0, 1]));
    let (before, other) = (rig.address_of("front"), Scripted::saying("here"));
    rig.edit(|config| front_of(config, |listener| listener.bind = free(OWN).into()));
    assert_ne!(rig.address_of("front"), before);
    assert!(TcpStream::connect(before).is_err(), "the listener has moved");
    rig.edit_backend("b0", |backend| backend.address = other.address.into());
    let front = rig.address_of("front");
    assert!((0..4).all(|_| is_served(&rig, [127, 0, 0, 1])));
    assert_eq!((rig.address_of("front"), other.connections()), (front, 2), "a backend's port moves alone");
}

/// Where nobody else listens.
const OWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 77, 0, 3)), 0);

/// A free port of an address.
fn free(address: SocketAddr) -> SocketAddr {
    let listener = std::net::TcpListener::bind(address).expect("a free port");
    listener.local_addr().expect("it is bound")
}

#[test]
fn s_57_silence_in_both_directions_ends_a_connection_after_the_idle_timeout() {
    let backend = Scripted::echo();
    let rig = rig(&[backend.address], 1, |listener| listener.idle_timeout_ms = 1_000);
    let (mut client, began) = (rig.connect(), Instant::now());
    client.write_all(b"x").expect("the relay takes it");
    client.read_exact(&mut [0]).expect("an echo");
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"");
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1), "{took:?}");
    until("its cause is counted", || rig.count_of(Cause::IdleTimeout) == 1);
}

#[test]
fn s_57_a_direction_with_nothing_to_carry_is_excused_while_the_other_moves() {
    let backend = Scripted::new(|mut stream| {
        for _ in 0..15 {
            let _ = stream.write_all(b"tick");
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let rig = rig(&[backend.address], 1, |listener| listener.idle_timeout_ms = 2_000);
    let said = read_to_end(&mut rig.connect()).expect("an orderly end");
    assert_eq!(said.len(), 60, "3 s of a download with a timeout of 2 s");
    until("the end is counted", || rig.counters().connections_open == 0);
    assert_eq!(rig.count_of(Cause::IdleTimeout), 0);
}

#[test]
fn s_57_bytes_that_nobody_takes_end_a_connection_although_the_other_direction_moves() {
    let backend = endless();
    let rig = rig(&[backend.address], 1, |listener| listener.idle_timeout_ms = 1_000);
    let mut client = rig.connect_with_window(16 << 10);
    let began = Instant::now();
    // It reads nothing and goes on talking.
    while client.write_all(b"x").is_ok() && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    until("its cause is counted", || rig.count_of(Cause::IdleTimeout) == 1);
}

#[test]
fn s_62_access_lists_decide_by_the_most_specific_network_and_change_live() {
    let backend = Scripted::saying("here");
    let rule = |text: &str| -> NetworkRule { text.parse().expect("a rule") };
    let mut rig = rig(&[backend.address], 2, |listener| listener.access.deny.push(rule("127.0.0.66 scanner")));
    assert!(is_served(&rig, [127, 0, 0, 1]) && !is_served(&rig, [127, 0, 0, 66]));
    assert_eq!((rig.count_of(Cause::Denied), backend.connections()), (1, 1), "the backend never hears of it");
    rig.edit(|config| front_of(config, |listener| listener.access.allow.push(rule("127.0.0.0/26 ours"))));
    let served: Vec<_> = [1, 63, 64, 66].map(|host| is_served(&rig, [127, 0, 0, host])).into();
    assert_eq!(served, [true, true, false, false], "with somebody allowed all others are not");
    assert_eq!(rig.access_hits(), [2, 2], "hits of the rule that the edit left alone go on");
    rig.edit(|config| front_of(config, |listener| listener.access = poise_ipc::model::Access::default()));
    assert!(is_served(&rig, [127, 0, 0, 66]));
}

#[test]
fn s_62_connections_are_bounded_for_a_listener_and_for_an_address() {
    let backend = Scripted::echo();
    let mut rig = rig(&[backend.address], 2, |listener| {
        (listener.limits.connections_max, listener.limits.source_connections_max) = (Some(Count(3)), Some(Count(2)));
    });
    let echoes = |mut stream: TcpStream| -> Option<TcpStream> {
        let answered = stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0]));
        answered.is_ok().then_some(stream)
    };
    let connect = |rig: &Rig, host: u8| echoes(connect_from(rig, [127, 0, 0, host]));
    let first: Vec<_> = [1, 1, 1].iter().filter_map(|&host| connect(&rig, host)).collect();
    assert_eq!((first.len(), rig.count_of(Cause::SourceLimit)), (2, 1));
    let second: Vec<_> = [2, 3].iter().filter_map(|&host| connect(&rig, host)).collect();
    assert_eq!((second.len(), rig.count_of(Cause::ListenerLimit)), (1, 1));
    rig.edit(|config| front_of(config, |listener| listener.limits.connections_max = Some(Count(4))));
    assert!(connect(&rig, 3).is_some(), "a raised limit holds at once");
    drop((first, second));
    until("who left makes room", || connect(&rig, 1).is_some());
}

#[test]
fn s_62_new_connections_of_an_address_keep_to_its_rate() {
    let backend = Scripted::saying("here");
    let rig = rig(&[backend.address], 2, |listener| listener.limits.source_rate_max = Some(Count(10)));
    let began = Instant::now();
    let served = (0..40).filter(|_| is_served(&rig, [127, 0, 0, 1])).count();
    let earned = usize::try_from(began.elapsed().as_millis() / 100).expect("a short time");
    assert!((10..=11 + earned).contains(&served), "{served} served within {:?}", began.elapsed());
    assert_eq!(rig.count_of(Cause::SourceLimit), 40 - u64::try_from(served).expect("a few"));
    assert!(is_served(&rig, [127, 0, 0, 2]), "others have a rate of their own");
}
