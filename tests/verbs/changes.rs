//! Changes from a script: one value, several at once, steps, states, objects.

use std::thread;

use serde_json::json;

use crate::rig::Daemon;

#[test]
fn a_weight_that_is_set_is_the_weight_that_is_read() {
    let daemon = Daemon::start();
    let out = daemon.ok("weight app/app-1 50");
    assert!(out.ends_with("  groups.app.backends.app-1.weight: 100 -> 50\n"), "{out}");
    assert!(daemon.ok("get backends -o json").contains("\"weight\": 50"));
    assert_eq!(daemon.ok("get groups.app.backends.app-1.weight"), "50\n");
    assert_eq!(daemon.backend("app-1", "effective_weight"), 50);
}

#[test]
fn weights_are_stepped_on_several_backends_at_once() {
    let daemon = Daemon::start();
    daemon.ok("weight app/app-1 app/app-2 +10");
    assert_eq!((daemon.backend("app-1", "weight"), daemon.backend("app-2", "weight")), (json!(110), json!(30)));
    daemon.ok("weight app/app-1 -20");
    assert_eq!(daemon.backend("app-1", "weight"), 90);
}

#[test]
fn steps_that_are_made_at_the_same_time_all_count() {
    let daemon = Daemon::start();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..5).for_each(|_| drop(daemon.ok("weight app/app-2 +1"))));
        }
    });
    assert_eq!(daemon.backend("app-2", "weight"), 35);
}

#[test]
fn the_same_weight_again_makes_no_revision() {
    let daemon = Daemon::start();
    let revision = daemon.revision();
    assert_eq!(daemon.ok("weight app/app-1 100"), format!("nothing changed, revision {revision}\n"));
}

#[test]
fn admin_states_come_and_go_and_leave_the_weight() {
    let daemon = Daemon::start();
    for (verb, state) in [("drain", "draining"), ("disable", "disabled"), ("enable", "enabled")] {
        daemon.ok(&format!("{verb} app/app-1 app/app-2"));
        assert_eq!(daemon.backend("app-1", "state"), state);
        assert_eq!(daemon.backend("app-2", "state"), state);
        assert_eq!(daemon.backend("app-2", "weight"), 20);
    }
}

#[test]
fn draining_an_idle_backend_does_not_wait() {
    let daemon = Daemon::start();
    daemon.ok("drain app/app-1 --wait 10s");
    assert_eq!(daemon.backend("app-1", "state"), "draining");
}

#[test]
fn several_settings_are_one_commit() {
    let daemon = Daemon::start();
    let revision = daemon.revision();
    daemon.ok("set groups.app.scheduler wlc groups.app.health_check.interval 2s listeners.web.idle_timeout 30s");
    assert_eq!(daemon.revision(), revision + 1);
    assert_eq!(daemon.ok("get groups.app.scheduler"), "wlc\n");
    assert_eq!(daemon.ok("get groups.app.health_check.interval"), "2s\n");
    assert_eq!(daemon.json("get groups.app")["value"]["scheduler"], "wlc");
}

#[test]
fn objects_are_added_and_removed() {
    let daemon = Daemon::start();
    daemon.ok("add group new --scheduler rr --check off");
    daemon.ok(&format!("add backend new/new-1 {} --weight 7 --state draining", daemon.alive));
    daemon.ok("add listener extra --bind 127.0.0.1:0 --protocol tcp --group new");
    assert_eq!(daemon.ok("get groups.new.backends.new-1.weight"), "7\n");
    let port = daemon.json("get listeners extra")["listeners"][0]["bind"].clone();
    assert_ne!(port, "127.0.0.1:0", "the real port is shown");
    daemon.ok("rm listener extra");
    daemon.ok("rm backend new/new-1");
    daemon.ok("rm group new");
    assert_eq!(daemon.run("get groups.new").code, 3);
    daemon.ok("rm groups.app.backends.app-2.weight");
    assert_eq!(daemon.backend("app-2", "weight"), 100);
}

#[test]
fn history_names_who_why_and_what_and_takes_back() {
    let daemon = Daemon::start();
    daemon.ok("weight app/app-1 50 --reason testing");
    let newest = daemon.json("history -n 1")["commits"][0].clone();
    assert_eq!(newest["reason"], "testing");
    assert_eq!(newest["edits"], json!([{"set": {"path": "groups.app.backends.app-1.weight", "value": "50"}}]));
    let back = daemon.run_with("apply -f -", &newest["inverse"].to_string());
    assert_eq!((back.code, back.err.as_str()), (0, ""));
    assert_eq!(daemon.backend("app-1", "weight"), 100);
    assert_eq!(daemon.ok("history -n 2 -o tsv").lines().count(), 2);
}
