//! Why a group is out of balance: each cause is injected alone and in pairs, is named first, and the points of
//! all of them add up to the gap (S-13 to S-19); groups that are even raise no alarm.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;

use poise_ipc::edit::Edit;
use poise_ipc::message::{BalanceAnswer, BalanceQuery, Imbalance, LayerAct, LayerQuery, LeaseQuery, Reply, Verb};
use poise_ipc::status::Health;

use super::scene::{DEAD, EVEN, Kind, Scene, weighs, with};
use crate::backends::{Scripted, patient, until};
use crate::process::{Place, set};

/// A point of a hundred, in millionths.
const POINT: i64 = 10_000;

impl Scene {
    fn set(&self, path: &str, value: &str) {
        self.commit(&[Edit::set(format!("groups.app.{path}"), value)]);
    }

    fn explained(&self) -> BalanceAnswer {
        explained(&self.daemon)
    }
}

fn explained(daemon: &crate::process::Daemon) -> BalanceAnswer {
    let query = BalanceQuery { of: "app".parse().expect("a name"), window_ms: 600_000 };
    match daemon.ask(Verb::Balance(query)) {
        Ok(Reply::Balance(answer)) => *answer,
        other => panic!("no explanation: {other:?}"),
    }
}

/// What every explanation has to be: the parts are the whole.
fn adds_up(answer: &BalanceAnswer) {
    for backend in &answer.backends {
        let gap = i64::from(backend.observed_ppm) - i64::from(backend.expected_ppm);
        let terms: i64 = backend.terms.iter().map(|(_, part)| i64::from(*part)).sum();
        assert!((gap - terms).abs() < POINT / 100, "{answer:#?}");
    }
    let picks: u64 = answer.backends.iter().map(|backend| backend.picks).sum();
    assert_eq!(picks, answer.work);
}

/// The first causes are these, in whatever order, and each says what was measured.
fn first(answer: &BalanceAnswer, causes: &[Imbalance]) {
    adds_up(answer);
    assert!(!answer.is_even, "{answer:#?}");
    let told: Vec<_> = answer.causes.iter().take(causes.len()).map(|cause| cause.cause).collect();
    assert!(causes.iter().all(|cause| told.contains(cause)), "{causes:?} are not first: {answer:#?}");
    for cause in &answer.causes {
        assert!(!cause.evidence.is_empty() && !cause.remedy.is_empty(), "{cause:?}");
    }
}

fn no_alarm(answer: &BalanceAnswer) {
    adds_up(answer);
    assert!(answer.is_even, "{answer:#?}");
}

#[test]
fn weights_that_were_others() {
    let mut scene = Scene::new(Kind::Http, "", 10, &EVEN);
    scene.rounds(9);
    scene.set("backends.b0.weight", "300");
    scene.rounds(9);
    let answer = scene.explained();
    first(&answer, &[Imbalance::Weights]);
    // 90 of each third, then 54, 18, 18: 84 of 180 instead of 108.
    assert_eq!(answer.backends[0].expected_ppm, 600_000);
    assert!(answer.backends[0].observed_ppm.abs_diff(466_667) < 12_000, "{answer:#?}");
}

#[test]
fn a_drain_and_its_mend() {
    let mut scene = Scene::new(Kind::Http, "", 10, &EVEN);
    scene.set("backends.b1.state", "disabled");
    scene.rounds(6);
    let answer = scene.explained();
    first(&answer, &[Imbalance::State]);
    assert_eq!(answer.causes[0].mend, [Edit::set("groups.app.backends.b1.state", "\"enabled\"")]);
    scene.commit(&answer.causes[0].mend);
    scene.rounds(100);
    let later = scene.explained();
    assert!(later.gap_ppm() < answer.gap_ppm() / 5, "{later:#?}");
}

#[test]
fn one_that_is_down() {
    let mut scene = Scene::new(Kind::Http, "", 10, &EVEN);
    scene.kill(2);
    scene.rounds(9);
    let answer = scene.explained();
    first(&answer, &[Imbalance::Health]);
    assert!(answer.causes[0].evidence.iter().any(|line| line == "app/b2 is down now"), "{answer:#?}");
}

