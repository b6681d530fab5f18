//! Every exit code, and what is said with it.

use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::thread;

use poise_ipc::transport::view_socket;
use serde_json::Value;

use crate::rig::{Daemon, poise, run};

#[test]
fn a_command_line_that_cannot_be_understood_is_2() {
    for line in ["frobnicate", "weight app/app-1", "weight app-1 5", "get backends -o xml"] {
        let run = run(&mut poise(line));
        assert_eq!((run.code, run.out.as_str()), (2, ""), "poise {line}");
    }
    let run = run(&mut poise("--help"));
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let daemon = Daemon::start();
    assert_eq!(daemon.run("get servers").code, 2);
    assert_eq!(daemon.run("set groups.app.scheduler").code, 2);
}

#[test]
fn what_is_not_there_is_3_with_the_nearest_name() {
    let daemon = Daemon::start();
    for line in [
        "weight app/app-9 5",
        "drain nope/app-1",
        "get backends app/app-9",
        "get backends -g nope",
        "get groups.nope.scheduler",
        "describe listener nope",
        "set groups.app.backends.app-9.weight 5",
        "add backend nope/a 127.0.0.1:1",
        "rm backend app/app-9",
        "rm listeners.nope",
        "logs --backend app/app-9",
        "apply -f /nonexistent/poise.toml",
    ] {
        let run = daemon.run(line);
        assert_eq!((run.code, run.out.as_str()), (3, ""), "poise {line}: {}", run.err);
    }
    assert!(daemon.run("weight app/app-9 5").err.contains("hint: did you mean app/app-"));
}

#[test]
fn a_change_through_the_view_socket_is_4() {
    let daemon = Daemon::start();
    let view = view_socket(&daemon.socket());
    let ask = |line: &str| run(daemon.command(line).env("POISE_SOCKET", &view));
    assert_eq!(ask("status").code, 0);
    let refused = ask("weight app/app-1 5");
    assert_eq!((refused.code, refused.out.as_str()), (4, ""), "{}", refused.err);
    assert_eq!(daemon.backend("app-1", "weight"), 100);
}

#[test]
fn a_probe_that_does_not_pass_is_10() {
    let daemon = Daemon::start();
    let passed = daemon.ok("health check app/app-1");
    assert!(passed.contains("verdict: pass\n") && passed.contains("replay: nc -zv "), "{passed}");
    daemon.ok("set groups.app.backends.app-2.address 127.0.0.1:1");
    let failed = daemon.run("health check app/app-2 -o json");
    let answer: Value = serde_json::from_str(&failed.out).expect("JSON");
    assert_eq!((failed.code, answer["verdict"].as_str()), (10, Some("fail connect refused")), "{}", failed.err);
    assert_eq!(daemon.run("health check app/app-9").code, 3);
    let view = run(daemon.command("health check app/app-1").env("POISE_SOCKET", view_socket(&daemon.socket())));
    assert_eq!(view.code, 4, "{}", view.err);
}

#[test]
fn a_revision_that_has_moved_on_is_5() {
    let daemon = Daemon::start();
    let revision = daemon.revision();
    daemon.ok(&format!("weight app/app-1 60 --if-revision {revision}"));
    let refused = daemon.run(&format!("weight app/app-1 70 --if-revision {revision} -o json"));
    assert_eq!((refused.code, refused.out.as_str()), (5, ""), "{}", refused.err);
    let error: Value = serde_json::from_str(&refused.err).expect("a JSON object");
    assert_eq!(error["error"]["code"], "conflict");
    assert_eq!(error["error"]["revision"], revision + 1);
    assert_eq!(daemon.backend("app-1", "weight"), 60);
}

#[test]
fn no_daemon_is_6() {
    let run = run(&mut poise("status"));
    assert_eq!((run.code, run.out.as_str()), (6, ""));
    assert!(run.err.contains("/nonexistent/poised.sock"), "{}", run.err);
    let mut daemon = Daemon::start();
    daemon.kill();
    assert_eq!(daemon.run("status").code, 6);
}

#[test]
fn an_invalid_change_is_7_with_every_fault_and_changes_nothing() {
    let daemon = Daemon::start();
    let run = daemon.run("set groups.app.scheduler fast groups.app.backends.app-1.weight 5000");
    assert_eq!((run.code, run.out.as_str()), (7, ""));
    assert!(run.err.contains("groups.app.scheduler") && run.err.contains("app-1.weight"), "{}", run.err);
    assert_eq!(daemon.run("rm group app").code, 7, "a listener uses it");
    assert_eq!(daemon.run("weight app/app-2 -21").code, 7);
    assert_eq!(daemon.backend("app-1", "weight"), 100);
}

#[test]
fn a_port_in_use_is_1_and_names_listener_and_address() {
    let daemon = Daemon::start();
    let run = daemon.run(&format!("add listener taken --bind {} --protocol tcp --group app", daemon.alive));
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.err.contains("taken") && run.err.contains(&daemon.alive.to_string()), "{}", run.err);
}

#[test]
fn a_daemon_that_does_not_answer_is_8() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("silent.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let silent = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        // Reads until the client gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let run = run(poise("status --timeout 100ms").env("POISE_SOCKET", &socket));
    assert_eq!((run.code, run.out.as_str()), (8, ""), "{}", run.err);
    assert!(run.err.contains("hint: --timeout"), "{}", run.err);
    silent.join().expect("it has seen the client go");
}

#[test]
fn a_degraded_balancer_is_10_when_asked_and_0_otherwise() {
    let daemon = Daemon::start();
    daemon.ok("weight app/app-1 app/app-2 0");
    let run = daemon.run("status --check");
    assert_eq!((run.code, run.err.as_str()), (10, ""));
    assert!(run.out.contains("degraded: "), "{}", run.out);
    assert_eq!(daemon.run("status").code, 0);
    assert_eq!(daemon.json("status")["degraded"], true);
    daemon.ok("weight app/app-1 1");
    assert_eq!(daemon.run("status --check").code, 0);
}
