//! A daemon with a backend that lives and one that does not, and the program to ask it with.
//!
//! The daemon is `poise` under its hidden verb: it ends when its standard input does, so a test that
//! fails leaves none behind.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::Value;

/// A port of loopback that nothing listens on: below those that the kernel gives away, and taken by
/// no service of this machine.
const DEAD: &str = "127.0.0.1:1";

/// A daemon that is ready. Dropping it ends it.
pub(crate) struct Daemon {
    folder: tempfile::TempDir,
    process: Child,
    /// Where the backend that lives listens.
    pub(crate) alive: SocketAddr,
}

/// What a run of `poise` said and how it ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Daemon {
    /// Starts a daemon whose group `app` has the backends `app-1` and `app-2`, both alive.
    pub(crate) fn start() -> Self {
        let backend = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let alive = backend.local_addr().expect("it is bound");
        thread::spawn(move || backend.incoming().for_each(drop));
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("poise.toml"), config(alive)).expect("a file");
        let (process, folder) = spawn(folder);
        Self { folder, process, alive }
    }

    /// A path in the daemon's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// `poise` with this daemon's socket.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = poise(line);
        command.env("POISE_SOCKET", self.socket());
        command
    }

    /// Runs `poise` with the words of a line.
    pub(crate) fn run(&self, line: &str) -> Run {
        run(&mut self.command(line))
    }

    /// Runs `poise` and hands it a text on standard input.
    pub(crate) fn run_with(&self, line: &str, input: &str) -> Run {
        run_with(&mut self.command(line), input)
    }

    /// Runs `poise`, which has to end well, and returns what it printed.
    pub(crate) fn ok(&self, line: &str) -> String {
        let run = self.run(line);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "poise {line}");
        run.out
    }

    /// The same, read as JSON.
    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} -o json"))).expect("a JSON document")
    }

    /// One field of the backend `app/NAME`.
    pub(crate) fn backend(&self, name: &str, field: &str) -> Value {
        self.json(&format!("get backends app/{name}"))["backends"][0][field].clone()
    }

    /// The revision now.
    pub(crate) fn revision(&self) -> u64 {
        self.json("status")["revision"].as_u64().expect("a number")
    }

    /// `poise` with the words of a line as a shell has to say it.
    pub(crate) fn shell(line: &str) -> String {
        format!("{} {line}", env!("CARGO_BIN_EXE_poise"))
    }

    /// A backend address that nothing listens on.
    pub(crate) fn dead() -> &'static str {
        DEAD
    }

    /// Ends the daemon.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The configuration of the daemon.
fn config(alive: SocketAddr) -> String {
    format!(
        r#"
[listeners.web]
bind = "127.0.0.1:0"
protocol = "http"
group = "app"

[groups.app]
scheduler = "wrr"
health_check = {{ protocol = "tcp", interval = "100ms", timeout = "1s", rise = 1, fall = 1 }}

[groups.app.backends]
app-1 = {{ address = "{alive}" }}
app-2 = {{ address = "{alive}", weight = 20 }}
"#
    )
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("run/poised.sock")
}

/// Starts a daemon in a folder and waits for it to say that it is ready.
fn spawn(folder: tempfile::TempDir) -> (Child, tempfile::TempDir) {
    let mut command = poise("__daemon --workers 1 --drain-time 0s");
    command.arg("--config").arg(folder.path().join("poise.toml"));
    command.arg("--state-dir").arg(folder.path().join("state"));
    command.arg("--socket").arg(socket(folder.path()));
    let mut process = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut log = BufReader::new(process.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains("poised is ready") {
        assert_ne!(log.read_line(&mut said).expect("text"), 0, "the daemon has ended: {said}");
    }
    // What it says from here on is read and dropped, so that it never waits for a reader.
    thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (process, folder)
}

/// `poise` with the words of a line, away from any daemon and any terminal.
pub(crate) fn poise(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poise"));
    command.args(line.split_whitespace()).env_remove("POISE_OUTPUT").env("POISE_SOCKET", "/nonexistent/poised.sock");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    ended(&command.output().expect("it runs"))
}

/// Runs a command with a text on its standard input.
pub(crate) fn run_with(command: &mut Command, input: &str) -> Run {
    let mut process = command.stdin(Stdio::piped()).spawn().expect("it starts");
    process.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    ended(&process.wait_with_output().expect("it ends"))
}

fn ended(output: &Output) -> Run {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let code = output.status.code().expect("it ends by itself");
    Run { code, out: text(&output.stdout), err: text(&output.stderr) }
}
