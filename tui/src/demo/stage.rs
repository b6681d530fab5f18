//! What the demo starts and ends: a temporary directory, the world, the daemon.
//!
//! Each child holds the other end of a pipe from here and ends when that closes, so that neither
//! outlives this process even if it is killed. The children are in process groups of their own:
//! Ctrl-C reaches this process alone, which ends them in order.

mod directory;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use poise_ipc::client::Client;
use poise_ipc::message::{Reply, Verb};
use poise_ipc::status::Status;

use self::directory::Directory;
use super::{Backends, DAEMON_VERB, Listeners, STATE, WORLD_VERB, config, make_certificate};

/// Time in which the world and the daemon come up.
const UP_MAX: Duration = Duration::from_secs(20);
/// Time between two attempts to reach the daemon.
const RETRY: Duration = Duration::from_millis(25);
/// Time that a child gets to end by itself.
const STOP_MAX: Duration = Duration::from_secs(3);
/// Bytes of the line that names the backends.
const LINE_LEN_MAX: u64 = 16 << 10;
/// Lines of the daemon's log that an error shows.
const LOG_LINES_MAX: usize = 5;

/// A demo that runs; all of it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Stage {
    // In the order in which they end. The world removes the directory as well, for the case that
    // this process ends without dropping anything.
    daemon: Leashed,
    world: Leashed,
    directory: Directory,
}

impl Stage {
    /// Starts the world, writes the configuration, starts the daemon on it.
    pub(super) fn open(workers: Option<u16>) -> anyhow::Result<Self> {
        let directory = Directory::create()?;
        let mut world = Leashed::start([OsStr::new(WORLD_VERB), directory.path().as_os_str()], Stdio::null())
            .context("start the demo's backends")?;
        let backends = world.backends()?;
        let [chain, key] = config::certificate(directory.path());
        make_certificate(&chain, &key).context("make the demo's certificate")?;
        fs::write(directory.path().join("poise.toml"), config::text(&backends.addresses, directory.path())?)
            .context("write the demo's configuration")?;
        let daemon = start_daemon(directory.path(), workers)?;
        Ok(Self { daemon, world, directory })
    }

    /// The daemon's control socket.
    pub(super) fn socket(&self) -> PathBuf {
        socket(self.directory.path())
    }

    /// A connection to the daemon, once it answers.
    pub(super) async fn daemon_up(&mut self) -> anyhow::Result<(Client, Status)> {
        let deadline = Instant::now() + UP_MAX;
        let mut client = loop {
            match Client::connect(&self.socket()).await {
                Ok(client) => break client,
                Err(error) if Instant::now() > deadline => return Err(error).with_context(|| self.log()),
                Err(_) => self.daemon_alive()?,
            }
            tokio::time::sleep(RETRY).await;
        };
        match client.request(Verb::Status).await? {
            Reply::Status(status) => Ok((client, *status)),
            _ => bail!("the daemon answers something else than its status"),
        }
    }

    fn daemon_alive(&mut self) -> anyhow::Result<()> {
        match self.daemon.child.try_wait().context("look after the demo's daemon")? {
            None => Ok(()),
            Some(status) => bail!("the demo's daemon ended with {status}; {}", self.log()),
        }
    }

    /// The end of what the daemon logged, for an error.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.directory.path().join("poised.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        format!("the demo's daemon said:\n{}", lines[lines.len().saturating_sub(LOG_LINES_MAX)..].join("\n"))
    }

    /// Tells the world where to send its traffic.
    pub(super) fn start_traffic(&mut self, listeners: &Listeners) -> anyhow::Result<()> {
        let line = serde_json::to_string(listeners)?;
        let pipe = self.world.pipe.as_mut().context("the world is still running")?;
        writeln!(pipe, "{line}").context("start the demo's traffic")
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("poised.sock")
}

fn start_daemon(directory: &Path, workers: Option<u16>) -> anyhow::Result<Leashed> {
    let log = File::create(directory.join("poised.log")).context("create the daemon's log")?;
    let mut args = vec![DAEMON_VERB.into(), "--config".into(), directory.join("poise.toml").into_os_string()];
    args.extend(["--state-dir".into(), directory.join(STATE).into_os_string()]);
    args.extend(["--socket".into(), socket(directory).into_os_string(), "--drain-time".into(), "0s".into()]);
    if let Some(workers) = workers {
        args.extend(["--workers".into(), workers.to_string().into()]);
    }
    Leashed::start(args, log.into()).context("start the demo's daemon")
}

/// A child that ends when the pipe to it closes.
#[derive(Debug)]
struct Leashed {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Leashed {
    /// Runs this program again with `args`.
    fn start(args: impl IntoIterator<Item = impl AsRef<OsStr>>, log: Stdio) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(args).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn()?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// The line with which the world says where its backends listen.
    fn backends(&mut self) -> anyhow::Result<Backends> {
        let out = self.child.stdout.take().context("the world's output is piped")?;
        let (told, line) = mpsc::channel();
        thread::Builder::new().name("demo-world".to_owned()).spawn(move || {
            // Nobody listens any more when the world took too long.
            let _ = told.send(read_line(out));
        })?;
        let line = line.recv_timeout(UP_MAX).context("the demo's backends do not come up")??;
        serde_json::from_str(&line).context("the demo's backends do not come up")
    }
}

fn read_line(out: ChildStdout) -> std::io::Result<String> {
    let mut line = String::new();
    BufReader::new(out.take(LINE_LEN_MAX)).read_line(&mut line)?;
    Ok(line)
}

impl Drop for Leashed {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let deadline = Instant::now() + STOP_MAX;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(RETRY);
        }
        // Both fail only for a child that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
