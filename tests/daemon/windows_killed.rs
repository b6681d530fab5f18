//! Commits that nobody confirms are taken back whatever is killed meanwhile; those that were confirmed
//! stay. Never half of either.
//!
//! `POISE_KILL_ROUNDS` sets how many windows are opened, some at once: 12 unless given. Each takes the
//! shortest window there is. How late the configuration of before came back is printed.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use poise_ipc::edit::Edit;
use poise_ipc::message::{Apply, Commit, EventBody, Reply, Verb, WindowAct, WindowQuery, WindowStatus, WindowWish};

use crate::process::{Daemon, Place};

const CONFIG: &str = "\
[groups.app]
health_check = \"off\"
[groups.app.backends]
a = { address = \"127.0.0.1:9\" }
b = { address = \"127.0.0.1:10\", weight = 30 }
";
/// The shortest window.
const WITHIN_MS: u64 = 10_000;
/// Windows at once.
const SIDE_BY_SIDE: u64 = 12;

fn rounds() -> u64 {
    std::env::var("POISE_KILL_ROUNDS").map_or(SIDE_BY_SIDE, |rounds| rounds.parse().expect("a number of rounds"))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after the epoch");
    u64::try_from(since.as_millis()).expect("a time of this age")
}

/// The configuration as text and its revision.
fn running(daemon: &Daemon) -> (String, u64) {
    match daemon.ask(Verb::ConfigText) {
        Ok(Reply::ConfigText { revision, text }) => (text, revision),
        other => panic!("no text: {other:?}"),
    }
}

/// Several values in one commit that has to be confirmed. The connection ends with the answer: nobody is
/// there any more who would remember it.
fn opened(daemon: &Daemon) -> WindowStatus {
    let set = |name: &str, value: &str| Edit::set(format!("groups.app.{name}"), value);
    let edits = vec![set("backends.a.weight", "7"), set("scheduler", "wlc"), Edit::remove("groups.app.backends.b")];
    let window = WindowWish { confirm_within_ms: Some(WITHIN_MS), ..WindowWish::default() };
    let apply = Apply { edits, if_revision: None, dry_run: false, reason: None, window };
    match daemon.ask(Verb::Apply(apply)) {
        Ok(Reply::Applied(applied)) => applied.window.expect("it has to be confirmed"),
        other => panic!("refused: {other:?}"),
    }
}

/// Waits until no window is open, and says which commit took it back, if one did.
fn closed(daemon: &Daemon) -> Option<Commit> {
    let mut events = daemon.subscribe();
    if daemon.status().window.is_some() {
        events.until(|body| matches!(body, EventBody::Window(_)));
    }
    let Ok(Reply::History { commits }) = daemon.ask(Verb::History { limit: 1, before: None }) else {
        panic!("no history")
    };
    commits.into_iter().next().filter(|commit| commit.reason.as_ref().is_some_and(|why| why.starts_with("back to")))
}

/// One window: killed once at a moment of its own, before or after its deadline. How late, in
/// milliseconds, what was before came back; none where it was confirmed.
fn round(round: u64) -> Option<u64> {
    let place = Place::new(CONFIG);
    let mut daemon = place.start();
    let before = running(&daemon).0;
    let window = opened(&daemon);
    let committed = running(&daemon).0;
    let confirms = round % 4 == 3;
    // Spread over the window and a little beyond it.
    let wait_ms = round * 1_237 % (WITHIN_MS + 1_500);
    if confirms {
        let query = WindowQuery { act: WindowAct::Confirm, revision: Some(window.revision) };
        let said = daemon.ask(Verb::Window(query));
        assert!(matches!(said, Ok(Reply::Window(_))), "round {round}: {said:?}");
    } else {
        std::thread::sleep(Duration::from_millis(wait_ms));
    }
    daemon.kill();
    let again_ms = now_ms();
    daemon = place.start();
    let (text, _) = running(&daemon);
    assert!(text == before || text == committed, "round {round}: half of it:\n{text}");
    if confirms {
        assert_eq!((text, daemon.status().window), (committed, None), "round {round}: it was confirmed");
        return None;
    }
    let back = closed(&daemon).unwrap_or_else(|| panic!("round {round}: it stayed"));
    assert_eq!(running(&daemon), (before, window.revision + 1), "round {round}");
    Some(back.at_ms.saturating_sub(window.deadline_ms.max(again_ms)))
}

#[test]
fn what_nobody_confirms_is_taken_back_whatever_is_killed() {
    let (late, confirmed) = (Mutex::new(Vec::new()), Mutex::new(0));
    let all = rounds();
    for first in (0..all).step_by(usize::try_from(SIDE_BY_SIDE).expect("small")) {
        std::thread::scope(|scope| {
            for at in first..all.min(first + SIDE_BY_SIDE) {
                let (late, confirmed) = (&late, &confirmed);
                scope.spawn(move || match round(at) {
                    Some(ms) => late.lock().expect("nobody panics").push(ms),
                    None => *confirmed.lock().expect("nobody panics") += 1,
                });
            }
        });
    }
    let (late, confirmed) = (late.into_inner().expect("whole"), confirmed.into_inner().expect("whole"));
    assert_eq!(late.len() as u64 + confirmed, all, "a round has failed");
    println!("{} taken back, at most {:?} ms late; {confirmed} kept", late.len(), late.iter().max());
}
