//! The client against a scripted daemon on a real socket.

use std::path::PathBuf;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::message::{ErrorCode, EventBody, Role};
use crate::transport::{Access, Listener};

const LIMIT: Duration = Duration::from_secs(5);

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.sock");
    (folder, path)
}

fn welcome() -> Reply {
    let text = |s: &str| s.to_owned();
    let (version, host, user, daemon_id) = (text("0.1.0"), text("lb01"), text("ops"), text("d1"));
    Reply::Hello(Welcome { version, host, role: Role::Operate, user, daemon_id, revision: 3 })
}

async fn accept(listener: &Listener, answer: Hello) -> Stream {
    let mut stream = listener.accept().await.unwrap();
    let mut hello = [0; hello::LEN];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(Hello::decode(&hello), Ok(Hello::CLIENT));
    stream.write_all(&answer.encode()).await.unwrap();
    stream
}

async fn say(stream: &mut Stream, message: ServerMessage) {
    stream.write_all(&Codec::Frames.encode(&message).unwrap()).await.unwrap();
}

async fn hear(stream: &mut Stream) -> Request {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await.unwrap();
    let mut body = vec![0; u32::from_le_bytes(prefix) as usize];
    stream.read_exact(&mut body).await.unwrap();
    Codec::Frames.decode(&body).unwrap()
}

async fn greeted(listener: &Listener) -> Stream {
    let mut stream = accept(listener, Hello::admit(Role::Operate)).await;
    let request = hear(&mut stream).await;
    assert_eq!(request.verb, Verb::Introduce { client: "test".to_owned() });
    say(&mut stream, ServerMessage::Reply { id: request.id, reply: welcome() }).await;
    stream
}

fn event(seq: u64) -> ServerMessage {
    ServerMessage::Event(Event { seq, at_ms: 1, body: EventBody::Lost { count: seq } })
}

#[tokio::test]
async fn a_request_gets_its_own_answer_and_events_wait() {
    let (_keep, path) = place();
    let listener = Listener::bind(&path, Access::default()).unwrap();
    let daemon = async {
        let mut stream = greeted(&listener).await;
        let request = hear(&mut stream).await;
        say(&mut stream, event(1)).await;
        say(&mut stream, ServerMessage::Reply { id: 999, reply: Reply::Done }).await;
        say(&mut stream, ServerMessage::Reply { id: request.id, reply: Reply::History { commits: vec![] } }).await;
        say(&mut stream, event(2)).await;
        stream
    };
    let client = async {
        let mut client = Client::connect_as("test", &path, LIMIT).await.unwrap();
        assert_eq!((client.welcome().host.as_str(), client.welcome().revision), ("lb01", 3));
        let answer = client.request(Verb::History { limit: 1, before: None }).await.unwrap();
        assert_eq!(answer, Reply::History { commits: vec![] });
        assert_eq!(client.next_event().await.unwrap().seq, 1);
        assert_eq!(client.next_event().await.unwrap().seq, 2);
        client
    };
    let (stream, mut client) = tokio::join!(daemon, client);
    drop(stream);
    assert!(matches!(client.request(Verb::Status).await, Err(ClientError::Closed)));
}

#[tokio::test]
async fn a_daemon_of_another_version_is_named_by_its_version() {
    let (_keep, path) = place();
    let listener = Listener::bind(&path, Access::default()).unwrap();
    let newer = Hello { version: 9, ..Hello::CLIENT };
    let (_, answer) = tokio::join!(accept(&listener, newer), Client::connect_as("test", &path, LIMIT));
    assert!(matches!(answer, Err(ClientError::Version { theirs: 9 })), "{answer:?}");
}

#[tokio::test]
async fn a_refusal_carries_its_code() {
    let (_keep, path) = place();
    let listener = Listener::bind(&path, Access::default()).unwrap();
    let daemon = async {
        let mut stream = accept(&listener, Hello::admit(Role::View)).await;
        let error = ErrorReply::new(ErrorCode::Busy, "no room");
        say(&mut stream, ServerMessage::Error { id: 0, error }).await;
        stream
    };
    let (_stream, answer) = tokio::join!(daemon, Client::connect_as("test", &path, LIMIT));
    let Err(ClientError::Refused(error)) = answer else { panic!("{answer:?}") };
    assert_eq!(error.code, ErrorCode::Busy);
}

#[tokio::test]
async fn nobody_at_the_socket_and_strangers_are_told_apart() {
    let (_keep, path) = place();
    let nobody = Client::connect_as("test", &path, LIMIT).await;
    assert!(matches!(nobody, Err(ClientError::Unreachable { .. })), "{nobody:?}");

    let listener = Listener::bind(&path, Access::default()).unwrap();
    let stranger = async {
        let mut stream = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        stream
    };
    let (_stream, answer) = tokio::join!(stranger, Client::connect_as("test", &path, LIMIT));
    assert!(matches!(answer, Err(ClientError::Protocol(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_daemon_does_not_hold_a_client_for_ever() {
    let (_keep, path) = place();
    let listener = Listener::bind(&path, Access::default()).unwrap();
    let answer = Client::connect_as("test", &path, LIMIT).await;
    assert!(matches!(answer, Err(ClientError::TimedOut(limit)) if limit == LIMIT), "{answer:?}");
    drop(listener);
}

#[tokio::test]
async fn a_daemon_of_another_build_is_spoken_to_in_lines() {
    let (_keep, path) = place();
    let listener = Listener::bind(&path, Access::default()).unwrap();
    let daemon = async {
        let other = Hello { words: hello::WORDS ^ 1, ..Hello::admit(Role::Operate) };
        let first = accept(&listener, other).await;
        let mut stream = listener.accept().await.unwrap();
        drop(first);
        let mut lines = Vec::new();
        for answer in [
            serde_json::json!({"reply": {"id": 1, "reply": serde_json::to_value(welcome()).unwrap()}}),
            serde_json::json!({"reply": {"id": 2, "reply": "done", "later": true}}),
        ] {
            let mut line = Vec::new();
            while stream.read_buf(&mut line).await.unwrap() > 0 && !line.ends_with(b"\n") {}
            lines.push(serde_json::from_slice::<Request>(&line).unwrap().verb);
            stream
                .write_all(b"{\"event\":{\"seq\":1,\"at_ms\":1,\"body\":{\"not-invented-yet\":{}}}}\n")
                .await
                .unwrap();
            stream.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        }
        assert_eq!(lines, [Verb::Introduce { client: "test".to_owned() }, Verb::Status]);
    };
    let client = async {
        let mut client = Client::connect_as("test", &path, LIMIT).await.unwrap();
        assert_eq!(client.request(Verb::Status).await.unwrap(), Reply::Done);
    };
    tokio::join!(daemon, client);
}
