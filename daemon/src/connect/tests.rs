//! What a Unix stream is as one of TCP, and what a full queue means.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn target() -> (tempfile::TempDir, PathBuf, Target) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("back.sock");
    (folder, path.clone(), Target::Unix(path.as_path().into()))
}

#[tokio::test]
async fn a_unix_stream_is_used_like_one_of_tcp_and_options_of_tcp_fail_harmlessly() {
    let (_folder, path, target) = target();
    let backend = UnixListener::bind(&path).expect("a free path");
    let mut stream = connect(&target, Manner::default()).await.expect("it listens");
    let (mut peer, _) = backend.accept().expect("it was connected to");
    // Whoever sets these ignores the outcome or asks for IP first; none may break the stream.
    let socket = SockRef::from(&stream);
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(5));
    let _ = (stream.set_nodelay(true), socket.set_tcp_quickack(true), socket.set_tcp_keepalive(&keepalive));
    let _ = (stream.set_zero_linger(), socket.set_tcp_user_timeout(Some(Duration::from_secs(5))));
    assert!(stream.peer_addr().is_err() && stream.local_addr().is_err(), "it has no address of IP");
    stream.write_all(b"ping").await.expect("an open stream");
    stream.shutdown().await.expect("one direction ends");
    let mut heard = Vec::new();
    peer.read_to_end(&mut heard).expect("an orderly end");
    assert_eq!(heard, b"ping");
    peer.write_all(b"pong").expect("the other direction is open");
    drop(peer);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an orderly end");
    assert_eq!(answer, b"pong");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_given_a_moment_and_then_counts_as_silence() {
    let (_folder, path, target) = target();
    let backend = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None);
    let backend = backend.expect("a socket");
    rustix::net::bind(&backend, &rustix::net::SocketAddrUnix::new(&path).expect("a short path")).expect("a free path");
    rustix::net::listen(&backend, 0).expect("bound");
    let _first = connect(&target, Manner::default()).await.expect("there is room for one");
    let began = tokio::time::Instant::now();
    let refused = connect(&target, Manner::default()).await.expect_err("the queue is full");
    assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    assert!(!crate::shortage::is_shortage(&refused), "it is the backend's shortage, not ours");
    assert!((100..200).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let waits = connect(&target, Manner::default());
    let takes = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        rustix::net::accept(&backend).expect("one waits")
    };
    let (waited, _taken) = tokio::join!(waits, takes);
    waited.expect("room was made in time");
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_refuses() {
    let (_folder, path, target) = target();
    assert_eq!(connect(&target, Manner::default()).await.expect_err("no file").kind(), io::ErrorKind::NotFound);
    drop(UnixListener::bind(&path).expect("a free path"));
    assert_eq!(connect(&target, Manner::default()).await.expect_err("stale").kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_listener_says_when_a_silent_peer_is_given_up() {
    let backend = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = backend.local_addr().expect("it is bound");
    let stream = connect(&Target::Ip(address), Manner::default()).await.expect("it listens");
    let socket = SockRef::from(&stream);
    let name = poise_ipc::Name::new("app").expect("a plain name");
    let mut listener = Listener::new(address, poise_ipc::model::Protocol::Tcp, name);
    watch_peer(&stream, &listener);
    assert!(!socket.keepalive().expect("an open socket"), "the system's own way unless told");
    (listener.keepalive_ms, listener.user_timeout_ms) = (Some(30_000), Some(45_500));
    watch_peer(&stream, &listener);
    assert!(socket.keepalive().expect("an open socket"));
    let times = (socket.tcp_keepalive_time(), socket.tcp_keepalive_interval(), socket.tcp_keepalive_retries());
    let times = (times.0.expect("a time"), times.1.expect("a time"), times.2.expect("a count"));
    assert_eq!(times, (Duration::from_secs(30), Duration::from_secs(30), KEEPALIVE_PROBES));
    assert_eq!(socket.tcp_user_timeout().expect("a time"), Some(Duration::from_millis(45_500)));
}
