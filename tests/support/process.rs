//! The real program `poised` in a directory of its own, spoken to through its socket in JSON lines.
//!
//! It is ready when its log says so; every wait has a deadline by the harness that runs the tests.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use poise_ipc::edit::Edit;
use poise_ipc::message::{
    Apply, CertificateNews, Commit, Drained, ErrorReply, Event, EventBody, LogFilter, Reply, Request, ServerMessage,
    Subscribe, Topic, Transition, Verb,
};
use poise_ipc::status::Status;
use rustix::process::{Pid, Signal, kill_process};

use crate::backends::PATIENCE;

/// Where a daemon lives: its file, state and socket.
pub struct Place {
    dir: tempfile::TempDir,
}

/// A daemon that is ready. Dropping it kills it.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
}

/// What a daemon that ended has said.
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

impl Place {
    pub fn new(config: &str) -> Self {
        let place = Self { dir: tempfile::tempdir().expect("a directory") };
        place.write(config);
        place
    }

    pub fn write(&self, config: &str) {
        std::fs::write(self.file(), config).expect("written");
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("poise.toml")
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("run/poised.sock")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The command line of a daemon here.
    pub fn command(&self) -> Command {
        self.command_at(&self.socket())
    }

    /// The command line of a daemon with its socket elsewhere.
    pub fn command_at(&self, socket: &Path) -> Command {
        self.command_with(socket, 1, "0s")
    }

    /// The command line of a daemon that drains for so long.
    pub fn command_draining(&self, drain_time: &str) -> Command {
        self.command_of(1, drain_time)
    }

    /// The command line of a daemon with so many workers.
    pub fn command_of(&self, workers: u16, drain_time: &str) -> Command {
        self.command_with(&self.socket(), workers, drain_time)
    }

    /// The command line of a daemon that may hold so many descriptors.
    pub fn command_limited(&self, descriptors: u32) -> Command {
        let program = self.command();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -n {descriptors}; exec \"$0\" \"$@\""));
        shell.arg(program.get_program()).args(program.get_args());
        shell
    }

    fn command_with(&self, socket: &Path, workers: u16, drain_time: &str) -> Command {
        let mut command = command();
        command.arg("--config").arg(self.file()).arg("--state-dir").arg(self.state());
        command.arg("--socket").arg(socket).args(["--workers", &workers.to_string(), "--drain-time", drain_time]);
        command
    }

    /// Starts a daemon and waits until it is ready.
    pub fn start(&self) -> Daemon {
        self.start_by(&mut self.command())
    }

    /// The same by a command line of the caller's, which may wrap that of [`Place::command`].
    pub fn start_by(&self, command: &mut Command) -> Daemon {
        self.start_with(command.stdout(Stdio::piped()))
    }

    /// The same with its output where the caller wants it.
    pub fn start_with(&self, command: &mut Command) -> Daemon {
        self.start_unless_it_ends(command).unwrap_or_else(|said| panic!("it ended instead: {said}"))
    }

    /// Starts a daemon that may end before it is ready; then gives what it said.
    pub fn start_unless_it_ends(&self, command: &mut Command) -> Result<Daemon, String> {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("poised is ready") {
            if log.read_line(&mut said).expect("a log of text") == 0 {
                child.wait().expect("it ends");
                return Err(said);
            }
        }
        // What it says from here on is read and dropped, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Daemon { child, socket: self.socket() })
    }
}

/// The program with nothing but its output piped.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poised"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Ended {
    let output = command.output().expect("runs");
    let said = [output.stdout, output.stderr].concat();
    Ended { code: output.status.code(), said: String::from_utf8(said).expect("text") }
}

impl Daemon {
    /// Asks through a connection of its own.
    pub fn ask(&self, verb: Verb) -> Result<Reply, ErrorReply> {
        ask(&mut self.connect(), verb)
    }

