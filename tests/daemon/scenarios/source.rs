//! Persistence by client address (S-41, L-18).

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use poise_ipc::cause::Cause;
use poise_ipc::model::{Persistence, Protocol, Redispatch};
use poise_ipc::status::Health;
use socket2::{Domain, Socket, Type};

use crate::backends::{Refusing, Scripted, patient, read_to_end, until};
use crate::datagrams::{Echo, ask, asking, who};
use crate::process::{Place, set};
use crate::rig::{Rig, front, name};

const HOUR_MS: u32 = 3_600_000;

fn rig(backends: &[SocketAddr], persistence: Persistence) -> Rig {
    let mut config = front(Protocol::Tcp, backends);
    config.listeners.get_mut(&name("front")).expect("it was made").persistence = persistence;
    Rig::with_workers(config, 2)
}

fn three() -> [Scripted; 3] {
    [Scripted::saying("0"), Scripted::saying("1"), Scripted::saying("2")]
}

/// A connection from an address of the loopback.
fn connect_from(rig: &Rig, client: [u8; 4]) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(IpAddr::from(client), 0).into()).expect("an address of the loopback");
    socket.connect(&rig.address_of("front").into()).expect("the listener accepts");
    patient(socket.into())
}

/// Who serves a client; nobody if its connection is reset.
fn served(rig: &Rig, client: [u8; 4]) -> Option<String> {
    let said = read_to_end(&mut connect_from(rig, client)).ok()?;
    Some(String::from_utf8(said).expect("a digit"))
}

#[test]
fn s_41_a_client_address_stays_with_its_backend() {
    let backends = three();
    let rig = rig(&backends.each_ref().map(|b| b.address), Persistence::source(HOUR_MS));
    // Not a multiple of three, so that turns alone would not bring anybody back.
    let clients: Vec<[u8; 4]> = (1..=10).map(|n| [127, 0, 0, n]).collect();
    let homes: Vec<_> = clients.iter().map(|&client| served(&rig, client)).collect();
    for _ in 0..5 {
        let again: Vec<_> = clients.iter().map(|&client| served(&rig, client)).collect();
        assert_eq!(again, homes);
    }
    let mut accepted = backends.each_ref().map(Scripted::connections);
    accepted.sort_unstable();
    assert_eq!(accepted, [18, 18, 24], "ten clients were shared out");
}

#[test]
fn s_41_an_entry_ends_when_it_was_not_used_for_the_timeout() {
    let backends = three();
    let mut rig = rig(&backends.each_ref().map(|b| b.address), Persistence::source(4_000));
    let client = [127, 0, 0, 7];
    let home = served(&rig, client);
    // Each use begins the time anew, so that it outlives the timeout as a whole. Far apart for the
    // sake of busy machines.
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(750));
        assert_eq!(served(&rig, client), home);
    }
    rig.edit(|config| {
        config.listeners.get_mut(&name("front")).expect("it was made").persistence.timeout_ms = 1_000;
    });
    std::thread::sleep(Duration::from_millis(1_300));
    assert_ne!(served(&rig, client), home, "it is shared out anew, and it is the next one's turn");
}

