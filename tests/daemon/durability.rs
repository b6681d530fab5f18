//! What is acknowledged survives SIGKILL; what was under way is there as a whole or not at all.
//!
//! `POISE_KILL_ROUNDS` sets the number of kills, 20 unless given.

use std::io::Read;
use std::time::Duration;

use poise_ipc::message::{Reply, Verb};

use crate::process::{Daemon, Place, ask, send, set};

const CONFIG: &str = "\
[groups.app]
health_check = \"off\"
[groups.app.backends]
a = { address = \"127.0.0.1:9\", weight = 0 }
";
const WEIGHT: &str = "groups.app.backends.a.weight";

fn rounds() -> u16 {
    std::env::var("POISE_KILL_ROUNDS").map_or(20, |rounds| rounds.parse().expect("a number of rounds"))
}

/// Weight and revision.
fn seen(daemon: &Daemon) -> (u16, u64) {
    let status = daemon.status();
    (status.groups[0].backends[0].weight, status.revision)
}

#[test]
fn an_acknowledged_edit_survives_a_kill_right_after_it() {
    let place = Place::new(CONFIG);
    let mut daemon = place.start();
    for round in 1..=rounds() {
        let weight = round % 1_000 + 1;
        let mut stream = daemon.connect();
        let Ok(Reply::Applied(applied)) = ask(&mut stream, set(WEIGHT, &weight.to_string())) else {
            panic!("refused in round {round}")
        };
        daemon.kill();
        daemon = place.start();
        assert_eq!(seen(&daemon), (weight, applied.revision), "round {round}");
    }
}

#[test]
fn an_edit_that_was_under_way_is_there_as_a_whole_or_not_at_all() {
    let place = Place::new(CONFIG);
    let mut daemon = place.start();
    for round in 1..=rounds() {
        let (before, revision) = seen(&daemon);
        let weight = round % 1_000 + 1;
        let mut stream = daemon.connect();
        send(&mut stream, set(WEIGHT, &weight.to_string()));
        // Another moment of the commit in every round; what is acknowledged by then must be there.
        let wait = Duration::from_micros(u64::from(round) * 97 % 2_000 + 1);
        stream.set_read_timeout(Some(wait)).expect("a time");
        let acknowledged = stream.read(&mut [0; 1]).is_ok();
        daemon.kill();
        daemon = place.start();
        let after = seen(&daemon);
        let done = (weight, revision + 1);
        assert!(after == done || (!acknowledged && after == (before, revision)), "round {round}: {after:?}");
    }
    let Ok(Reply::History { commits }) = daemon.ask(Verb::History { limit: 1_000, before: None }) else {
        panic!("no history")
    };
    assert_eq!(commits.first().map(|commit| commit.revision), Some(seen(&daemon).1));
}