    /// The same of one that may end meanwhile; then nothing.
    pub fn ask_while_it_lives(&self, verb: Verb) -> Option<Result<Reply, ErrorReply>> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        let line = serde_json::to_string(&Request { id: 1, verb }).expect("JSON") + "\n";
        stream.write_all(line.as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok().filter(|len| *len > 0)?;
        match serde_json::from_str(&line).expect("an answer") {
            ServerMessage::Reply { reply, .. } => Some(Ok(reply)),
            ServerMessage::Error { error, .. } => Some(Err(error)),
            ServerMessage::Event(event) => panic!("nobody has subscribed: {event:?}"),
        }
    }

    pub fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).expect("it listens")
    }

    pub fn status(&self) -> Status {
        match self.ask(Verb::Status) {
            Ok(Reply::Status(status)) => *status,
            other => panic!("no status: {other:?}"),
        }
    }

    /// Subscribes to commits and transitions.
    pub fn subscribe(&self) -> Events {
        let mut stream = self.connect();
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline above zero");
        let topics = vec![Topic::Config, Topic::Health];
        let subscribe = Subscribe { topics, interval_ms: 1_000, filter: LogFilter::default() };
        send(&mut stream, Verb::Subscribe(subscribe));
        let mut events = Events(BufReader::new(stream));
        while !matches!(events.next(), ServerMessage::Event(Event { body: EventBody::Snapshot(_), .. })) {}
        events
    }

    /// Kills it as `kill -9` does and waits for its end.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
    }

    /// Waits for its end.
    pub fn ended(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A subscription.
pub struct Events(BufReader<UnixStream>);

impl Events {
    fn next(&mut self) -> ServerMessage {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("it tells");
        serde_json::from_str(&line).expect("a message")
    }

    /// Waits for an event, and drops those before it.
    pub fn until(&mut self, is: impl Fn(&EventBody) -> bool) {
        while !matches!(self.next(), ServerMessage::Event(event) if is(&event.body)) {}
    }

    /// The next change of health.
    pub fn transition(&mut self) -> Transition {
        loop {
            if let ServerMessage::Event(Event { body: EventBody::Transition(transition), .. }) = self.next() {
                return transition;
            }
        }
    }

    /// The next end of a drain.
    pub fn drained(&mut self) -> Drained {
        loop {
            if let ServerMessage::Event(Event { body: EventBody::Drained(drained), .. }) = self.next() {
                return drained;
            }
        }
    }

    /// The next news of a certificate.
    pub fn certificate(&mut self) -> CertificateNews {
        loop {
            if let ServerMessage::Event(Event { body: EventBody::Certificate(news), .. }) = self.next() {
                return news;
            }
        }
    }

    /// The next commit.
    pub fn committed(&mut self) -> Commit {
        loop {
            if let ServerMessage::Event(Event { body: EventBody::Committed(commit), .. }) = self.next() {
                return commit;
            }
        }
    }
}

/// Sends a request and waits for its answer.
pub fn ask(stream: &mut UnixStream, verb: Verb) -> Result<Reply, ErrorReply> {
    send(stream, verb);
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("it answers");
    match serde_json::from_str(&line).expect("an answer") {
        ServerMessage::Reply { reply, .. } => Ok(reply),
        ServerMessage::Error { error, .. } => Err(error),
        ServerMessage::Event(event) => panic!("nobody has subscribed: {event:?}"),
    }
}

/// Sends a request.
pub fn send(stream: &mut UnixStream, verb: Verb) {
    let line = serde_json::to_string(&Request { id: 1, verb }).expect("JSON") + "\n";
    stream.write_all(line.as_bytes()).expect("it reads");
}

/// A change of one value.
pub fn set(path: &str, value: &str) -> Verb {
    set_all(&[(path.to_owned(), value.to_owned())])
}

/// A change of several values, by path.
pub fn set_all(values: &[(String, String)]) -> Verb {
    let edits = values.iter().map(|(path, value)| Edit::set(path.clone(), value.clone())).collect();
    Verb::Apply(Apply {
        edits,
        if_revision: None,
        dry_run: false,
        reason: None,
        window: poise_ipc::message::WindowWish::default(),
    })
}

/// Whether a file is there.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
