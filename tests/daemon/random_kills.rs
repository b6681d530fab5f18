//! `kill -9` at random moments under several operators at once: after a restart each finds their last answered
//! change, or the one that was under way, and the configuration is that byte for byte.
//!
//! `POISE_KILL_ROUNDS` sets the number of kills, 12 unless given.

use std::sync::Mutex;
use std::time::Duration;

use poise_ipc::edit::Edit;
use poise_ipc::message::{LayerAct, LayerQuery, LeaseQuery, Reply, Verb};

use crate::process::{Daemon, Place, set_all};

/// Operators that edit; one more holds and lets go a lease.
const OPERATORS: usize = 3;
const LEASED: &str = "groups.held.backends.a.weight";

fn config(weights: &[u64; OPERATORS]) -> String {
    let groups = weights.iter().enumerate().map(|(at, weight)| {
        format!("\n[groups.g{at}]\nhealth_check = \"off\"\n[groups.g{at}.backends]\na = {{ address = \"127.0.0.1:9\", weight = {weight} }}\nb = {{ address = \"127.0.0.1:10\", weight = {weight} }}\n")
    });
    let held = "[groups.held]\nhealth_check = \"off\"\n[groups.held.backends]\na = { address = \"127.0.0.1:9\" }\n";
    held.to_owned() + &groups.collect::<String>()
}

/// The text as the daemon prints it.
fn printed(weights: &[u64; OPERATORS]) -> String {
    poise_ipc::text::print(&poise_ipc::text::parse(&config(weights)).expect("valid"))
}

fn rounds() -> u64 {
    std::env::var("POISE_KILL_ROUNDS").map_or(12, |rounds| rounds.parse().expect("a number of rounds"))
}

/// What an operator knows of their value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    answered: u64,
    asked: u64,
}

/// Both values of one commit, so that half of it would be seen.
fn edit(at: usize, value: u64) -> Verb {
    let path = |name: &str| format!("groups.g{at}.backends.{name}.weight");
    set_all(&[(path("a"), value.to_string()), (path("b"), value.to_string())])
}

/// Edits until the daemon is gone.
fn operate(daemon: &Daemon, at: usize, known: &mut Known) {
    loop {
        known.asked = known.answered % 1_000 + 1;
        match daemon.ask_while_it_lives(edit(at, known.asked)) {
            Some(Ok(_)) => known.answered = known.asked,
            Some(Err(error)) => panic!("refused: {error:?}"),
            None => return,
        }
    }
}

/// What is known of leases: the number of the one that was begun, and whether its end was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Lease {
    answered: Option<u64>,
    under_way: bool,
}

fn hold(daemon: &Daemon, lease: &mut Lease) {
    loop {
        lease.under_way = true;
        let verb = match lease.answered {
            None => Verb::Lease(LeaseQuery {
                edits: vec![Edit::set(LEASED, "7")],
                for_ms: 3_600_000,
                reason: None,
                dry_run: false,
            }),
            Some(id) => Verb::Layer(LayerQuery { id, act: LayerAct::Cancel }),
        };
        match daemon.ask_while_it_lives(verb) {
            Some(Ok(Reply::Layer(status))) => {
                let began = lease.answered.is_none();
                *lease = Lease { answered: began.then_some(status.id), under_way: false };
            }
            Some(other) => panic!("no layer: {other:?}"),
            None => return,
        }
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_answered_and_leaves_nothing_half() {
    let mut values = [1; OPERATORS];
    let mut lease = Lease::default();
    let place = Place::new(&config(&values));
    let mut daemon = place.start();
    let (mut changes, mut untold) = (0, 0);
    for round in 0..rounds() {
        let revision = daemon.status().revision;
        let known = Mutex::new(values.map(|value| Known { answered: value, asked: value }));
        let daemon_now = &daemon;
        let mut lease_now = lease;
        std::thread::scope(|scope| {
            for at in 0..OPERATORS {
                let known = &known;
                scope.spawn(move || {
                    let mut own = known.lock().expect("nobody panics")[at];
                    operate(daemon_now, at, &mut own);
                    known.lock().expect("nobody panics")[at] = own;
                });
            }
            let lease = &mut lease_now;
            scope.spawn(move || hold(daemon_now, lease));
            // Another moment in every round: from before the first answer to some dozens of changes.
            std::thread::sleep(Duration::from_micros(round * 7_919 % 120_000));
            daemon_now.signal(rustix::process::Signal::KILL);
        });
        drop(daemon);
        daemon = place.start();
        let known = known.into_inner().expect("whole");
        let Ok(Reply::ConfigText { text, revision: now }) = daemon.ask(Verb::ConfigText) else { panic!("no text") };
        let config = poise_ipc::text::parse(&text).expect("valid");
        for (at, known) in known.iter().enumerate() {
            let group = &config.groups[format!("g{at}").as_str()];
            let value = u64::from(group.backends["a"].weight);
            assert!(
                value == known.answered || value == known.asked,
                "round {round}, operator {at}: {value}, {known:?}"
            );
            untold += u64::from(value != known.answered);
            values[at] = value;
        }
        assert_eq!(text, printed(&values), "round {round}");
        changes += now - revision;
        // The history ends where the state stands, without a gap.
        let Ok(Reply::History { commits }) = daemon.ask(Verb::History { limit: 50, before: None }) else {
            panic!("no history")
        };
        let revisions: Vec<_> = commits.iter().map(|commit| commit.revision).collect();
        let expected: Vec<_> = (1..=now).rev().take(50).collect();
        assert_eq!(revisions, expected, "round {round}");
        // Leases the same.
        let layers: Vec<u64> = daemon.status().layers.iter().map(|layer| layer.id).collect();
        let as_answered: Vec<u64> = lease_now.answered.into_iter().collect();
        assert!(
            layers == as_answered || (lease_now.under_way && layers.len() != as_answered.len()),
            "round {round}: {layers:?}, {lease_now:?}"
        );
        lease = Lease { answered: layers.first().copied(), under_way: false };
    }
    println!("{} kills, {changes} changes, {untold} of them stored and not told", rounds());
}
