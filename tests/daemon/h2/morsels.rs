//! Bodies in very many small pieces, as streams of small messages are: at once, and while somebody
//! does not read them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use http::{Request, Response};

use super::streams::echo;
use super::{h2, h2_to_h2};
use crate::backends::{Scripted, until};
use crate::multiplexed::{Backend, Client, get, post, read_all, run, server};

/// A small message.
const MORSEL: &[u8] = b"ten bytes.";
/// Streams that are full of them at once.
const STREAMS: usize = 6;
/// Nothing that can still move waits so long.
const STANDSTILL: Duration = Duration::from_secs(2);

/// Sends messages one by one until no window takes any for a while, or so many; says how many bytes
/// that was.
async fn fill(stream: &mut SendStream<Bytes>, count: usize) -> usize {
    for sent in 0..count {
        stream.reserve_capacity(MORSEL.len());
        while stream.capacity() < MORSEL.len() {
            let room = std::future::poll_fn(|cx| stream.poll_capacity(cx));
            match tokio::time::timeout(STANDSTILL, room).await {
                Ok(Some(room)) => drop(room.expect("the stream lives")),
                Ok(None) => panic!("the stream has gone"),
                Err(_) => return sent * MORSEL.len(),
            }
        }
        stream.send_data(Bytes::from_static(MORSEL), false).expect("the stream lives");
    }
    count * MORSEL.len()
}

#[test]
fn thousands_of_messages_at_once_pass_in_both_directions() {
    let (old, new) = (echo(), Backend::new());
    for rig in [h2(&[old.address]), h2_to_h2(&[new.address])] {
        run(async {
            let client = Client::connect(rig.address_of("front")).await;
            let (response, mut body) = client.0.clone().send_request(post("/echo"), false).expect("a stream");
            let sent = fill(&mut body, 2_000).await;
            body.send_data(Bytes::new(), true).expect("the stream lives");
            let (got, _) = read_all(&mut response.await.expect("a response").into_body()).await.expect("a body");
            assert_eq!((got.len(), sent), (sent, 2_000 * MORSEL.len()));
        });
    }
}

/// A backend of HTTP/2 that serves each stream by this, as soon as it is told to.
fn serving<F: Future<Output = ()> + 'static>(
    go: &Arc<AtomicBool>,
    stream: impl Fn(Request<h2::RecvStream>, h2::server::SendResponse<Bytes>) -> F + Send + Sync + 'static,
) -> Scripted {
    let go = Arc::clone(go);
    Scripted::new(move |socket| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        socket.set_nonblocking(true).expect("an open socket");
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let socket = tokio::net::TcpStream::from_std(socket).expect("a runtime");
            let Ok(mut connection) = server().handshake::<_, Bytes>(socket).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                let (go, served) = (Arc::clone(&go), stream(request, respond));
                tokio::task::spawn_local(async move {
                    while !go.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    served.await;
                });
            }
        });
    })
}

#[test]
fn messages_to_a_backend_that_does_not_read_wait_and_the_connection_lives() {
    let go = Arc::<AtomicBool>::default();
    let backend = serving(&go, |request, mut respond| async move {
        let (body, _) = read_all(&mut request.into_body()).await.expect("a body");
        let mut answer = respond.send_response(Response::new(()), false).expect("the stream lives");
        answer.send_data(body.len().to_string().into(), true).expect("the stream lives");
    });
    let rig = h2_to_h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let begun = (0..STREAMS).map(|_| client.0.clone().send_request(post("/"), false).expect("a stream"));
        let filled: Vec<_> = begun
            .map(|(response, mut body)| {
                tokio::task::spawn_local(async move { (response, fill(&mut body, usize::MAX).await, body) })
            })
            .collect();
        let mut streams = Vec::new();
        for filled in filled {
            streams.push(filled.await.expect("no panic"));
        }
        go.store(true, Ordering::SeqCst);
        for (response, sent, mut body) in streams {
            body.send_data(Bytes::new(), true).expect("the stream lives");
            let (got, _) = read_all(&mut response.await.expect("a response").into_body()).await.expect("a body");
            assert_eq!(got, sent.to_string().into_bytes());
        }
    });
}

#[test]
fn messages_to_clients_that_do_not_read_end_no_stream_of_others_at_the_backend() {
    let (go, sent) = (Arc::new(AtomicBool::new(true)), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&sent);
    let backend = serving(&go, move |request, mut respond| {
        let counted = Arc::clone(&counted);
        async move {
            let mut answer = respond.send_response(Response::new(()), false).expect("the stream lives");
            if request.uri().path() == "/stream" {
                counted.fetch_add(fill(&mut answer, usize::MAX).await, Ordering::SeqCst);
            }
            answer.send_data(Bytes::new(), true).expect("the stream lives");
        }
    });
    let rig = h2_to_h2(&[backend.address]);
    run(async {
        let address = rig.address_of("front");
        let slow = Client::connect(address).await;
        let mut answers = Vec::new();
        for _ in 0..STREAMS {
            let (response, _) = slow.0.clone().send_request(get("/stream"), true).expect("a stream");
            answers.push(response.await.expect("a response").into_body());
        }
        let (other, mut seen) = (Client::connect(address).await, 0);
        // The backend counts a stream once it has found no window for a while.
        while seen == 0 || seen != sent.load(Ordering::SeqCst) {
            seen = sent.load(Ordering::SeqCst);
            assert_eq!(other.get("/").await.expect("a response").status, 200);
            tokio::time::sleep(2 * STANDSTILL).await;
        }
        // All at once: what one does not read keeps the others from the connection's window.
        let read =
            answers.into_iter().map(|mut answer| tokio::task::spawn_local(async move { read_all(&mut answer).await }));
        let mut got = 0;
        for read in read.collect::<Vec<_>>() {
            got += read.await.expect("no panic").expect("a whole body").0.len();
        }
        assert_eq!(got, sent.load(Ordering::SeqCst));
    });
    until("all is over", || rig.counters_of("b0").inflight == 0);
    assert_eq!(backend.connections(), 1, "nobody had to begin anew");
}
