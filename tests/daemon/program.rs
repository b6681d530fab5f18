//! The program as operators meet it: exit codes, one daemon per state and socket, signals.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::process::{Place, command, exists, run};

const CONFIG: &str = "\
[listeners.web]
bind = \"127.0.0.1:0\"
protocol = \"tcp\"
group = \"app\"

[groups.app]
health_check = \"off\"
";

#[test]
fn a_clean_stop_ends_with_0_and_removes_the_socket() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new(CONFIG);
        let daemon = place.start();
        assert!(exists(&place.socket()));
        daemon.signal(signal);
        assert_eq!(daemon.ended().code(), Some(0));
        assert!(!exists(&place.socket()));
    }
}

#[test]
fn a_second_daemon_on_the_same_state_or_socket_is_refused() {
    let place = Place::new(CONFIG);
    let first = place.start();
    let same_state = run(&mut place.command());
    assert_eq!(same_state.code, Some(1));
    assert!(same_state.said.contains("in use by another poised"), "{}", same_state.said);

    let other = Place::new(CONFIG);
    let same_socket = run(&mut other.command_at(&place.socket()));
    assert_eq!(same_socket.code, Some(1));
    assert!(same_socket.said.contains(&place.socket().display().to_string()), "{}", same_socket.said);

    assert_eq!(first.status().listeners.len(), 1);
}

#[test]
fn the_socket_of_a_killed_daemon_is_taken_over() {
    let place = Place::new(CONFIG);
    place.start().kill();
    assert!(exists(&place.socket()));
    assert_eq!(place.start().status().revision, 1);
}

#[test]
fn an_invalid_file_ends_the_first_start_with_7_and_every_fault() {
    let place = Place::new("[groups.app]\nscheduler = \"x\"\nfoo = 1\n");
    let ended = run(&mut place.command());
    assert_eq!(ended.code, Some(7));
    let file = place.file().display().to_string();
    assert!(ended.said.contains(&format!("{file}:2:13: groups.app.scheduler: ")), "{}", ended.said);
    assert!(ended.said.contains(&format!("{file}:3:1: groups.app.foo: ")), "{}", ended.said);
    let checked = run(command().arg("--check").arg(place.file()));
    assert_eq!(checked.code, Some(7));
}

#[test]
fn wrong_usage_ends_with_2_and_a_file_that_is_absent_with_1() {
    assert_eq!(run(command().arg("--nonsense")).code, Some(2));
    assert_eq!(run(command().args(["--check", "/nonexistent/poise.toml"])).code, Some(1));
}

#[test]
fn a_port_in_use_ends_the_first_start_with_1_and_names_listener_and_address() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let place = Place::new(&CONFIG.replace("127.0.0.1:0", &address));
    let ended = run(&mut place.command());
    assert_eq!(ended.code, Some(1));
    assert!(ended.said.contains("web") && ended.said.contains(&address), "{}", ended.said);
}

#[test]
fn a_hangup_takes_the_changed_file() {
    let place = Place::new(CONFIG);
    let daemon = place.start();
    let mut events = daemon.subscribe();
    place.write(&format!("{CONFIG}[groups.other]\n"));
    daemon.signal(Signal::HUP);
    let commit = events.committed();
    assert_eq!((commit.revision, commit.author.pid), (2, 0));
    assert_eq!(daemon.status().groups.len(), 2);
}

#[test]
fn a_file_that_is_no_database_of_poise_is_refused_and_left_alone() {
    let place = Place::new(CONFIG);
    std::fs::create_dir(place.state()).expect("made");
    let database = place.state().join("poise.db");
    std::fs::write(&database, "precious").expect("written");
    let ended = run(&mut place.command());
    assert_eq!(ended.code, Some(1));
    assert!(ended.said.contains("is no database of poise"), "{}", ended.said);
    assert_eq!(std::fs::read(&database).expect("there"), b"precious");
}
