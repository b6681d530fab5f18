//! How connections are shared out (S-11 to S-19).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use poise_ipc::model::{PersistenceKind, Protocol, Scheduler};
use poise_ipc::status::Health;

use crate::backends::{Scripted, patient, read_to_end, until};
use crate::process::{Daemon, Place, set};
use crate::rig::{Rig, front, name};

/// Three backends that say their number and end, and one listener before them.
struct Three {
    backends: [Scripted; 3],
    rig: Rig,
}

impl Three {
    fn new(scheduler: Scheduler, weights: [u16; 3]) -> Self {
        Self::of([Scripted::saying("0"), Scripted::saying("1"), Scripted::saying("2")], scheduler, weights)
    }

    fn of(backends: [Scripted; 3], scheduler: Scheduler, weights: [u16; 3]) -> Self {
        let mut config = front(Protocol::Tcp, &backends.each_ref().map(|b| b.address));
        let group = config.groups.get_mut(&name("app")).expect("it was made");
        group.scheduler = scheduler;
        for (backend, weight) in group.backends.values_mut().zip(weights) {
            backend.weight = weight;
        }
        Self { rig: Rig::with_workers(config, 2), backends }
    }

    /// How many of so many new connections each backend accepts.
    fn accepted(&self, count: usize) -> [usize; 3] {
        let before = self.backends.each_ref().map(Scripted::connections);
        for _ in 0..count {
            assert_eq!(read_to_end(&mut self.rig.connect()).expect("an orderly end").len(), 1);
        }
        std::array::from_fn(|at| self.backends[at].connections() - before[at])
    }
}

/// A backend that says a letter and stays, as one that is slow or whose connections live long.
fn staying() -> Scripted {
    Scripted::new(|mut stream| {
        let _ = stream.write_all(b"s");
        let _ = read_to_end(&mut stream);
    })
}

/// Makes so many connections one after the other and keeps those that stay. Returns how many each
/// backend has accepted so far.
fn kept(three: &Three, count: usize) -> ([usize; 3], Vec<TcpStream>) {
    let open_before = three.rig.counters().connections_open;
    let mut open = Vec::new();
    for _ in 0..count {
        let mut client = three.rig.connect();
        let mut said = [0];
        client.read_exact(&mut said).expect("every backend says something");
        if said == *b"s" {
            open.push(client);
        } else {
            drop(client);
        }
        let expected = open_before + open.len() as u64;
        until("those that end have ended", || three.rig.counters().connections_open == expected);
    }
    (three.backends.each_ref().map(Scripted::connections), open)
}

fn config(backends: &[Scripted], more: &str) -> String {
    let mut text = format!(
        "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ngroup = \"app\"\n{more}\n[groups.app]\n"
    );
    text += "[groups.app.backends]\n";
    for (at, backend) in backends.iter().enumerate() {
        let weight = if at == 0 { 300 } else { 100 };
        text += format!("b{at} = {{ address = \"{}\", weight = {weight} }}\n", backend.address).as_str();
    }
    text
}

fn front_of(daemon: &Daemon) -> SocketAddr {
    daemon.status().listeners[0].bind.ip().expect("an internet address")
}

#[test]
fn s_11_every_scheduler_is_set_live_and_shares_out_in_its_way() {
    let served = |address: SocketAddr| {
        let mut client = patient(TcpStream::connect(address).expect("it accepts"));
        let mut said = [0];
        client.read_exact(&mut said).expect("every backend says something");
        (usize::from(said[0] - b'0'), client)
    };
    // They say their number and stay.
    let stay = |number: &'static [u8]| {
        Scripted::new(move |mut stream| {
            let _ = stream.write_all(number);
            let _ = read_to_end(&mut stream);
        })
    };
    let backends = [stay(b"0"), stay(b"1"), stay(b"2")];
    let place = Place::new(&config(&backends, ""));
    let daemon = place.start();
    let address = front_of(&daemon);
    let mut shares = Vec::new();
    for (word, scheduler) in [("rr", Scheduler::Rr), ("wrr", Scheduler::Wrr), ("wlc", Scheduler::Wlc)]
        .into_iter()
        .chain([("hash", Scheduler::Hash), ("p2c", Scheduler::P2c)])
    {
        daemon.ask(set("groups.app.scheduler", word)).expect("valid");
        assert_eq!(daemon.status().groups[0].scheduler, scheduler);
        let clients: Vec<_> = (0..30).map(|_| served(address)).collect();
        shares.push([0, 1, 2].map(|at| clients.iter().filter(|(by, _)| *by == at).count()));
        drop(clients);
        let open = || daemon.status().listeners[0].counters.connections_open;
        until("all have ended", || open() == 0);
    }
    assert_eq!(shares[..3], [[10, 10, 10], [18, 6, 6], [18, 6, 6]], "rr, wrr and wlc are exact");
    assert_eq!(*shares[3].iter().max().expect("three"), 30, "hash: one client, one backend: {shares:?}");
    let p2c = shares[4];
    assert!(p2c[0] > p2c[1] && p2c[0] > p2c[2] && p2c[1].min(p2c[2]) > 2, "p2c is near the weights: {p2c:?}");
}

