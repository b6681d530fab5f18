//! UDP through the relay: who serves which client, for how long, and what a flood does.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use poise_core::live::Leaving;
use poise_ipc::cause::Cause;
use poise_ipc::model::{Bandwidth, Bind, Count, Listener, Persistence, Protocol, Scheduler};
use poise_ipc::status::{Health, ListenerStatus};

use crate::backends::{Scripted, patient, read_to_end, until};
use crate::datagrams::{Echo, ask, asking, who};
use crate::process::{Daemon, Place};
use crate::rig::{Rig, front, name};

/// Sources of the flood.
const SOURCES: u32 = 65_000;

fn udp(backends: &[Echo]) -> Rig {
    let addresses: Vec<SocketAddr> = backends.iter().map(|backend| backend.address).collect();
    Rig::new(front(Protocol::Udp, &addresses))
}

fn edit_listener(rig: &mut Rig, edit: impl FnOnce(&mut Listener)) {
    rig.edit(|config| edit(config.listeners.get_mut(&name("front")).expect("the listener front")));
}

#[test]
fn sources_are_shared_out_in_exact_proportion_to_weight() {
    let backends = [Echo::new(0), Echo::new(1), Echo::new(2)];
    let addresses: Vec<SocketAddr> = backends.iter().map(|backend| backend.address).collect();
    let mut rig = Rig::with_workers(front(Protocol::Udp, &addresses), 2);
    rig.edit(|config| {
        let group = config.groups.get_mut(&name("app")).expect("the group app");
        group.scheduler = Scheduler::Wrr;
        for (backend, weight) in group.backends.values_mut().zip([50, 30, 20]) {
            backend.weight = weight;
        }
    });
    let (mut shares, mut clients) = ([0; 3], Vec::new());
    for number in 0..200_u32 {
        let client = asking(rig.address_of("front"));
        let answer = ask(&client, &number.to_le_bytes()).expect("an answer in time");
        assert_eq!(answer[1..], number.to_le_bytes(), "everybody gets the answer to its own question");
        shares[usize::from(answer[0])] += 1;
        clients.push(client);
    }
    assert_eq!(shares, [100, 60, 40]);
    let served: Vec<_> = ["b0", "b1", "b2"].map(|backend| rig.counters_of(backend)).into();
    assert_eq!(served.iter().map(|counters| counters.connections_open).collect::<Vec<_>>(), [100, 60, 40]);
    assert_eq!(served.iter().map(|counters| counters.picks_total).sum::<u64>(), 200);
    assert!(served.iter().all(|counters| counters.inflight == counters.connections_open));
}

#[test]
fn a_client_comes_back_to_its_backend_with_other_flows_when_persistence_is_by_source() {
    let backends = [Echo::new(0), Echo::new(1), Echo::new(2)];
    let mut rig = udp(&backends);
    edit_listener(&mut rig, |listener| listener.persistence = Persistence::source(60_000));
    let served = who(&asking(rig.address_of("front")));
    for _ in 0..20 {
        assert_eq!(who(&asking(rig.address_of("front"))), served);
    }
    assert_eq!(rig.counters_of(&format!("b{served}")).pinned_total, 20);
}

#[test]
fn a_backend_that_is_gone_loses_its_flows_to_another() {
    let mut backends = vec![Echo::new(0), Echo::new(1)];
    let rig = udp(&backends);
    let clients = [asking(rig.address_of("front")), asking(rig.address_of("front"))];
    assert_ne!(who(&clients[0]), who(&clients[1]));
    drop(backends.remove(0));
    for client in &clients {
        client.set_read_timeout(Some(Duration::from_millis(100))).expect("a deadline above zero");
        // What finds out is lost, as it would be without a balancer.
        until("the other answers", || ask(client, b"?").is_ok_and(|answer| answer[0] == 1));
    }
    assert_eq!(rig.counters_of("b0").connections_open, 0);
    assert_eq!((rig.counters().connections_open, rig.counters_of("b1").connections_open), (2, 2));
}

#[test]
fn flows_of_a_backend_that_is_down_move_and_the_others_stay() {
    let backends = [Echo::new(0), Echo::new(1)];
    let mut rig = udp(&backends);
    let clients: Vec<UdpSocket> = (0..10).map(|_| asking(rig.address_of("front"))).collect();
    let of_first = clients.iter().filter(|client| who(client) == 0).count();
    rig.set_health("b0", Health::Down);
    assert!(clients.iter().all(|client| who(client) == 1));
    rig.set_health("b0", Health::Up);
    assert!(clients.iter().all(|client| who(client) == 1), "nobody moves without need");
    assert_eq!(of_first, 5);
    assert_eq!(rig.counters().flows_moved_total, 5);
    assert_eq!(rig.counters().connections_total, 10, "a flow that moves is no new one");
}