#[test]
fn a_backup_that_serves() {
    let mut scene = Scene::new(Kind::Http, "", 10, &[weighs(100), with(100, ", backup = true")]);
    scene.rounds(3);
    no_alarm(&scene.explained());
    scene.kill(0);
    scene.rounds(9);
    let answer = scene.explained();
    first(&answer, &[Imbalance::Health]);
    assert!(answer.causes[0].evidence.iter().any(|line| line == "its backups serve now"), "{answer:#?}");
}

#[test]
fn slow_start() {
    let sets = [weighs(100), with(100, ", state = \"disabled\"")];
    let mut scene = Scene::new(Kind::Http, "slow_start = \"10m\"\nhealth_check = \"off\"", 10, &sets);
    scene.set("backends.b1.state", "enabled");
    scene.rounds(9);
    let answer = scene.explained();
    first(&answer, &[Imbalance::SlowStart]);
    assert!(answer.backends[1].observed_ppm < 100_000, "{answer:#?}");
}

#[test]
fn a_lease() {
    let mut scene = Scene::new(Kind::Http, "", 10, &EVEN);
    let edits = vec![Edit::set("groups.app.backends.b0.weight", "10")];
    let lease = LeaseQuery { edits, for_ms: 3_600_000, reason: None, dry_run: false };
    scene.daemon.ask(Verb::Lease(lease)).expect("valid");
    scene.rounds(9);
    let answer = scene.explained();
    first(&answer, &[Imbalance::Layers]);
    assert_eq!(answer.causes[0].remedy, "poise layers cancel 1, or wait for its end");
    scene.daemon.ask(Verb::Layer(LayerQuery { id: 1, act: LayerAct::Cancel })).expect("it is there");
}

#[test]
fn few_clients_that_persistence_binds() {
    let mut scene = Scene::new(Kind::Source, "", 3, &EVEN);
    scene.rounds(1);
    // One of three comes again and again.
    scene.clients = 1;
    scene.rounds(90);
    let answer = scene.explained();
    first(&answer, &[Imbalance::Pinned]);
    let told = &answer.causes[0].evidence;
    assert!(
        told.iter().any(|line| line.starts_with("listener front remembers 3 clients: b0 1, b1 1, b2 1")),
        "{told:?}"
    );
}

#[test]
fn least_connections_with_persistence() {
    let mut scene = Scene::new(Kind::Source, "scheduler = \"wlc\"", 4, &[weighs(100), weighs(100)]);
    scene.rounds(1);
    scene.clients = 1;
    scene.rounds(90);
    let answer = scene.explained();
    first(&answer, &[Imbalance::PinnedWlc]);
    assert_eq!(answer.causes[0].mend, [Edit::set("groups.app.scheduler", "\"wrr\"")]);
}

#[test]
fn connections_that_stay_open_at_one_backend() {
    // It keeps what it has; the other one ends at once.
    let keeps = Scripted::new(|mut stream| {
        use std::io::Write;
        let _ = stream.write_all(b"0");
        let _ = stream.read(&mut [0; 1]);
    });
    let ends = Scripted::saying("1");
    let place = Place::new(&format!(
        "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ngroup = \"app\"\n\
         [groups.app]\nscheduler = \"wlc\"\nhealth_check = \"off\"\n[groups.app.backends]\n\
         b0 = {{ address = \"{}\" }}\nb1 = {{ address = \"{}\" }}\n",
        keeps.address, ends.address
    ));
    let daemon = place.start();
    let to = daemon.status().listeners[0].bind.ip().expect("an address");
    let mut open = Vec::new();
    for _ in 0..120 {
        let mut stream = patient(TcpStream::connect(to).expect("it listens"));
        let mut who = [0];
        stream.read_exact(&mut who).expect("a backend speaks");
        if who == *b"0" {
            open.push(stream);
        } else {
            // Until it is counted as over.
            assert_eq!(stream.read(&mut [0; 1]).expect("an orderly end"), 0);
        }
    }
    let answer = explained(&daemon);
    first(&answer, &[Imbalance::Busy]);
    assert!(answer.causes[0].evidence.iter().any(|line| line.starts_with("app/b0: ")), "{answer:#?}");
    assert_eq!(answer.causes[0].mend, [Edit::set("groups.app.scheduler", "\"wrr\"")]);
    daemon.ask(set("groups.app.scheduler", "wrr")).expect("valid");
}

#[test]
fn a_backend_that_cannot_be_reached_and_is_not_checked() {
    let mut scene = Scene::new(Kind::Http, "health_check = \"off\"", 10, &[weighs(100), weighs(100), DEAD]);
    scene.rounds(9);
    let answer = scene.explained();
    adds_up(&answer);
    assert!(answer.causes.iter().any(|cause| cause.cause == Imbalance::Failover), "{answer:#?}");
}

