//! Whole configurations: shown, checked, compared, applied, reloaded.

use std::fs;

use serde_json::Value;

use crate::rig::{Daemon, poise, run_with};

#[test]
fn what_is_shown_can_be_applied_and_changes_nothing() {
    let daemon = Daemon::start();
    let text = daemon.ok("config show");
    let again = daemon.run_with("apply -f - -o json", &text);
    assert_eq!((again.code, again.err.as_str()), (0, ""));
    let outcome: Value = serde_json::from_str(&again.out).expect("JSON");
    assert_eq!((&outcome["changed"], &outcome["revision"]), (&false.into(), &daemon.revision().into()));
}

#[test]
fn a_file_is_applied_once_and_a_dry_run_not_at_all() {
    let daemon = Daemon::start();
    let wanted = daemon.ok("config show").replace("\"wrr\"", "\"wlc\"");
    let wanted = if wanted.contains("wlc") {
        wanted
    } else {
        wanted.replace("[groups.app]", "[groups.app]\nscheduler = \"wlc\"")
    };
    let file = daemon.path("wanted.toml");
    fs::write(&file, &wanted).expect("a file");
    let apply = format!("apply -f {}", file.display());
    let dry = daemon.ok(&format!("{apply} --dry-run"));
    assert!(
        dry.starts_with("dry run: 1 change to revision ") && dry.contains("groups.app.scheduler: wrr -> wlc"),
        "{dry}"
    );
    assert_eq!(daemon.ok("get groups.app.scheduler"), "wrr\n");
    assert_eq!(daemon.ok(&format!("diff -f {}", file.display())), "groups.app.scheduler: wrr -> wlc\n");
    daemon.ok(&format!("{apply} --reason switch"));
    assert_eq!(daemon.ok("get groups.app.scheduler"), "wlc\n");
    assert!(daemon.ok(&apply).starts_with("nothing changed, revision "));
    assert!(daemon.ok(&format!("diff -f {}", file.display())).starts_with("no difference to revision "));
}

#[test]
fn a_difference_in_json_can_be_applied() {
    let daemon = Daemon::start();
    let wanted = daemon.ok("config show").replace("weight = 20", "weight = 21");
    let difference = daemon.run_with("diff -f - -o json", &wanted);
    assert_eq!((difference.code, difference.err.as_str()), (0, ""));
    assert_eq!(daemon.run_with("apply -f -", &difference.out).code, 0);
    assert_eq!(daemon.backend("app-2", "weight"), 21);
}

#[test]
fn a_file_with_faults_is_refused_with_line_and_column_before_any_daemon_is_asked() {
    let faulty = "[groups.app]\nschedular = \"rr\"\n\n[groups.app.backends]\na = { address = \"x\" }\n";
    for line in ["config check -", "apply -f -", "diff -f -"] {
        let run = run_with(&mut poise(line), faulty);
        assert_eq!((run.code, run.out.as_str()), (7, ""), "poise {line}");
        assert!(run.err.contains("standard input:2:1: groups.app.schedular"), "{}", run.err);
        assert!(run.err.contains("standard input:5:"), "{}", run.err);
        assert!(run.err.contains("did you mean scheduler?"), "{}", run.err);
    }
}

#[test]
fn a_valid_file_is_checked_without_a_daemon() {
    let daemon = Daemon::start();
    let text = daemon.ok("config show");
    let run = run_with(&mut poise("config check -"), &text);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert!(run.out.starts_with("standard input is valid: 1 listener, 1 group, 2 backends, "), "{}", run.out);
}

#[test]
fn a_changed_file_is_a_drift_that_a_reload_takes() {
    let daemon = Daemon::start();
    assert!(daemon.ok("config diff").starts_with("no difference to revision "));
    let file = daemon.path("poise.toml");
    let text = fs::read_to_string(&file).expect("the file").replace("weight = 20", "weight = 30");
    fs::write(&file, text).expect("a file");
    assert_eq!(daemon.ok("config diff"), "groups.app.backends.app-2.weight: 20 -> 30\n");
    daemon.ok("config reload");
    assert_eq!(daemon.backend("app-2", "weight"), 30);
}

#[test]
fn a_file_and_a_running_configuration_that_both_changed_need_a_decision() {
    let daemon = Daemon::start();
    daemon.ok("weight app/app-1 55");
    let file = daemon.path("poise.toml");
    let text = fs::read_to_string(&file).expect("the file").replace("weight = 20", "weight = 30");
    fs::write(&file, text).expect("a file");
    let refused = daemon.run("config reload");
    assert_eq!((refused.code, refused.out.as_str()), (5, ""), "{}", refused.err);
    assert!(refused.err.contains("--take"), "{}", refused.err);
    daemon.ok("config reload --take running");
    assert_eq!(daemon.backend("app-2", "weight"), 20);
    daemon.ok("config reload --take file");
    assert_eq!(daemon.backend("app-1", "weight"), 100);
    assert_eq!(daemon.backend("app-2", "weight"), 30);
}
