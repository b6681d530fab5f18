//! A real daemon for the console: the one that `poise` carries for its demo, with a group of
//! backends that only listen.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A place for a daemon, and backends that accept connections.
pub struct Place {
    folder: tempfile::TempDir,
    backends: Vec<TcpListener>,
}

/// A daemon that is ready; it ends when dropped.
pub struct Daemon(Child);

impl Place {
    /// Three backends of weight 100 in the group `app` behind the TCP listener `raw`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let backends: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let mut config = String::from(
            "[listeners.raw]\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ngroup = \"app\"\n\
             [groups.app]\nhealth_check = { interval = \"1s\", rise = 1, fall = 1 }\n[groups.app.backends]\n",
        );
        for (number, backend) in (1..).zip(&backends) {
            let address = backend.local_addr().expect("it is bound");
            writeln!(config, "app-{number} = {{ address = \"{address}\" }}").expect("a text takes text");
        }
        std::fs::write(folder.path().join("poise.toml"), config).expect("written");
        Self { folder, backends }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("run/poised.sock")
    }

    /// Where the console keeps its drafts.
    pub fn console_state(&self) -> PathBuf {
        self.folder.path().join("console")
    }

    /// Closes the last backend: nothing listens there any more.
    pub fn stop_a_backend(&mut self) {
        self.backends.pop();
    }

    /// Starts a daemon and waits until it is ready.
    pub fn start(&self) -> Daemon {
        let mut command = poise("__daemon");
        command.arg("--config").arg(self.folder.path().join("poise.toml"));
        command.arg("--state-dir").arg(self.folder.path().join("state"));
        command.arg("--socket").arg(self.socket()).args(["--workers", "1", "--drain-time", "0s"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("poised is ready") {
            assert_ne!(log.read_line(&mut said).expect("a log of text"), 0, "it ended instead: {said}");
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Daemon(child)
    }

    /// Runs a script verb; gives what it printed.
    pub fn poise(&self, args: &[&str]) -> String {
        let output = poise("--socket").arg(self.socket()).args(args).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The configured weight of a backend of the group.
    pub fn weight(&self, backend: &str) -> String {
        self.poise(&["get", &format!("groups.app.backends.{backend}.weight")]).trim().to_owned()
    }
}

fn poise(verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poise"));
    command.arg(verb);
    command
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
