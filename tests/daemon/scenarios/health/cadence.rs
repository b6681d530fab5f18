//! S-29, S-31, S-40, L-11: when checks are made: spread from the start, shared by groups that ask alike,
//! fast in question, slow when down, never over each other.

use std::collections::BTreeMap;

use poise_ipc::status::{BackendStatus, Health};

use super::{Clinic, change, group, health, hear_out, logs};
use crate::backends::{Held, Refusing, Scripted, until};
use crate::process::{Daemon, Place};

/// Backends of which many are checked.
const MANY: u16 = 400;
/// Their interval.
const INTERVAL_MS: u64 = 5_000;

/// Names of many backends, which all refuse.
fn many() -> (Refusing, String) {
    let refusing = Refusing::new();
    let port = refusing.address.port();
    let one = |n: u16| format!("b{n} = {{ address = \"127.0.{}.{}:{port}\" }}\n", n / 200, n % 200 + 1);
    let listed: String = (0..MANY).map(one).collect();
    let text =
        format!("[groups.app]\nhealth_check = {{ interval = \"{INTERVAL_MS}ms\" }}\n[groups.app.backends]\n{listed}");
    (refusing, text)
}

#[test]
fn s_29_the_first_checks_after_a_start_are_spread_over_the_interval() {
    let (_refusing, text) = many();
    let place = Place::new(&text);
    let daemon = place.start();
    let announced = |of: &BackendStatus| of.health.next_ms;
    let mut backends = Vec::new();
    until("each knows when it is asked next", || {
        backends = daemon.status().groups.remove(0).backends;
        backends.iter().all(|of| announced(of).is_some())
    });
    // Whoever was asked already is asked again an interval later, less or more by 5 %.
    let mut tenths = BTreeMap::new();
    for next_ms in backends.iter().filter_map(announced) {
        *tenths.entry(next_ms % INTERVAL_MS * 10 / INTERVAL_MS).or_insert(0) += 1;
    }
    assert_eq!(tenths.len(), 10, "{tenths:?}");
    assert!(tenths.values().all(|&count| count < MANY / 5), "{tenths:?}");
}

#[test]
fn s_31_groups_that_ask_the_same_of_a_backend_have_it_asked_once() {
    let clinic = Clinic::new("one");
    let check = "{ protocol = \"http\", interval = \"200ms\", timeout = \"15s\" }";
    let names = ["a", "b", "c"];
    let text: String = names.iter().map(|name| group(name, check, &[("one", clinic.address)])).collect();
    let place = Place::new(&text);
    let daemon = place.start();
    let told = |of: &str| logs(&daemon, of, "one").iter().map(|row| row.count as usize).sum::<usize>();
    until("all have been told often", || names.iter().all(|of| told(of) >= 10));
    let asked = clinic.asked().len();
    let all = names.iter().map(|of| told(of)).sum::<usize>();
    // One may have been under way.
    assert!(asked <= all / 3 + 1, "{asked} for {all}");
    change(&daemon, "groups.b.health_check.path", "\"/b\"");
    until("it is asked on its own", || clinic.asked().iter().any(|head| head.starts_with("HEAD /b ")));
}

/// Mean time between the checks of a row of the log that has failures, in milliseconds.
fn pause_ms(daemon: &Daemon, row: usize) -> u64 {
    let failures = || -> Vec<_> {
        let rows = logs(daemon, "app", "one").into_iter().filter(|row| row.verdict.failed());
        rows.map(|row| (u64::from(row.count), row.last_ms - row.first_ms)).collect()
    };
    until("there are enough", || failures().get(row).is_some_and(|(count, _)| *count >= 3));
    let (count, span_ms) = failures()[row];
    span_ms / (count - 1)
}

#[test]
fn s_29_l_11_checks_are_fast_while_the_health_is_in_question_and_slow_while_it_is_down() {
    let held = Held::new();
    let alive = Scripted::on(held.listen(), drop);
    let check = "{ interval = \"1s\", fast_interval = \"100ms\", down_interval = \"2s\", timeout = \"15s\", fall = 5 }";
    let place = Place::new(&group("app", check, &[("one", held.address)]));
    let daemon = place.start();
    until("it is up", || health(&daemon, "app", "one") == Health::Up);
    drop(alive);
    until("it is down", || health(&daemon, "app", "one") == Health::Down);
    let (fast_ms, slow_ms) = (pause_ms(&daemon, 0), pause_ms(&daemon, 1));
    assert!((80..900).contains(&fast_ms), "in question: {fast_ms}");
    assert!(slow_ms >= 1_800, "down: {slow_ms}");
}

#[test]
fn s_28_s_29_a_check_that_takes_longer_than_its_interval_puts_off_the_next_one() {
    let silent = Scripted::new(|mut stream| hear_out(&mut stream));
    let check = "{ protocol = \"http\", interval = \"100ms\", timeout = \"400ms\" }";
    let place = Place::new(&group("app", check, &[("one", silent.address)]));
    let daemon = place.start();
    until("several were made", || silent.connections() >= 6);
    let rows = logs(&daemon, "app", "one");
    let (first_ms, last_ms) = (rows.first().expect("a row").first_ms, rows.last().expect("a row").last_ms);
    let more = rows.iter().map(|row| u64::from(row.count)).sum::<u64>() - 1;
    assert!(more >= 3 && last_ms - first_ms >= more * 390, "{more} more in {} ms", last_ms - first_ms);
}
