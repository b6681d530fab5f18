//! One run of the hook: what it is told, and how it ends.
//!
//! It is told everything twice: in variables of its environment, for scripts, and as a line of JSON
//! on its standard input, the same as `poise watch health -o jsonl` prints. What it prints is
//! dropped, except the beginning of what it says on standard error when it fails.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use poise_ipc::message::{Ejected, EventBody};
use poise_ipc::text::moment;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::time::timeout;

use super::{Hook, News};

/// How much of what a failed run said is kept.
const SAID_BYTES_MAX: usize = 512;

/// How a run went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Mishap {
    /// It cannot be started.
    #[error("it cannot be started: {0}")]
    Start(#[source] io::Error),
    /// It ended with a code or by a signal.
    #[error("{status}{}{said}", if said.is_empty() { "" } else { ": " })]
    Failed {
        /// How.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
    /// It was killed.
    #[error("it was killed after {after:?}")]
    TimedOut {
        /// How long it had.
        after: Duration,
    },
}

/// A process group that ends with its owner.
pub(super) struct Group(pub(super) Child, Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        // While the child is not waited for, its number is its own: nobody else is hit.
        if let (None, Some(group)) = (self.0.try_wait().ok().flatten(), self.1) {
            // Fails only when nobody is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    at_ms: u64,
    kind: &'a str,
    text: String,
    #[serde(flatten)]
    body: &'a EventBody,
}

/// Runs the command for some news.
pub(super) async fn run(hook: &Hook, news: &News) -> Result<(), Mishap> {
    let mut group = start(hook, news).map_err(Mishap::Start)?;
    let (line, mut said) = (line(news), Vec::new());
    let (stdin, stderr) = (group.0.stdin.take(), group.0.stderr.take());
    let talk = async { tokio::join!(tell(stdin, &line), listen(stderr, &mut said)) };
    let ends = async {
        tokio::select! {
            // What it said before it ended is there when it has ended.
            biased;
            _ = talk => group.0.wait().await,
            ended = group.0.wait() => ended,
        }
    };
    match timeout(hook.timeout, ends).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(Mishap::Failed { status, said: printable(&said) }),
        Ok(Err(error)) => Err(Mishap::Start(error)),
        Err(_) => Err(Mishap::TimedOut { after: hook.timeout }),
    }
}

pub(super) fn start(hook: &Hook, news: &News) -> io::Result<Group> {
    let mut command = Command::new(&hook.program);
    command.args(&hook.args).envs(variables(news)).current_dir("/");
    // What the service manager gave to poised is not for others.
    command.env_remove("NOTIFY_SOCKET").env_remove("LISTEN_FDS").env_remove("LISTEN_PID");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    // A group of its own: what it has started ends with it when it takes too long.
    let child = command.process_group(0).spawn()?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    Ok(Group(child, group))
}

/// What scripts are told.
fn variables(news: &News) -> impl Iterator<Item = (&'static str, String)> {
    let at = ("POISE_AT", moment(news.at_ms));
    let told = [at, ("POISE_EVENT", news.body.word().to_owned()), ("POISE_TEXT", text(news))];
    let (group, backend, state) = match &news.body {
        EventBody::Transition(news) => (Some(&news.group), Some(&news.backend), news.to.word()),
        EventBody::Flapping(news) => {
            (Some(&news.group), Some(&news.backend), if news.active { "flapping" } else { "settled" })
        }
        EventBody::Ejected(Ejected { group, backend, ejection }) => {
            (Some(group), Some(backend), if ejection.active { "ejected" } else { "readmitted" })
        }
        EventBody::Drained(news) => (Some(&news.group), Some(&news.backend), "drained"),
        EventBody::FailOpen { group, active } => {
            (Some(group), None, if *active { "failing-open" } else { "recovered" })
        }
        EventBody::Certificate(news) => (Some(&news.certificate), None, news.what.word()),
        _ => (None, None, ""),
    };
    let subject = match news.body {
        EventBody::Certificate(_) => "POISE_CERTIFICATE",
        _ => "POISE_GROUP",
    };
    let named =
        [group.map(|name| (subject, name.to_string())), backend.map(|name| ("POISE_BACKEND", name.to_string()))];
    told.into_iter().chain(named.into_iter().flatten()).chain([("POISE_STATE", state.to_owned())])
}

fn text(news: &News) -> String {
    // No variable can hold a zero byte.
    news.body.health_news().unwrap_or_default().replace('\0', " ")
}

fn line(news: &News) -> String {
    let (at, kind) = (moment(news.at_ms), news.body.word());
    let line = Line { at, at_ms: news.at_ms, kind, text: text(news), body: &news.body };
    let json = serde_json::to_string(&line).expect("the words of the protocol are JSON");
    json + "\n"
}

/// Tells it; whoever does not read does not want to know.
async fn tell(stdin: Option<ChildStdin>, line: &str) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(line.as_bytes()).await;
    }
}

/// Reads what it says to the end, and keeps the beginning.
async fn listen(stderr: Option<ChildStderr>, said: &mut Vec<u8>) {
    let Some(mut stderr) = stderr else { return };
    let mut buffer = [0; SAID_BYTES_MAX];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let room = SAID_BYTES_MAX - said.len();
        said.extend_from_slice(&buffer[..count.min(room)]);
    }
}

/// Its last words on one line.
fn printable(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(clean).collect()
}