#[test]
fn s_41_the_timeout_may_be_1_s_to_7_d_and_above_1_h_is_a_finding() {
    let backend = Scripted::saying("0");
    let place = Place::new(&format!(
        "listeners.front = {{ bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"app\", persistence = \"source\" }}
        groups.app.backends.b0 = {{ address = \"{}\" }}",
        backend.address
    ));
    let daemon = place.start();
    let path = "listeners.front.persistence.timeout";
    for (value, found) in [("1h", 0), ("3601s", 1), ("7d", 1), ("1m", 0)] {
        daemon.ask(set(path, value)).expect("within the range");
        assert_eq!(daemon.status().findings.len(), found, "{value}: {:?}", daemon.status().findings);
    }
    for value in ["999ms", "604801s", "0s"] {
        let refused = daemon.ask(set(path, value)).expect_err("beyond the range");
        assert!(refused.faults[0].to_string().contains("1s to 7d"), "{value}: {}", refused.faults[0]);
    }
    daemon.ask(set("listeners.front.persistence.prefix_v4", "24")).expect("within the range");
    daemon.ask(set("listeners.front.persistence.prefix_v4", "33")).expect_err("IPv4 has 32 bits");
    daemon.ask(set("listeners.front.persistence.redispatch", "refuse")).expect("a word for it");
    let persistence = &daemon.status().listeners[0].persistence;
    assert_eq!((persistence.prefix_v4, persistence.redispatch), (24, Redispatch::Refuse));
}

#[test]
fn l_18_a_prefix_makes_neighbours_one_client() {
    let backends = three();
    let persistence = Persistence { prefix_v4: 24, ..Persistence::source(HOUR_MS) };
    let rig = rig(&backends.each_ref().map(|b| b.address), persistence);
    let home = served(&rig, [127, 0, 1, 1]);
    assert!((2..20).all(|host| served(&rig, [127, 0, 1, host]) == home));
    assert_ne!(served(&rig, [127, 0, 2, 1]), home, "the next network has the next turn");
}

#[test]
fn l_18_a_client_whose_backend_is_down_moves_or_is_refused_as_configured() {
    let client = [127, 0, 0, 5];
    for redispatch in [Redispatch::Move, Redispatch::Refuse] {
        let backends = three();
        let persistence = Persistence { redispatch, ..Persistence::source(HOUR_MS) };
        let mut rig = rig(&backends.each_ref().map(|b| b.address), persistence);
        let home = served(&rig, client).expect("somebody serves");
        let own = format!("b{home}");
        rig.set_health(&own, Health::Down);
        let moved = served(&rig, client);
        rig.set_health(&own, Health::Up);
        match redispatch {
            Redispatch::Move => {
                assert!(moved.is_some() && moved.as_ref() != Some(&home));
                assert_eq!(served(&rig, client), moved, "it has a new home");
            }
            Redispatch::Refuse => {
                assert_eq!(moved, None);
                until("the cause is counted", || rig.count_of(Cause::Unusable) == 1);
                assert_eq!(served(&rig, client), Some(home), "it was kept in mind");
            }
        }
    }
}

#[test]
fn l_18_a_client_that_may_not_move_waits_for_its_backend_to_listen_again() {
    let refusing = Refusing::new();
    let living = Scripted::saying("1");
    let persistence = Persistence { redispatch: Redispatch::Refuse, ..Persistence::source(HOUR_MS) };
    let mut rig = rig(&[living.address, living.address], persistence);
    let client = [127, 0, 0, 6];
    assert!(served(&rig, client).is_some());
    let home = if rig.counters_of("b0").connections_total == 1 { "b0" } else { "b1" };
    rig.edit_backend(home, |backend| backend.address = refusing.address.into());
    assert_eq!(served(&rig, client), None, "nobody else may take it");
    until("the cause is counted", || rig.count_of(Cause::ConnectFailed) == 1);
    assert!(served(&rig, [127, 0, 0, 8]).is_some(), "others are passed on");
    rig.edit_backend(home, |backend| backend.address = living.address.into());
    assert!(served(&rig, client).is_some());
    assert_eq!(rig.counters_of(home).pinned_total, 2);
}

#[test]
fn l_18_a_datagram_of_a_client_that_may_not_move_is_dropped_with_its_cause() {
    let backends = [Echo::new(0), Echo::new(1)];
    let mut config = front(Protocol::Udp, &backends.each_ref().map(|b| b.address));
    config.listeners.get_mut(&name("front")).expect("it was made").persistence =
        Persistence { redispatch: Redispatch::Refuse, ..Persistence::source(HOUR_MS) };
    let mut rig = Rig::new(config);
    let home = who(&asking(rig.address_of("front")));
    let own = format!("b{home}");
    rig.set_health(&own, Health::Down);
    let other = asking(rig.address_of("front"));
    other.set_read_timeout(Some(Duration::from_millis(200))).expect("a deadline above zero");
    assert!(ask(&other, b"?").is_err(), "nobody else may answer");
    until("the cause is counted", || rig.count_of(Cause::Unusable) == 1);
    rig.set_health(&own, Health::Up);
    assert_eq!(who(&asking(rig.address_of("front"))), home);
}