#[test]
fn two_causes_at_once_are_both_named() {
    let mut scene = Scene::new(Kind::Http, "", 10, &EVEN);
    scene.rounds(6);
    scene.set("backends.b0.weight", "400");
    scene.rounds(6);
    scene.kill(2);
    scene.rounds(6);
    first(&scene.explained(), &[Imbalance::Weights, Imbalance::Health]);

    let mut scene = Scene::new(Kind::Source, "", 3, &EVEN);
    scene.rounds(1);
    scene.clients = 1;
    scene.rounds(40);
    scene.set("backends.b1.state", "disabled");
    scene.rounds(40);
    first(&scene.explained(), &[Imbalance::Pinned, Imbalance::State]);

    let mut scene = Scene::new(Kind::Http, "", 10, &EVEN);
    let edits = vec![Edit::set("groups.app.backends.b0.weight", "400")];
    let lease = LeaseQuery { edits, for_ms: 3_600_000, reason: None, dry_run: false };
    scene.daemon.ask(Verb::Lease(lease)).expect("valid");
    scene.rounds(6);
    scene.set("backends.b1.state", "draining");
    scene.rounds(6);
    first(&scene.explained(), &[Imbalance::Layers, Imbalance::State]);

    let mut scene = Scene::new(Kind::Http, "", 10, &EVEN);
    scene.kill(1);
    scene.rounds(6);
    scene.set("backends.b0.state", "disabled");
    scene.rounds(6);
    first(&scene.explained(), &[Imbalance::Health, Imbalance::State]);

    let mut scene = Scene::new(Kind::Cookie, "", 3, &EVEN);
    scene.rounds(1);
    scene.clients = 1;
    scene.rounds(60);
    scene.set("backends.b2.weight", "900");
    scene.rounds(3);
    first(&scene.explained(), &[Imbalance::Pinned, Imbalance::Weights]);
}

#[test]
fn even_groups_raise_no_alarm() {
    for (kind, group, clients, rounds, sets) in [
        (Kind::Http, "", 10, 9, &EVEN[..]),
        (Kind::Http, "", 1, 1, &EVEN[..]),
        (Kind::Http, "", 1, 2, &EVEN[..]),
        (Kind::Http, "", 7, 1, &EVEN[..]),
        (Kind::Http, "scheduler = \"rr\"", 10, 6, &[weighs(1), weighs(900)][..]),
        (Kind::Http, "scheduler = \"wlc\"", 10, 9, &EVEN[..]),
        (Kind::Http, "scheduler = \"p2c\"", 10, 3, &EVEN[..]),
        (Kind::Http, "scheduler = \"p2c\"", 10, 20, &EVEN[..]),
        (Kind::Http, "", 10, 9, &[weighs(10), weighs(20), weighs(70)][..]),
        (Kind::Http, "", 10, 9, &[weighs(100), weighs(0)][..]),
        (Kind::Http, "", 10, 3, &[weighs(100)][..]),
        (Kind::Cookie, "", 30, 4, &EVEN[..]),
        (Kind::Source, "", 30, 4, &EVEN[..]),
    ] {
        let mut scene = Scene::new(kind, group, clients, sets);
        scene.rounds(rounds);
        let answer = scene.explained();
        no_alarm(&answer);
        assert_eq!(answer.work, u64::from(clients) * rounds as u64, "{group}");
    }
}

#[test]
fn an_hour_is_the_most_and_an_unknown_name_is_refused() {
    let scene = Scene::new(Kind::Http, "", 1, &EVEN);
    let ask = |of: &str, window_ms| {
        scene.daemon.ask(Verb::Balance(BalanceQuery { of: of.parse().expect("a name"), window_ms }))
    };
    assert!(ask("front", 60_000).is_ok(), "a listener stands for its group");
    let refused: BTreeMap<_, _> = [("app", 9_999), ("app", 3_600_001), ("nobody", 60_000)]
        .map(|(of, window_ms)| ((of, window_ms), ask(of, window_ms).expect_err("refused").message))
        .into();
    assert!(refused.values().all(|message| !message.is_empty()), "{refused:?}");
    until("the probes go on", || scene.daemon.status().groups[0].backends[0].health.health == Health::Up);
}
