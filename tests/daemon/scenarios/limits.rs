//! Bandwidth, ports, idle time, access and limits of a listener (S-02, S-03, S-57, S-62).

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
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

/// Bytes per second that arrive over all streams, from a moment after the beginning on.
fn rate(streams: &[TcpStream], time: Duration) -> f64 {
    let count = |stream: &TcpStream, until: Instant| {
        let (mut stream, mut buffer, mut bytes) = (stream, vec![0; 256 << 10], 0);
        while Instant::now() < until {
            bytes += stream.read(&mut buffer).expect("bytes come");
        }
        bytes
    };
    let read_for = |time: Duration| -> usize {
        let until = Instant::now() + time;
        std::thread::scope(|scope| {
            let threads: Vec<_> = streams.iter().map(|stream| scope.spawn(move || count(stream, until))).collect();
            threads.into_iter().map(|thread| thread.join().expect("bytes come")).sum()
        })
    };
    // What is in buffers, and the burst after a rest, say nothing about the rate.
    read_for(Duration::from_millis(300));
    let began = Instant::now();
    let bytes = read_for(time);
    bytes as f64 / began.elapsed().as_secs_f64()
}

/// Waits until the rate comes within 5 % of the limit. It never passes it by more than what had
/// piled up in buffers while a busy machine kept the readers from reading.
fn comes_to(streams: &[TcpStream], limit: f64) {
    until("the limit is used", || {
        let rate = rate(streams, Duration::from_secs(1));
        assert!(rate <= 1.2 * limit, "{rate} B/s of {limit}");
        (rate - limit).abs() <= 0.05 * limit
    });
}

#[test]
fn s_02_bandwidth_holds_over_all_connections_and_workers_and_changes_live() {
    let backend = endless();
    let limit = |mbit: u64| Some(Bandwidth(mbit * 1_000_000));
    let mut rig = rig(&[backend.address], 2, |listener| listener.limits.bandwidth_out = limit(40));
    let streams: Vec<_> = (0..4).map(|_| rig.connect_with_window(64 << 10)).collect();
    comes_to(&streams, 5e6);
    rig.edit(|config| front_of(config, |listener| listener.limits.bandwidth_out = limit(400)));
    comes_to(&streams, 50e6);
    rig.edit(|config| front_of(config, |listener| listener.limits.bandwidth_out = None));
    until("nothing holds it back", || rate(&streams, Duration::from_millis(300)) > 60e6);
}

#[test]
fn s_02_bandwidth_is_shared_alike_and_one_way_does_not_slow_the_other() {
    let backend = endless();
    let limit = Some(Bandwidth(16_000_000));
    let rig = rig(&[backend.address], 1, |listener| {
        (listener.limits.bandwidth_out, listener.limits.bandwidth_in) = (limit, Some(Bandwidth(64_000)));
    });
    let streams: Vec<_> = (0..4).map(|_| rig.connect_with_window(64 << 10)).collect();
    let until = Instant::now() + Duration::from_secs(2);
    let read = |mut stream: &TcpStream| {
        let (mut buffer, mut bytes) = (vec![0; 64 << 10], 0);
        while Instant::now() < until {
            bytes += stream.read(&mut buffer).expect("bytes come");
        }
        bytes
    };
    let read: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = streams.iter().map(|stream| scope.spawn(move || read(stream))).collect();
        threads.into_iter().map(|thread| thread.join().expect("bytes come")).collect()
    });
    let (least, most) = (read.iter().min().expect("four"), read.iter().max().expect("four"));
    assert!(read.iter().sum::<usize>() <= 4_800_000, "2 MB/s for 2 s, and what buffers hold: {read:?}");
    assert!(*most <= 2 * *least, "about a quarter each: {read:?}");
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
    let mut rig = rig(&backends.each_ref().map(|backend| backend.address), 1, |_| {});
    let ports: Vec<_> = backends.iter().map(|backend| backend.address.port()).collect();
    assert!(ports[0] != ports[1] && !ports.contains(&rig.address_of("front").port()));
    assert!(is_served(&rig, [127, 0, 0, 1]) && is_served(&rig, [127, 0, 0, 1]));
    let (before, other) = (rig.address_of("front"), Scripted::saying("here"));
    rig.edit(|config| front_of(config, |listener| listener.bind = SocketAddr::new(before.ip(), free_port()).into()));
    assert_ne!(rig.address_of("front"), before);
    assert!(TcpStream::connect(before).is_err(), "the listener has moved");
    rig.edit_backend("b0", |backend| backend.address = other.address.into());
    let front = rig.address_of("front");
    assert!((0..4).all(|_| is_served(&rig, [127, 0, 0, 1])));
    assert_eq!((rig.address_of("front"), other.connections()), (front, 2), "a backend's port moves alone");
}

/// A port that nobody had a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
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
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(5), "{took:?}");
    until("its cause is counted", || rig.count_of(Cause::IdleTimeout) == 1);
}

#[test]
fn s_57_a_direction_with_nothing_to_carry_is_excused_while_the_other_moves() {
    let backend = Scripted::new(|mut stream| {
        for _ in 0..15 {
            let _ = stream.write_all(b"tick");
            std::thread::sleep(Duration::from_millis(150));
        }
    });
    let rig = rig(&[backend.address], 1, |listener| listener.idle_timeout_ms = 1_000);
    let said = read_to_end(&mut rig.connect()).expect("an orderly end");
    assert_eq!(said.len(), 60, "2.2 s of a download with a timeout of 1 s");
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
    assert_eq!(rig.count_of(Cause::IdleTimeout), 1);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
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
