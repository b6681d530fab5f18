//! Listings are the same bytes wherever they go, and hold what the daemon knows.

use std::io::Read as _;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::rig::Daemon;

/// What `poise` writes to a terminal.
fn on_a_terminal(daemon: &Daemon, line: &str) -> String {
    let pty = native_pty_system().openpty(PtySize { rows: 10, cols: 40, ..PtySize::default() }).expect("a terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_poise"));
    command.args(line.split_whitespace());
    command.env("POISE_SOCKET", daemon.socket());
    command.env("TERM", "xterm-256color");
    let mut process = pty.slave.spawn_command(command).expect("it starts");
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().expect("a reader");
    let mut shown = Vec::new();
    // The kernel reports an error, not an end, when the last writer is gone.
    let _ = reader.read_to_end(&mut shown);
    process.wait().expect("it ends");
    String::from_utf8(shown).expect("text").replace("\r\n", "\n")
}

#[test]
fn a_terminal_and_a_pipe_get_the_same_bytes() {
    let daemon = Daemon::start();
    for line in
        ["get listeners", "get listeners -o tsv", "get listeners -o json", "config show", "get groups.app", "history"]
    {
        assert_eq!(on_a_terminal(&daemon, line), daemon.ok(line), "poise {line}");
    }
}

#[test]
fn without_a_verb_and_a_terminal_the_status_is_printed() {
    let daemon = Daemon::start();
    let out = daemon.ok("");
    assert!(out.starts_with("poised ") && out.contains("app/app-1"), "{out}");
}

#[test]
fn every_listing_has_every_form() {
    let daemon = Daemon::start();
    for what in ["status", "get backends", "get listeners", "get groups", "get findings", "history", "logs", "sources"]
    {
        for form in ["table", "wide", "tsv", "json", "jsonl"] {
            let out = daemon.ok(&format!("{what} -o {form}"));
            let lines = out.lines().filter(|line| !line.trim().is_empty());
            if form == "jsonl" {
                for line in lines {
                    let row: serde_json::Value = serde_json::from_str(line).expect(line);
                    assert_eq!(row["schema_version"], 1, "poise {what}: {line}");
                }
            }
        }
    }
}

#[test]
fn the_form_can_come_from_the_environment() {
    let daemon = Daemon::start();
    let mut command = daemon.command("get backends");
    let run = crate::rig::run(command.env("POISE_OUTPUT", "jsonl"));
    assert_eq!((run.code, run.out.lines().count()), (0, 2));
}

#[test]
fn names_for_completion_are_the_running_ones_and_none_without_a_daemon() {
    let mut daemon = Daemon::start();
    assert_eq!(daemon.ok("__complete backends"), "app/app-1\napp/app-2\n");
    assert_eq!(daemon.ok("__complete groups"), "app\n");
    assert_eq!(daemon.ok("__complete listeners"), "web\n");
    daemon.kill();
    assert_eq!(daemon.ok("__complete backends"), "");
}

#[test]
fn everything_about_one_object_is_described() {
    let daemon = Daemon::start();
    assert!(daemon.ok("describe backend app/app-2").contains("weight "));
    assert_eq!(daemon.json("describe backend app/app-2")["backend"]["weight"], 20);
    assert_eq!(daemon.json("describe group app")["group"]["scheduler"], "wrr");
    assert_eq!(daemon.json("describe listener web")["listener"]["group"], "app");
}
