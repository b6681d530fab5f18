//! The link to the daemon: connects, asks, hears, and connects again for as long as it takes.
//!
//! A task of its own behind two bounded channels, so that the loop never waits for a socket. It
//! understands no message; what a lost answer means is `update`'s.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use poise_ipc::client::{Client, ClientError, Receiver, Sender};
use poise_ipc::message::{Request, ServerMessage};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::msg::Msg;

/// First wait before trying again.
const RETRY_MIN: Duration = Duration::from_millis(50);
/// Longest wait: data is to be fresh within 300 ms after a daemon is back, and a try costs one system call.
const RETRY_MAX: Duration = Duration::from_millis(200);
/// Time for a connection with its greeting, and for a request to leave.
const LIMIT: Duration = Duration::from_secs(2);
/// Requests that may wait; an operator's keys never come near.
const REQUESTS_MAX: usize = 64;
/// Messages that may wait for the loop; above, the daemon is left waiting and counts what it drops.
const NEWS_MAX: usize = 256;

/// The loop's end of the link.
#[derive(Debug)]
pub struct Link {
    requests: mpsc::Sender<Request>,
    news: mpsc::Receiver<Msg>,
    task: JoinHandle<()>,
}

impl Link {
    /// Starts the task; must be called within a tokio runtime.
    pub fn start(socket: PathBuf) -> Self {
        let (requests, asked) = mpsc::channel(REQUESTS_MAX);
        let (told, news) = mpsc::channel(NEWS_MAX);
        let task = tokio::spawn(keep_up(socket, asked, told));
        Self { requests, news, task }
    }

    /// Asks the daemon; when it does not keep up the request is dropped, which the lost link reports.
    pub fn send(&self, request: Request) {
        // Full or closed: the daemon hangs or is gone, and every request under way is forgotten when
        // the link is reported lost.
        let _ = self.requests.try_send(request);
    }

    /// What happened next.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Msg> {
        self.news.recv().await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ids on the wire of the requests under way, with those of the console.
type Ids = BTreeMap<u64, u64>;

async fn keep_up(socket: PathBuf, mut requests: mpsc::Receiver<Request>, news: mpsc::Sender<Msg>) {
    let mut wait = RETRY_MIN;
    let mut told: Option<String> = None;
    while !news.is_closed() {
        let error = match Client::connect_as("console", &socket, LIMIT).await {
            Ok(client) => {
                wait = RETRY_MIN;
                told = None;
                // What was asked before belongs to a link that is gone.
                while requests.try_recv().is_ok() {}
                if news.send(Msg::Connected(Box::new(client.welcome().clone()))).await.is_err() {
                    return;
                }
                let (sender, receiver) = client.split();
                converse(sender, receiver, &mut requests, &news).await
            }
            Err(error) => error,
        };
        let reason = reason(&error);
        if told.as_ref() != Some(&reason) {
            told = Some(reason.clone());
            if news.send(Msg::Lost { reason, at_ms: epoch_ms() }).await.is_err() {
                return;
            }
        }
        sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}

/// Carries requests and messages until the link is lost.
async fn converse(
    mut sender: Sender,
    mut receiver: Receiver,
    requests: &mut mpsc::Receiver<Request>,
    news: &mpsc::Sender<Msg>,
) -> ClientError {
    let mut ids = Ids::new();
    loop {
        tokio::select! {
            biased;
            request = requests.recv() => {
                let Some(Request { id, verb }) = request else { return ClientError::Closed };
                match timeout(LIMIT, sender.send(verb)).await {
                    Ok(Ok(wire)) => drop(ids.insert(wire, id)),
                    Ok(Err(error)) => return error,
                    Err(_) => return ClientError::TimedOut(LIMIT),
                }
            }
            message = receiver.next() => match message {
                Ok(message) => {
                    let message = Box::new(translated(message, &mut ids));
                    if news.send(Msg::Server(message)).await.is_err() {
                        return ClientError::Closed;
                    }
                }
                Err(error) => return error,
            },
        }
    }
}

/// The message with the console's id in place of the one on the wire.
fn translated(message: ServerMessage, ids: &mut Ids) -> ServerMessage {
    match message {
        ServerMessage::Reply { id, reply } => ServerMessage::Reply { id: ids.remove(&id).unwrap_or(0), reply },
        ServerMessage::Error { id, error } => ServerMessage::Error { id: ids.remove(&id).unwrap_or(0), error },
        event @ ServerMessage::Event(_) => event,
    }
}

/// The error with its cause.
fn reason(error: &ClientError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Milliseconds since the epoch.
fn epoch_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
