//! The server over real sockets, in front of a scripted writer.

use std::path::PathBuf;

use poise_ipc::client::{Client, ClientError};
use poise_ipc::message::{Apply, Author, Commit, EventBody, Reply, Subscribe, Take, Topic, Transition, Verb, Welcome};
use poise_ipc::status::{DaemonStatus, Health, RecorderStatus, Status, Verdict};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::control::bus::{Bus, What};
use crate::control::command::{Command, INBOX_MAX};

mod limits;
mod subscriptions;

/// A served socket, its publisher and its scripted writer.
struct Stage {
    path: PathBuf,
    bus: Bus,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    _writer: JoinHandle<()>,
    _folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let (inbox, commands) = mpsc::channel(INBOX_MAX);
        Self::before(inbox, tokio::spawn(answer_all(commands)))
    }

    fn read_only() -> Self {
        let (inbox, commands) = mpsc::channel(INBOX_MAX);
        Self::with(inbox, tokio::spawn(answer_all(commands)), true)
    }

    fn before(inbox: Inbox, writer: JoinHandle<()>) -> Self {
        Self::with(inbox, writer, false)
    }

    fn with(inbox: Inbox, writer: JoinHandle<()>, read_only: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::bind(&folder.path().join("poised.sock"), Groups::default()).unwrap();
        let path = server.path().to_owned();
        let bus = Bus::new();
        let (stop, stopped) = oneshot::channel();
        let link = Link::new(inbox, bus.feed(), read_only);
        let server = tokio::spawn(server.serve(link, async {
            let _ = stopped.await;
            Ending::Close
        }));
        Self { path, bus, stop: Some(stop), server, _writer: writer, _folder: folder }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.path).await.unwrap()
    }

    async fn json(&self) -> Json {
        Json { stream: Stream::connect(&self.path).await.unwrap(), buffer: Vec::new() }
    }
}

/// A script that speaks lines.
struct Json {
    stream: Stream,
    buffer: Vec<u8>,
}

