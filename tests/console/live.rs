//! The console over a real daemon: what an operator does and what then is so.

use std::time::Duration;

use rustix::process::Signal;

use crate::daemon::Place;
use crate::pty::{Console, Setup};

fn open(place: &Place) -> Console {
    let console = Setup::new(&place.socket(), &place.console_state()).start();
    console.sees("app-3");
    console.sees("live");
    console
}

/// Answers a dialog as an operator does: after having seen it. Keys that come too soon are dropped, so
/// the answer is typed again until it was taken.
pub fn answer(console: &mut Console, key: &str, done: impl Fn(&str) -> bool) {
    for _ in 0..100 {
        console.types(key);
        if console.shows_within(Duration::from_millis(100), &done) {
            return;
        }
    }
    panic!("the answer was not taken:\n{}", console.screen());
}

pub fn commit(console: &mut Console, revision: u64) {
    console.types("c");
    console.sees("y commit");
    let done = format!("rev {revision} |");
    answer(console, "y", |screen| screen.contains(&done));
}

#[test]
fn a_weight_edited_in_the_console_is_what_scripts_then_read() {
    let place = Place::new();
    let _daemon = place.start();
    let mut console = open(&place);
    console.types("}}");
    console.sees("100>120*");
    assert_eq!(place.weight("app-1"), "100", "staged is not applied");
    commit(&mut console, 2);
    console.sees_no("120*");
    assert_eq!(place.weight("app-1"), "120");
}

#[test]
fn a_script_that_commits_first_is_not_overrun() {
    let place = Place::new();
    let _daemon = place.start();
    let mut console = open(&place);
    console.types("}");
    console.sees("100>110*");
    place.poise(&["weight", "app/app-1", "7"]);
    console.sees("rev 2 |");
    console.types("c");
    console.sees("theirs wins");
    answer(&mut console, "\u{1b}", |screen| !screen.contains("theirs wins"));
    assert_eq!(place.weight("app-1"), "7");
    console.sees("7>110*");
}

#[test]
fn a_killed_console_finds_its_draft_again() {
    let place = Place::new();
    let _daemon = place.start();
    let mut console = open(&place);
    console.types("j}");
    console.sees("100>110*");
    // The file is there before the next key can be: wait for it, then kill without a warning.
    let folder = place.console_state().join("poise");
    Console::wait_until("the draft on disk", || {
        std::fs::read_dir(&folder)
            .is_ok_and(|files| files.flatten().any(|f| f.path().extension().is_some_and(|e| e == "json")))
    });
    console.signal(Signal::KILL);
    console.ends();
    let console = open(&place);
    console.sees("1 staged edits are back");
    console.sees("100>110*");
}

#[test]
fn a_daemon_that_restarts_is_seen_as_stale_and_then_live_with_the_draft_intact() {
    let place = Place::new();
    let daemon = place.start();
    let mut console = open(&place);
    console.types("}");
    console.sees("100>110*");
    let mut daemon = Some(daemon);
    for _ in 0..3 {
        drop(daemon.take());
        console.sees("STALE since");
        daemon = Some(place.start());
        console.sees("live");
        console.sees("100>110*");
    }
    commit(&mut console, 2);
    assert_eq!(place.weight("app-1"), "110");
}

#[test]
fn a_read_only_console_stages_nothing() {
    let place = Place::new();
    let _daemon = place.start();
    let mut console = Setup { args: &["--read-only"], ..Setup::new(&place.socket(), &place.console_state()) }.start();
    console.sees("READ-ONLY");
    console.sees("app-3");
    console.types("}");
    console.sees("this console is read-only");
    assert!(!console.screen().contains("110"));
}

#[test]
fn the_health_log_fills_and_shows_a_backend_going_down() {
    let mut place = Place::new();
    let _daemon = place.start();
    let mut console = open(&place);
    console.types("3");
    console.sees("app/app-1");
    console.sees("pass");
    place.stop_a_backend();
    console.sees("-> DOWN");
    console.sees("1 of 3 down");
    console.types("q");
    assert_eq!(console.ends(), 0);
    console.is_whole();
}
