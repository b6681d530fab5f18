//! `poise demo` as a user starts it: it shows a balance, ends when told, and leaves nothing behind.
//!
//! Runs the built program, which starts a daemon and a world of its own on loopback.

#![expect(clippy::expect_used, reason = "a test that cannot run its program has nothing else to do")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// Time in which everything has ended, on a busy machine.
const END_MAX: Duration = Duration::from_secs(30);

fn demo(directory: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poise"));
    command.arg("demo").args(args).env("TMPDIR", directory).env_remove("XDG_RUNTIME_DIR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program starts")
}

fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("pd").tempdir_in("/tmp").expect("/tmp is writable")
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).expect("it exists").next().is_none()
}

/// Reads up to the first line about a backend: by then all of the demo is up.
fn wait_until_up(demo: &mut Child) -> BufReader<impl Read + use<>> {
    let mut out = BufReader::new(demo.stdout.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("fast") {
        line.clear();
        assert!(out.read_line(&mut line).expect("it is text") > 0, "the demo ended early");
    }
    out
}

/// Handles on the processes that a process has started.
fn children(of: u32) -> Vec<OwnedFd> {
    let listed = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).expect("it runs");
    let pids = listed.split_whitespace().map(|pid| Pid::from_raw(pid.parse().expect("a number")).expect("above zero"));
    pids.map(|pid| pidfd_open(pid, PidfdFlags::empty()).expect("it runs")).collect()
}

fn has_ended(process: &OwnedFd, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&left)).expect("a handle can be waited for") > 0
}

fn signal(demo: &Child, signal: Signal) {
    kill_process(Pid::from_child(demo), signal).expect("it runs");
}

#[test]
fn without_a_terminal_it_prints_the_balance_and_ends_well() {
    let directory = directory();
    let output = demo(directory.path(), &["--for", "3s"]).wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    assert!(output.status.success(), "{:?}:\n{text}", output.status);
    for name in ["fast", "slow", "flapping", "erroring", "draining", "spare", "echo-1", "echo-2", "echo-3"] {
        assert!(text.contains(name), "{name} is missing:\n{text}");
    }
    let shares = text.lines().rfind(|line| line.trim_start().starts_with("fast ")).expect("a line for each second");
    let got: f64 = shares.split_whitespace().nth(3).expect("a share").parse().expect("a number");
    assert!(got > 0.0, "{shares}");
    assert!(is_empty(directory.path()));
}

#[test]
fn a_signal_ends_it_and_everything_it_started() {
    for stop in [Signal::TERM, Signal::INT, Signal::HUP] {
        let directory = directory();
        let mut demo = demo(directory.path(), &["--for", "10m"]);
        let _out = wait_until_up(&mut demo);
        let children = children(demo.id());
        assert_eq!(children.len(), 2);
        signal(&demo, stop);
        assert!(demo.wait().expect("it ends").success());
        assert!(children.iter().all(|child| has_ended(child, Instant::now())));
        assert!(is_empty(directory.path()));
    }
}

#[test]
fn nothing_it_started_outlives_it_when_it_is_killed() {
    let directory = directory();
    let mut demo = demo(directory.path(), &["--for", "10m"]);
    let _out = wait_until_up(&mut demo);
    let children = children(demo.id());
    assert_eq!(children.len(), 2);
    signal(&demo, Signal::KILL);
    demo.wait().expect("it ends");
    let deadline = Instant::now() + END_MAX;
    assert!(children.iter().all(|child| has_ended(child, deadline)));
    assert!(is_empty(directory.path()));
}
