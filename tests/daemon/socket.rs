//! The control socket of the real program: who may open it, and what strangers cannot do to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;

use poise_ipc::message::{ErrorCode, Reply, Role, Verb};
use poise_ipc::transport::view_socket;

use crate::process::{Daemon, Place, ask, set};

/// More than the socket has places.
const CROWD: usize = 600;

const CONFIG: &str = "\
[groups.app]
health_check = \"off\"
backends.app-1 = { address = \"127.0.0.1:9\" }
";

/// A change goes through, and the answer comes.
fn serves(daemon: &Daemon, weight: u16) {
    let changed = daemon.ask(set("groups.app.backends.app-1.weight", &weight.to_string()));
    assert!(matches!(changed, Ok(Reply::Applied(_))), "{changed:?}");
}

#[test]
fn the_mode_of_the_socket_does_not_depend_on_the_umask() {
    for umask in ["077", "000"] {
        let place = Place::new(CONFIG);
        let command = place.command();
        let mut wrapped = Command::new("sh");
        wrapped.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]);
        wrapped.arg(command.get_program()).args(command.get_args());
        let _daemon = place.start_by(&mut wrapped);
        let mode = place.socket().symlink_metadata().expect("it listens").permissions().mode();
        assert_eq!(mode & 0o7777, 0o660, "umask {umask}");
    }
}

#[test]
fn a_crowd_of_every_kind_does_not_lock_an_operator_out() {
    let place = Place::new(CONFIG);
    let daemon = place.start();
    let crowd: Vec<_> = (0..CROWD)
        .map(|n| {
            let mut stream = daemon.connect();
            let words: &[u8] = match n % 4 {
                0 => b"",
                1 => b"{\"verb\":",
                2 => b"POISE\0\x01\x00\x01\x00\0\0\0\0\0\0\xff\xff",
                _ => b"{\"verb\":{\"subscribe\":{\"topics\":[\"checks\",\"counters\",\"config\"]}}}\n",
            };
            // Those that were turned out to make room are part of the crowd.
            let _ = stream.write_all(words);
            stream
        })
        .collect();
    serves(&daemon, 7);
    drop(crowd);
    serves(&daemon, 8);
}

#[test]
fn garbage_is_answered_or_closed_and_the_daemon_lives() {
    let place = Place::new(CONFIG);
    let daemon = place.start();
    let hello = b"POISE\0\x01\x00\x01\x00\0\0\0\0\0\0";
    let inputs = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0; 4_096],
        [&hello[..], &[255; 4_096]].concat(),
        [&hello[..], &[16, 0, 0, 0], &[255; 16]].concat(),
        vec![b'{'; 2 << 20],
        [b"{\"verb\":".repeat(50_000), b"\n".to_vec()].concat(),
    ];
    for (weight, input) in (1..).zip(inputs) {
        let mut stream = daemon.connect();
        // The daemon may close before it has read everything.
        let _ = stream.write_all(&input);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert!(said.len() < 4_096, "what is said to strangers is short");
        serves(&daemon, weight);
    }
}

#[test]
fn a_connection_steps_down_and_not_up() {
    let place = Place::new(CONFIG);
    let daemon = place.start();
    let mut stream = daemon.connect();
    assert!(matches!(ask(&mut stream, Verb::StepDown { role: Role::View }), Ok(Reply::Hello(_))));
    for refused in [set("groups.app.scheduler", "rr"), Verb::StepDown { role: Role::Operate }] {
        assert_eq!(ask(&mut stream, refused).map_err(|error| error.code), Err(ErrorCode::Forbidden));
    }
    assert_eq!(daemon.status().revision, 1);
}

#[test]
fn the_view_only_socket_reads_and_changes_nothing() {
    let place = Place::new(CONFIG);
    let daemon = place.start();
    let view = view_socket(&place.socket());
    if !view.exists() {
        assert!(!rustix::process::geteuid().is_root(), "root opens it always");
        return;
    }
    let mut stream = UnixStream::connect(view).expect("it listens");
    let refused = ask(&mut stream, set("groups.app.scheduler", "rr"));
    assert_eq!(refused.map_err(|error| error.code), Err(ErrorCode::Forbidden));
    assert!(matches!(ask(&mut stream, Verb::Status), Ok(Reply::Status(_))));
    assert_eq!(daemon.status().revision, 1);
}

#[test]
fn a_verb_that_is_unknown_is_answered_with_its_id_and_the_connection_goes_on() {
    let place = Place::new(CONFIG);
    let daemon = place.start();
    let mut stream = daemon.connect();
    stream.write_all(b"{\"id\":41,\"verb\":\"teleport\"}\n{\"id\":42,\"verb\":\"hello\"}\n").expect("it reads");
    let lines: Vec<_> = BufReader::new(stream).lines().take(2).map(|line| line.expect("it answers")).collect();
    assert!(lines[0].starts_with("{\"error\":{\"id\":41,\"error\":{\"code\":\"malformed\""), "{}", lines[0]);
    assert!(lines[1].starts_with("{\"reply\":{\"id\":42,"), "{}", lines[1]);
}