#[test]
fn edits_lose_no_datagram_and_a_renamed_listener_keeps_its_flows() {
    let backends = [Echo::new(0)];
    let mut rig = udp(&backends);
    let bind = rig.address_of("front");
    edit_listener(&mut rig, |listener| listener.bind = Bind::Ip(bind));
    let (stop, answered, client) = (AtomicBool::new(false), AtomicU32::new(0), asking(bind));
    std::thread::scope(|scope| {
        let talking = scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let asked = answered.load(Ordering::SeqCst).to_le_bytes();
                let answer = ask(&client, &asked).expect("no question is lost");
                assert_eq!(answer[1..], asked);
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
        for round in 0..50_u32 {
            rig.edit_backend("b0", |backend| backend.weight = u16::try_from(1 + round).expect("a weight"));
            rig.edit(|config| {
                let (from, to) = if round % 2 == 0 { ("front", "other") } else { ("other", "front") };
                let listener = config.listeners.remove(&name(from)).expect("it has the one name or the other");
                config.listeners.insert(name(to), listener);
            });
            let before = answered.load(Ordering::SeqCst);
            until("a question is answered", || talking.is_finished() || answered.load(Ordering::SeqCst) > before);
        }
        stop.store(true, Ordering::SeqCst);
    });
    until("the flow counts at its listener", || rig.counters().connections_open == 1);
    assert_eq!(rig.counters_of("b0").connections_total, 1, "it is one flow all the time");
}

#[test]
fn tcp_and_udp_share_a_port() {
    let (datagrams, stream) = ([Echo::new(0)], Scripted::saying("hello"));
    let mut rig = udp(&datagrams);
    // An address of its own: on the usual one another test's connection may have the port.
    edit_listener(&mut rig, |listener| listener.bind = Bind::Ip(([127, 77, 0, 1], 0).into()));
    let bind = rig.address_of("front");
    rig.edit(|config| {
        let mut group = config.groups[&name("app")].clone();
        group.backends.values_mut().for_each(|backend| backend.address = stream.address.into());
        config.groups.insert(name("streams"), group);
        config.listeners.get_mut(&name("front")).expect("the listener front").bind = Bind::Ip(bind);
        config.listeners.insert(name("stream"), Listener::new(bind, Protocol::Tcp, name("streams")));
    });
    assert_eq!(rig.address_of("stream"), bind);
    let mut client = patient(std::net::TcpStream::connect(bind).expect("it accepts"));
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"hello");
    assert_eq!(who(&asking(bind)), 0);
}

#[test]
fn a_stop_answers_what_was_asked_and_then_closes_every_flow() {
    let backends = [Echo::new(0)];
    let mut rig = udp(&backends);
    let clients: Vec<UdpSocket> = (0..5).map(|_| asking(rig.address_of("front"))).collect();
    for client in &clients {
        assert_eq!(who(client), 0);
        client.send(b"last").expect("an open socket");
    }
    rig.stop(Duration::from_secs(5));
    let mut bytes = [0; 8];
    for client in &clients {
        assert_eq!(client.recv(&mut bytes).map(|len| bytes[..len].to_vec()).ok().as_deref(), Some(&b"\0last"[..]));
    }
    assert_eq!((rig.counters().connections_open, rig.counters_of("b0").connections_open), (0, 0));
    assert_eq!(rig.counters_of("b0").inflight, 0);
}

#[test]
fn bandwidth_beyond_the_limit_is_dropped_in_either_direction() {
    let backends = [Echo::new(0)];
    for is_inward in [true, false] {
        let mut rig = udp(&backends);
        edit_listener(&mut rig, |listener| {
            let limit = Some(Bandwidth(80_000));
            (listener.limits.bandwidth_in, listener.limits.bandwidth_out) =
                if is_inward { (limit, None) } else { (None, limit) };
        });
        let client = asking(rig.address_of("front"));
        for _ in 0..50 {
            client.send(&[7; 1_000]).expect("an open socket");
        }
        until("all are counted", || {
            let counters = rig.counters();
            counters.datagrams_in_total == 50 && counters.datagrams_out_total + counters.datagrams_dropped_total == 50
        });
        // A burst of a twentieth of a second, and what passes while this runs.
        assert!((30..50).contains(&rig.counters().datagrams_dropped_total), "{:?}", rig.counters());
        assert!(rig.count_of(Cause::Bandwidth) > 0);
    }
}