impl Json {
    async fn send(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next line, or nothing when the daemon has closed.
    async fn line(&mut self) -> Option<serde_json::Value> {
        loop {
            if let Some(at) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn ask(&mut self, line: &str) -> serde_json::Value {
        self.send(line).await;
        self.line().await.expect("an answer")
    }
}

/// Answers as the single writer would, as far as the socket can tell.
async fn answer_all(mut commands: mpsc::Receiver<Command>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Request { verb, author, role, reply } => {
                let answer = match verb {
                    Verb::Hello => Ok(Reply::Hello(welcome(&author, role))),
                    Verb::Status => Ok(Reply::Status(Box::new(status(1)))),
                    Verb::History { .. } => Ok(Reply::History { commits: vec![commit(author)] }),
                    _ => Ok(Reply::Done),
                };
                let _ = reply.send(answer);
            }
            Command::Snapshot { reply } => {
                let _ = reply.send(Arc::new(status(1)));
            }
            // Nobody upgrades here.
            _ => {}
        }
    }
}

fn welcome(author: &Author, role: Role) -> Welcome {
    let text = |s: &str| s.to_owned();
    Welcome {
        version: text("0.1.0"),
        host: text("lb01"),
        role,
        user: author.user.clone(),
        daemon_id: text("d"),
        revision: 1,
    }
}

fn status(revision: u64) -> Status {
    let daemon = DaemonStatus {
        version: "0.1.0".to_owned(),
        host: "lb01".to_owned(),
        pid: 1,
        started_ms: 1,
        workers: 1,
        config_file: None,
        drift: false,
        records_lost_total: 0,
        read_only: false,
        predecessors: Vec::new(),
    };
    Status {
        at_ms: 5,
        daemon,
        revision,
        generation: 1,
        listeners: vec![],
        groups: vec![],
        findings: vec![],
        certificates: vec![],
        recorder: RecorderStatus::default(),
        hook: None,

        window: None,
        layers: Vec::new(),
        layers_ended: Vec::new(),
    }
}

fn commit(author: Author) -> Commit {
    Commit { revision: 2, at_ms: 7, author, reason: None, edits: vec![], inverse: vec![] }
}

fn apply() -> Verb {
    Verb::Apply(Apply {
        edits: vec![],
        if_revision: None,
        dry_run: false,
        reason: None,
        window: poise_ipc::message::WindowWish::default(),
    })
}

fn refused(answer: Result<Reply, ClientError>) -> ErrorReply {
    match answer {
        Err(ClientError::Refused(error)) => *error,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn the_daemons_own_user_is_admin_and_can_only_step_down() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    assert_eq!(client.welcome().role, Role::Admin);
    client.request(Verb::Reload { take: Some(Take::File), decide: Vec::new(), dry_run: false }).await.unwrap();

    let Reply::Hello(now) = client.request(Verb::StepDown { role: Role::Operate }).await.unwrap() else { panic!() };
    assert_eq!(now.role, Role::Operate);
    let error = refused(client.request(Verb::Reload { take: None, decide: Vec::new(), dry_run: false }).await);
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert!(error.message.contains("needs the role admin, the connection has operate"), "{}", error.message);
    client.request(apply()).await.unwrap();

    client.request(Verb::StepDown { role: Role::View }).await.unwrap();
    assert_eq!(refused(client.request(apply()).await).code, ErrorCode::Forbidden);
    for role in [Role::Operate, Role::Admin] {
        assert_eq!(refused(client.request(Verb::StepDown { role }).await).code, ErrorCode::Forbidden);
    }
    client.request(Verb::Status).await.unwrap();
    assert_eq!(stage.client().await.welcome().role, Role::Admin, "another connection is not concerned");
}

#[tokio::test]
async fn the_view_only_socket_gives_nobody_more() {
    let stage = Stage::new();
    let view = view_socket(&stage.path);
    if !view.exists() {
        assert!(!geteuid().is_root(), "root opens it always");
        return;
    }
    let mut client = Client::connect(&view).await.unwrap();
    assert_eq!(client.welcome().role, Role::View);
    assert_eq!(refused(client.request(apply()).await).code, ErrorCode::Forbidden);
    client.request(Verb::Status).await.unwrap();
}

#[tokio::test]
async fn the_author_of_a_change_is_who_the_kernel_says() {
    let stage = Stage::new();
    let Reply::History { commits } =
        stage.client().await.request(Verb::History { limit: 1, before: None }).await.unwrap()
    else {
        panic!("a history")
    };
    assert_eq!(commits[0].author.uid, geteuid().as_raw());
    assert_eq!(commits[0].author.pid, i32::try_from(std::process::id()).unwrap());
}

#[tokio::test]
async fn lines_are_answered_in_turn_and_unknown_verbs_too() {
    let stage = Stage::new();
    let mut json = stage.json().await;
    let answer = json.ask("{\"id\":1,\"verb\":\"status\"}\n").await;
    assert_eq!(answer["reply"]["id"], 1);
    assert_eq!(answer["reply"]["reply"]["status"]["daemon"]["host"], "lb01");
    let answer = json.ask("{\"id\":2,\"verb\":{\"fly\":{}}}\n").await;
    assert_eq!((&answer["error"]["id"], &answer["error"]["error"]["code"]), (&2.into(), &"malformed".into()));
    let answer = json.ask("what?\n").await;
    assert_eq!(answer["error"]["id"], 0);
    json.send("{\"id\":3,\"verb\":\"drift\"}\n{\"id\":4,\"verb\":\"config\"}\n").await;
    for id in [3, 4] {
        assert_eq!(json.line().await.unwrap()["reply"]["id"], id);
    }
}

#[tokio::test]
async fn a_writer_that_is_behind_is_told_apart_from_one_that_ends() {
    let (inbox, mut commands) = mpsc::channel(1);
    let stage = Stage::before(inbox.clone(), tokio::spawn(async {}));
    let mut json = stage.json().await;
    let (reply, _ignored) = oneshot::channel();
    inbox.send(Command::Snapshot { reply }).await.unwrap();
    let answer = json.ask("{\"verb\":\"status\"}\n").await;
    assert_eq!(answer["error"]["error"]["message"], "too many requests wait");
    commands.close();
    while commands.recv().await.is_some() {}
    let answer = json.ask("{\"verb\":\"status\"}\n").await;
    assert_eq!(answer["error"]["error"]["message"], "poised is ending");
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_removes_the_socket() {
    let (inbox, mut commands) = mpsc::channel(INBOX_MAX);
    let mut stage = Stage::before(inbox, tokio::spawn(async {}));
    let mut json = stage.json().await;
    json.send("{\"id\":8,\"verb\":\"config\"}\n").await;
    let Some(Command::Request { reply, .. }) = commands.recv().await else { panic!("the request arrives") };
    stage.stop.take().unwrap().send(()).unwrap();
    tokio::task::yield_now().await;
    reply.send(Ok(Reply::Done)).unwrap();
    assert_eq!(json.line().await.unwrap()["reply"]["id"], 8);
    let last = json.line().await.unwrap();
    assert_eq!(last["error"]["error"]["message"], "poised is ending");
    assert_eq!(json.line().await, None);
    stage.server.await.unwrap();
    assert!(!stage.path.exists());
}

#[tokio::test]
async fn a_client_says_what_it_is_and_the_history_names_it() {
    let stage = Stage::new();
    let mut client = Client::connect_as("poise weight", &stage.path, Duration::from_secs(5)).await.unwrap();
    let Reply::History { commits } = client.request(Verb::History { limit: 1, before: None }).await.unwrap() else {
        panic!("no history")
    };
    assert_eq!(commits[0].author.client, "poise weight");
    for wrong in ["", "a\u{1b}b", "\u{fc}", &"x".repeat(65)] {
        let refused = client.request(Verb::Introduce { client: wrong.to_owned() }).await;
        let Err(ClientError::Refused(error)) = refused else { panic!("{wrong:?} is taken") };
        assert_eq!((error.code, error.path.as_deref()), (ErrorCode::Invalid, Some("client")));
    }
}

#[tokio::test]
async fn a_daemon_that_is_read_only_answers_questions_and_changes_nothing() {
    let stage = Stage::read_only();
    let mut client = stage.client().await;
    assert!(client.request(Verb::Status).await.is_ok());
    let refused = client.request(Verb::CertificatesReload { name: None }).await;
    let Err(ClientError::Refused(error)) = refused else { panic!("it is changed") };
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert!(error.message.contains("read-only"), "{}", error.message);
}
