//! Backups, slow start and `hash` through the real data path (S-11, S-12, S-20; slow start as in
//! behaviour.md §4.3).

use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};

use poise_ipc::model::{Protocol, Scheduler};
use poise_ipc::status::Health;
use socket2::{Domain, Socket, Type};

use crate::backends::{Scripted, patient, read_to_end, until};
use crate::datagrams::{Echo, asking, who};
use crate::process::{Daemon, Place, set};
use crate::rig::{Rig, front, name};

fn three() -> [Scripted; 3] {
    [Scripted::saying("0"), Scripted::saying("1"), Scripted::saying("2")]
}

/// How many of so many new connections each backend accepts.
fn accepted(backends: &[Scripted; 3], address: SocketAddr, count: usize) -> [usize; 3] {
    let before = backends.each_ref().map(Scripted::connections);
    for _ in 0..count {
        let mut client = patient(TcpStream::connect(address).expect("it accepts"));
        assert_eq!(read_to_end(&mut client).expect("an orderly end").len(), 1);
    }
    std::array::from_fn(|at| backends[at].connections() - before[at])
}

#[test]
fn a_backup_serves_when_the_others_are_down_and_gives_back() {
    let backends = three();
    let mut rig = Rig::new(front(Protocol::Tcp, &backends.each_ref().map(|b| b.address)));
    rig.edit_backend("b2", |backend| backend.backup = true);
    let address = rig.address_of("front");
    assert_eq!(accepted(&backends, address, 10), [5, 5, 0]);
    rig.set_health("b0", Health::Down);
    assert_eq!(accepted(&backends, address, 10), [0, 10, 0]);
    rig.edit_backend("b1", |backend| backend.weight = 0);
    assert_eq!(accepted(&backends, address, 10), [0, 0, 10]);
    rig.set_health("b0", Health::Up);
    assert_eq!(accepted(&backends, address, 10), [10, 0, 0]);
}

/// Who serves each of so many client addresses of the loopback.
fn homes(rig: &Rig, clients: u8) -> HashMap<u8, u8> {
    let home = |host: u8| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::new(IpAddr::from([127, 0, 3, host]), 0).into()).expect("an address of the loopback");
        socket.connect(&rig.address_of("front").into()).expect("the listener accepts");
        let mut said = [0];
        patient(socket.into()).read_exact(&mut said).expect("somebody serves");
        said[0] - b'0'
    };
    (1..=clients).map(|host| (host, home(host))).collect()
}

#[test]
fn by_hash_a_client_has_one_backend_and_only_those_of_a_dead_one_move() {
    let backends = three();
    let mut config = front(Protocol::Tcp, &backends.each_ref().map(|b| b.address));
    config.groups.get_mut(&name("app")).expect("it was made").scheduler = Scheduler::Hash;
    let mut rig = Rig::with_workers(config, 2);
    let before = homes(&rig, 60);
    assert_eq!(homes(&rig, 60), before);
    assert!((0..3).all(|at| before.values().filter(|home| **home == at).count() > 5), "{before:?}");
    rig.set_health("b1", Health::Down);
    for (client, home) in homes(&rig, 60) {
        let old = before[&client];
        assert!(if old == 1 { home != 1 } else { home == old }, "client {client} went from {old} to {home}");
    }
    rig.set_health("b1", Health::Up);
    assert_eq!(homes(&rig, 60), before, "exactly they come back");
}

#[test]
fn by_hash_the_flows_of_a_client_have_one_backend() {
    let backends = [Echo::new(0), Echo::new(1), Echo::new(2)];
    let mut config = front(Protocol::Udp, &backends.each_ref().map(|b| b.address));
    config.groups.get_mut(&name("app")).expect("it was made").scheduler = Scheduler::Hash;
    let mut rig = Rig::with_workers(config, 2);
    let home = who(&asking(rig.address_of("front")));
    assert!((0..20).all(|_| who(&asking(rig.address_of("front"))) == home), "whatever its port");
    rig.set_health(&format!("b{home}"), Health::Down);
    let next = who(&asking(rig.address_of("front")));
    assert_ne!(next, home);
    rig.set_health(&format!("b{home}"), Health::Up);
    assert_eq!(who(&asking(rig.address_of("front"))), home);
}

/// How much of its weight slow start gives to `b1`.
fn ramp(daemon: &Daemon) -> Option<u16> {
    daemon.status().groups[0].backends[1].ramp_permille
}

#[test]
fn a_backend_that_is_enabled_again_starts_slowly() {
    let backends = three();
    let mut text = "listeners.front = { bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"app\" }\n".to_owned();
    text += "groups.app.slow_start = \"1m\"\n";
    for (at, backend) in backends.iter().enumerate() {
        text += format!("groups.app.backends.b{at} = {{ address = \"{}\" }}\n", backend.address).as_str();
    }
    let place = Place::new(&text);
    let daemon = place.start();
    let address = daemon.status().listeners[0].bind.ip().expect("an internet address");
    assert_eq!(ramp(&daemon), None, "nobody ramps when the daemon starts");
    assert_eq!(accepted(&backends, address, 30), [10, 10, 10]);

    let path = "groups.app.backends.b1.state";
    daemon.ask(set(path, "disabled")).expect("valid");
    daemon.ask(set(path, "enabled")).expect("valid");
    let first = ramp(&daemon).expect("it ramps");
    let early = accepted(&backends, address, 40);
    assert!(first < 500 && early[1] < 10, "{first} permille: {early:?}");
    assert!(early[0].abs_diff(early[2]) <= 2, "the others share what it leaves: {early:?}");

    let mut last = first;
    until("it has grown", || {
        let share = ramp(&daemon).expect("a minute is longer than this takes");
        assert!(share >= last, "{share} after {last}");
        last = share;
        share >= first + 20
    });
    daemon.ask(set("groups.app.slow_start", "1s")).expect("valid");
    until("its time is over", || ramp(&daemon).is_none());
    let whole = accepted(&backends, address, 30);
    assert!(whole.iter().all(|count| count.abs_diff(10) <= 1), "its share is whole: {whole:?}");
}