#[test]
fn who_is_not_let_in_or_beyond_a_limit_opens_no_flow() {
    let backends = [Echo::new(0)];
    let mut rig = udp(&backends);
    edit_listener(&mut rig, |listener| listener.limits.connections_max = Some(Count(2)));
    let clients = [asking(rig.address_of("front")), asking(rig.address_of("front"))];
    assert!(clients.iter().all(|client| who(client) == 0));
    let third = asking(rig.address_of("front"));
    third.send(b"?").expect("an open socket");
    until("it is refused", || rig.count_of(Cause::ListenerLimit) == 1);
    edit_listener(&mut rig, |listener| {
        listener.limits.connections_max = None;
        listener.access.deny = vec!["127.0.0.0/8".parse().expect("a rule")];
    });
    third.send(b"?").expect("an open socket");
    until("it is refused", || rig.count_of(Cause::Denied) == 1);
    assert!(clients.iter().all(|client| who(client) == 0), "who is in stays");
    assert_eq!(rig.counters().connections_total, 2);
}

#[test]
fn a_drain_whose_time_is_over_closes_the_flows_of_its_backend_alone() {
    let backends = [Echo::new(0), Echo::new(1)];
    let rig = udp(&backends);
    let clients: Vec<UdpSocket> = (0..6).map(|_| asking(rig.address_of("front"))).collect();
    assert_eq!(clients.iter().filter(|client| who(client) == 0).count(), 3);
    rig.leave("b0", Leaving::Close);
    until("its flows are closed", || rig.counters().connections_open == 3);
    assert_eq!((rig.count_of(Cause::Drained), rig.counters_of("b0").connections_open), (3, 0));
}

/// The real program in front of an echo, with at most so many descriptors.
fn limited(backend: &Echo, descriptors: u32) -> (Place, Daemon, SocketAddr) {
    let place = Place::new(&format!(
        "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"udp\"\ngroup = \"app\"\nidle_timeout = \"10m\"\n\
         [groups.app]\nhealth_check = \"off\"\n[groups.app.backends]\nb0 = {{ address = \"{}\" }}\n",
        backend.address
    ));
    let daemon = place.start_by(&mut place.command_limited(descriptors));
    let address = daemon.status().listeners[0].bind.ip().expect("an address and port");
    (place, daemon, address)
}

fn count_of(listener: &ListenerStatus, cause: Cause) -> u64 {
    listener.counters.causes.iter().find(|(counted, _)| *counted == cause).map_or(0, |(_, n)| *n)
}

/// Memory of a process that is resident, in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
}

#[test]
fn a_flood_of_sources_is_refused_beyond_the_cap_and_live_flows_are_served_all_along() {
    let backend = Echo::new(0);
    let (_place, daemon, address) = limited(&backend, 1_024);
    let live: Vec<UdpSocket> = (0..20).map(|_| asking(address)).collect();
    assert!(live.iter().all(|client| who(client) == 0));
    let pid = daemon.status().daemon.pid;
    let before_kib = resident_kib(pid);
    let mut asked = 20;
    for source in 0..SOURCES {
        let [_, high, middle, low] = (source + 256).to_be_bytes();
        let from = SocketAddr::from((Ipv4Addr::new(127, 1 + high, middle, low), 0));
        UdpSocket::bind(from).and_then(|socket| socket.send_to(b"flood", address)).expect("loopback takes it");
        if source % 500 == 0 {
            // Waits in the same queue, so the flood does not overrun it.
            assert_eq!(who(&live[source as usize / 500 % live.len()]), 0, "who was there is served");
            asked += 1;
        }
    }
    assert!(live.iter().all(|client| who(client) == 0), "who was there is served");
    let listener = &daemon.status().listeners[0];
    let refused = count_of(listener, Cause::FlowLimit);
    let counters = &listener.counters;
    assert_eq!(counters.datagrams_in_total, u64::from(SOURCES) + asked + 20);
    assert_eq!(counters.connections_total, counters.connections_open, "nobody was thrown out");
    assert!((100..=512).contains(&counters.connections_open), "{} flows", counters.connections_open);
    assert_eq!(refused + counters.connections_open, u64::from(SOURCES) + 20);
    assert_eq!(counters.datagrams_dropped_total, refused);
    let grown_kib = resident_kib(pid).saturating_sub(before_kib);
    assert!(grown_kib < 16 << 10, "{grown_kib} KiB for {} flows", counters.connections_open);
}
