//! Whole configurations: shown, checked, compared, applied, reloaded.

use std::fs;

use serde_json::Value;

use crate::rig::{Daemon, poise, run, run_with};

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
fn a_file_and_a_running_configuration_that_changed_different_values_come_together() {
    let daemon = Daemon::start();
    daemon.ok("weight app/app-1 55");
    change(&daemon, "weight = 20 }", "weight = 30 } # new disks");
    let told = daemon.ok("config diff");
    assert!(told.contains("  running: groups.app.backends.app-1.weight: 100 -> 55\n"), "{told}");
    assert!(told.contains("  file: groups.app.backends.app-2.weight: 20 -> 30\n"), "{told}");
    assert!(daemon.ok("config reload --dry-run").starts_with("dry run: 1 change"));
    assert_eq!(daemon.backend("app-2", "weight"), 20);
    daemon.ok("config reload");
    assert_eq!(weights(&daemon), [55, 30]);
    // And back into the file, with its comments.
    assert!(daemon.ok("config export").contains("weight = 30 } # new disks"));
    daemon.ok("config export --write");
    let text = fs::read_to_string(daemon.path("poise.toml")).expect("the file");
    assert!(text.contains("weight = 55") && text.contains("weight = 30 } # new disks"), "{text}");
    assert!(daemon.ok("config diff").starts_with("no difference to revision "));
}

#[test]
fn files_of_the_folder_beside_are_part_of_the_configuration_and_each_keeps_what_is_its_own() {
    let daemon = Daemon::start();
    let folder = daemon.path("conf.d");
    fs::create_dir(&folder).expect("made");
    let shop = "# the shop\n[groups.shop.backends]\ns-1 = { address = \"127.0.0.1:7\" } # rack 9\n";
    fs::write(folder.join("shop.toml"), shop).expect("written");
    assert!(daemon.ok("config diff").contains("groups.shop"));
    daemon.ok("config reload");
    assert_eq!(daemon.ok("get groups.shop.backends.s-1.weight"), "100\n");
    // What runs goes back into the file that it came from.
    daemon.ok("weight shop/s-1 7");
    daemon.ok("weight app/app-2 21");
    let told = daemon.ok("config export");
    assert!(told.contains("/poise.toml\n") && told.contains("/conf.d/shop.toml\n# the shop\n"), "{told}");
    daemon.ok("config export --write");
    let written = fs::read_to_string(folder.join("shop.toml")).expect("it is there");
    assert!(written.starts_with("# the shop\n") && written.contains("weight = 7 } # rack 9"), "{written}");
    assert!(fs::read_to_string(daemon.path("poise.toml")).expect("the file").contains("weight = 21"));
    assert!(daemon.ok("config diff").starts_with("no difference to revision "));
    // A fault is told by its file and its line there, by the daemon and without it.
    fs::write(folder.join("shop.toml"), "# the shop\n[groups.shop]\nscheduler = \"best\"\n").expect("written");
    for line in ["config reload", &format!("config check {}", daemon.path("poise.toml").display())] {
        let refused = daemon.run(line);
        assert_eq!(refused.code, 7, "{}", refused.err);
        assert!(refused.err.contains("conf.d/shop.toml:3:13: groups.shop.scheduler: "), "{}", refused.err);
    }
    assert_eq!(daemon.ok("get groups.shop.backends.s-1.weight"), "7\n");
}

#[test]
fn a_value_that_both_have_changed_needs_a_decision() {
    let daemon = Daemon::start();
    daemon.ok("weight app/app-1 55");
    daemon.ok("weight app/app-2 25");
    change(&daemon, "weight = 20", "weight = 30");
    let refused = daemon.run("config reload");
    assert_eq!((refused.code, refused.out.as_str()), (5, ""), "{}", refused.err);
    assert!(refused.err.contains("--take"), "{}", refused.err);
    assert!(refused.err.contains("app-2.weight: was 20, theirs 30, ours 25"), "{}", refused.err);
    assert!(
        daemon.ok("config diff").contains("CONFLICT: groups.app.backends.app-2.weight: was 20, file 30, running 25")
    );
    assert_eq!(daemon.run("config export").code, 5);
    daemon.ok("config reload --take running");
    assert_eq!(daemon.backend("app-2", "weight"), 25);
    daemon.ok("config reload --take file");
    assert_eq!(weights(&daemon), [100, 30]);
    daemon.ok("weight app/app-2 26");
    change(&daemon, "weight = 30", "weight = 31");
    daemon.ok("config reload --take file:groups.app.backends.app-2");
    assert_eq!(daemon.backend("app-2", "weight"), 31);
}

#[test]
fn an_edit_is_committed_with_what_others_did_meanwhile_and_its_text_is_never_lost() {
    let daemon = Daemon::start();
    let edit = |editor: &str| {
        let mut command = daemon.command("edit --reason rack");
        command.env_remove("VISUAL").env("EDITOR", editor);
        run(&mut command)
    };
    assert_eq!(edit("true").code, 0);
    assert_eq!(edit("sed -i 's/weight = 20/weight = 21/'").code, 0);
    assert_eq!(daemon.backend("app-2", "weight"), 21);
    // Somebody else commits while the editor is open.
    let poise = Daemon::shell("weight app/app-1 55");
    let both = edit(&format!("{poise} && sed -i 's/weight = 21/weight = 22/'"));
    assert_eq!(both.code, 0, "{}", both.err);
    assert_eq!(weights(&daemon), [55, 22]);
    let poise = Daemon::shell("weight app/app-2 60");
    let one = edit(&format!("{poise} && sed -i 's/weight = 22/weight = 23/'"));
    assert_eq!(one.code, 5, "{}", one.err);
    let kept = one.err.split("your text is kept in ").nth(1).and_then(|rest| rest.split(':').next()).expect("a path");
    assert!(fs::read_to_string(kept).expect("it is there").contains("weight = 23"));
    let faulty = edit("sed -i 's/weight = 60/weight = 6000/'");
    assert_eq!(faulty.code, 7, "{}", faulty.err);
}

/// Changes the operator's file.
fn change(daemon: &Daemon, from: &str, to: &str) {
    let file = daemon.path("poise.toml");
    let text = fs::read_to_string(&file).expect("the file").replace(from, to);
    fs::write(&file, text).expect("a file");
}

/// Weights of the two backends.
fn weights(daemon: &Daemon) -> [u64; 2] {
    ["app-1", "app-2"].map(|name| daemon.backend(name, "weight").as_u64().expect("a number"))
}