#[test]
fn s_12_weight_0_takes_no_new_connections_and_open_ones_live_on() {
    let mut three = Three::of([staying(), staying(), Scripted::saying("2")], Scheduler::Wrr, [100; 3]);
    let (before, mut open) = kept(&three, 9);
    assert_eq!((before, open.len()), ([3, 3, 3], 6));
    three.rig.edit_backend("b0", |backend| backend.weight = 0);
    let (after, more) = kept(&three, 10);
    assert_eq!(after, [3, 8, 8], "b0 has accepted none of ten");
    open.extend(more);
    assert_eq!(three.rig.counters_of("b0").connections_open, 3);
    three.rig.edit_backend("b0", |backend| backend.weight = 100);
    drop(open);
    until("all have ended", || three.rig.counters().connections_open == 0);
    let (again, _open) = kept(&three, 3);
    assert_eq!(again, [4, 9, 9], "with weight it takes its share again");
}

#[test]
fn s_13_weights_of_five_to_one_to_one_are_shared_out_exactly() {
    let three = Three::new(Scheduler::Wrr, [500, 100, 100]);
    assert_eq!(three.accepted(70), [50, 10, 10]);
    assert_eq!(three.accepted(7), [5, 1, 1], "every seven of them");
}

#[test]
fn s_14_ten_connections_over_three_backends_differ_by_at_most_one() {
    for scheduler in [Scheduler::Rr, Scheduler::Wrr] {
        let three = Three::new(scheduler, [100; 3]);
        for _ in 0..3 {
            let mut accepted = three.accepted(10);
            accepted.sort_unstable();
            assert_eq!(accepted, [3, 3, 4], "{scheduler}");
        }
    }
}

#[test]
fn s_15_a_slow_backend_gets_fewer_connections_by_load_than_by_weight() {
    let three = |scheduler| Three::of([staying(), Scripted::saying("1"), Scripted::saying("2")], scheduler, [100; 3]);
    let (by_weight, _open) = kept(&three(Scheduler::Wrr), 30);
    assert_eq!(by_weight, [10, 10, 10], "weights know nothing of speed");
    let (by_load, _open) = kept(&three(Scheduler::Wlc), 30);
    assert!(by_load[0] <= 1, "it has not answered the first one yet: {by_load:?}");
    assert_eq!(by_load.iter().sum::<usize>(), 30);
}

#[test]
fn s_16_one_address_with_persistence_lands_on_one_backend() {
    let mut three = Three::new(Scheduler::Wrr, [100; 3]);
    assert_eq!(three.accepted(9), [3, 3, 3], "without persistence they are shared out");
    three.rig.edit(|config| {
        let listener = config.listeners.get_mut(&name("front")).expect("it was made");
        listener.persistence.kind = PersistenceKind::Source;
    });
    let mut accepted = three.accepted(9);
    accepted.sort_unstable();
    assert_eq!(accepted, [0, 0, 9]);
}

#[test]
fn s_17_the_share_of_a_flapping_backend_goes_to_the_others_and_comes_back() {
    let mut three = Three::new(Scheduler::Wrr, [100; 3]);
    for _ in 0..3 {
        assert_eq!(three.accepted(30), [10, 10, 10]);
        three.rig.set_health("b0", Health::Down);
        assert_eq!(three.accepted(30), [0, 15, 15]);
        three.rig.set_health("b0", Health::Up);
    }
    // A flap between two connections costs nobody its turn.
    let mut all = [0; 3];
    for round in 0..90 {
        three.rig.set_health("b0", if round % 2 == 0 { Health::Down } else { Health::Up });
        let accepted = three.accepted(1);
        all.iter_mut().zip(accepted).for_each(|(all, more)| *all += more);
    }
    assert!(all[1].abs_diff(all[2]) <= 1 && (10..=20).contains(&all[0]), "{all:?}");
}

#[test]
fn s_18_connections_that_live_long_on_one_backend_pile_up_by_weight_and_not_by_load() {
    // Only b0 keeps its connections alive.
    let three = |scheduler| Three::of([staying(), Scripted::saying("1"), Scripted::saying("2")], scheduler, [100; 3]);
    let by_weight = three(Scheduler::Wrr);
    let (_, _open) = kept(&by_weight, 30);
    assert_eq!(by_weight.rig.counters_of("b0").connections_open, 10);
    let by_load = three(Scheduler::Wlc);
    let (_, _open) = kept(&by_load, 30);
    assert!(by_load.rig.counters_of("b0").connections_open <= 1);
}

#[test]
fn s_19_wlc_with_persistence_is_a_finding_that_its_remedy_ends() {
    let backends = [Scripted::saying("0"), Scripted::saying("1")];
    let place = Place::new(&config(&backends, "persistence = \"source\""));
    let daemon = place.start();
    let codes = || -> Vec<(String, String)> {
        daemon.status().findings.into_iter().map(|finding| (finding.code, finding.remedy)).collect()
    };
    assert_eq!(codes(), []);
    daemon.ask(set("groups.app.scheduler", "wlc")).expect("valid, only unwise");
    let found = codes();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "wlc-with-persistence");
    assert!(found[0].1.contains("scheduler = \"wrr\" in groups.app"), "{}", found[0].1);
    daemon.ask(set("groups.app.scheduler", "wrr")).expect("valid");
    assert_eq!(codes(), []);
}
