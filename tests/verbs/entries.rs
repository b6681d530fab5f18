//! Persistence entries from a script: shown in every form, removed, and said when there are none.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};

use crate::rig::Daemon;

/// A daemon with a listener that remembers its clients.
fn start() -> Daemon {
    let daemon = Daemon::start();
    daemon.ok("add listener sticky --bind 127.0.0.1:0 --protocol tcp --group app");
    daemon.ok("set listeners.sticky.persistence source");
    daemon
}

/// Is served once.
fn visit(daemon: &Daemon) {
    let listener = daemon.json("get listeners sticky")["listeners"][0]["bind"].as_str().expect("a text").to_owned();
    let address: SocketAddr = listener.parse().expect("an address");
    let mut stream = TcpStream::connect(address).expect("it listens");
    // The backend closes at once; what matters is that it was reached.
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn entries_are_shown_in_every_form() {
    let daemon = start();
    assert_eq!(daemon.ok("entries"), "LISTENER  CLIENT  BACKEND  IDLE  REMAINING\n");
    assert!(daemon.json("entries")["entries"].as_array().expect("a list").is_empty());
    visit(&daemon);
    assert!(daemon.ok("entries").contains("sticky    127.0.0.1  app/app-"));
    assert_eq!(daemon.ok("entries -o tsv").split('\t').count(), 5);
    for line in ["entries", "entries --listener sticky", "entries --key 127.0.0.0/8 --limit 5"] {
        let row = &daemon.json(line)["entries"][0];
        assert_eq!((row["key"].as_str(), row["group"].as_str()), (Some("127.0.0.1"), Some("app")), "poise {line}");
        assert!(row["remaining_ms"].as_u64().expect("a number") <= 1_000_000);
    }
    let backend = daemon.json("entries")["entries"][0]["backend"].as_str().expect("a name").to_owned();
    assert_eq!(daemon.json(&format!("entries --backend app/{backend}"))["entries"][0]["listener"], "sticky");
    assert_eq!(daemon.backend(&backend, "pinned_entries"), 1);
    assert_eq!(daemon.ok("entries -o jsonl --listener web"), "");
}

#[test]
fn entries_are_removed_and_counted() {
    let daemon = start();
    visit(&daemon);
    assert_eq!(daemon.run("entries rm --key 127.0.0.2").code, 3);
    assert_eq!(daemon.ok("entries rm --key 127.0.0.0/24 --listener sticky"), "1 entry removed\n");
    visit(&daemon);
    assert_eq!(daemon.json("entries rm --all")["removed"], 1);
    let run = daemon.run("entries rm --all");
    assert_eq!((run.code, run.out.as_str()), (3, ""));
}

#[test]
fn what_is_not_there_is_3_and_what_means_nothing_is_2() {
    let daemon = start();
    for line in [
        "entries --listener nope",
        "entries --backend app/app-9",
        "entries --key 192.0.2.7",
        "entries rm --listener nope",
    ] {
        let run = daemon.run(line);
        assert_eq!((run.code, run.out.as_str()), (3, ""), "poise {line}: {}", run.err);
    }
    for line in ["entries rm", "entries --key nobody", "entries --limit 0", "entries rm --all --listener sticky"] {
        assert_eq!(daemon.run(line).code, 2, "poise {line}");
    }
}
