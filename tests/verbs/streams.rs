//! Streams come line by line, and end as scripts expect.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::rig::Daemon;

/// A stream that has nothing to say for longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A stream that runs. It is killed when its test takes too long, so that reading from it ends.
struct Stream {
    process: Child,
    lines: BufReader<ChildStdout>,
    _leash: Sender<()>,
}

impl Stream {
    fn start(daemon: &Daemon, line: &str) -> Self {
        let mut process = daemon.command(line).spawn().expect("it starts");
        let lines = BufReader::new(process.stdout.take().expect("piped"));
        let (leash, held) = channel();
        let pid = Pid::from_child(&process);
        thread::spawn(move || {
            if held.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // It may have ended meanwhile.
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Self { process, lines, _leash: leash }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.lines.read_line(&mut line).expect("text"), 0, "the stream has ended");
        line
    }

    /// Reads until a line of JSON is as wanted.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let row = serde_json::from_str(&self.line()).expect("a JSON object");
            if wanted(&row) {
                return row;
            }
        }
    }

    fn interrupted(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.process), Signal::INT).expect("it runs");
        self.process.wait().expect("it ends").code()
    }

    /// Closes its standard output and waits for its end.
    fn abandoned(self) -> (Option<i32>, String) {
        let Self { process, lines, _leash } = self;
        drop(lines);
        let output = process.wait_with_output().expect("it ends");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    }
}

#[test]
fn the_log_of_a_backend_streams_line_by_line_until_ctrl_c() {
    let daemon = Daemon::start();
    let mut stream = Stream::start(&daemon, "logs --backend app/app-1 --follow -o jsonl");
    let first = stream.until(|row| row["passed"] == true && row["transition"].is_null());
    assert_eq!((&first["backend"], &first["schema_version"]), (&"app-1".into(), &1.into()));
    let count = first["count"].as_u64().expect("a number");
    let grown = stream.until(|row| row["count"].as_u64().is_some_and(|now| now > count));
    assert_eq!(grown["seq"], first["seq"], "equal verdicts fold into one row");
    daemon.ok(&format!("set groups.app.backends.app-1.address {}", Daemon::dead()));
    let failed = stream.until(|row| row["transition"] == "down");
    assert_eq!((&failed["passed"], &failed["reason"]), (&false.into(), &"refused".into()));
    assert_eq!(stream.interrupted(), Some(130));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure_even_when_nothing_happens() {
    let daemon = Daemon::start();
    let mut stream = Stream::start(&daemon, "watch config -o jsonl");
    assert_eq!(stream.until(|_| true)["kind"], "snapshot");
    assert_eq!(stream.abandoned(), (Some(0), String::new()));
    let mut stream = Stream::start(&daemon, "logs --follow");
    stream.line();
    assert_eq!(stream.abandoned(), (Some(0), String::new()));
}

#[test]
fn commits_and_transitions_are_watched() {
    let daemon = Daemon::start();
    let mut stream = Stream::start(&daemon, "watch -o jsonl");
    stream.until(|row| row["kind"] == "snapshot");
    daemon.ok("weight app/app-1 42 --reason watched");
    let commit = stream.until(|row| row["kind"] == "committed");
    assert_eq!(commit["committed"]["reason"], "watched");
    daemon.ok(&format!("set groups.app.backends.app-2.address {}", Daemon::dead()));
    let change = stream.until(|row| row["kind"] == "transition" && row["transition"]["to"] == "down");
    assert_eq!(change["transition"]["backend"], "app-2");
    let transitions = daemon.ok("logs --backend app/app-2 --only transitions -o tsv");
    assert!(transitions.lines().any(|line| line.contains("fail connect refused")), "{transitions}");
}

#[test]
fn a_stream_ends_with_6_when_the_daemon_goes_away() {
    let mut daemon = Daemon::start();
    let mut stream = Stream::start(&daemon, "watch config");
    stream.line();
    daemon.kill();
    assert_eq!(stream.process.wait().expect("it ends").code(), Some(6));
}

#[test]
fn why_a_backend_is_down_is_told_in_a_sentence_and_the_log_is_searched() {
    let daemon = Daemon::start();
    let mut stream = Stream::start(&daemon, "watch health -o jsonl");
    stream.until(|row| row["kind"] == "snapshot");
    daemon.ok(&format!("set groups.app.backends.app-2.address {}", Daemon::dead()));
    stream.until(|row| row["kind"] == "transition" && row["transition"]["to"] == "down");
    let why = daemon.json("health why app/app-2");
    assert_eq!(why["health"], "down");
    let sentence = why["sentence"].as_str().expect("a sentence");
    assert!(sentence.starts_with("down since ") && sentence.contains("fail connect refused"), "{sentence}");
    assert_eq!(why["transition"]["transition"], "down");
    let before = daemon.json("health why app/app-2 --at 1d");
    assert_eq!(before["health"], "unknown");
    assert!(before["sentence"].as_str().is_some_and(|said| said.contains("the log of it begins")), "{before}");
    let found = |words: &str| daemon.ok(&format!("logs {words} -o jsonl")).lines().count();
    assert!(found("--outcome fail --reason refused --since 1h") > 0);
    assert!(found("--grep APP/APP-2") > 0);
    assert_eq!(found("--grep nowhere-to-be-found"), 0);
    assert_eq!(found("--until 1h"), 0);
    let unknown = daemon.run("health why app/app-9");
    assert_eq!(unknown.code, 3);
    assert!(unknown.err.contains("did you mean app/app-"), "{}", unknown.err);
}
