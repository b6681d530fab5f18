//! Many requests of HTTP/2 clients while backends say goodbye: no GET is lost, no POST is sent twice.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};

use super::{h2, h2_to_h2};
use crate::backends::Scripted;
use crate::http::load::moody;
use crate::multiplexed::{Client, get, post, run, text};
use crate::rig::Rig;

/// Connections of clients at once.
const CLIENTS: usize = 4;
/// Requests under way on each.
const STREAMS: usize = 4;

/// How often each target was looked at.
type Seen = Arc<Mutex<HashMap<String, usize>>>;

/// A backend of HTTP/2 whose connections say goodbye after some tens of streams, every other one
/// with a stream that it refuses. It keeps what it has looked at of each target.
fn parting() -> (Scripted, Seen) {
    let seen = Seen::default();
    let (log, served) = (Arc::clone(&seen), AtomicUsize::new(0));
    let backend = Scripted::new(move |stream| {
        let number = served.fetch_add(1, Ordering::SeqCst);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        stream.set_nonblocking(true).expect("an open socket");
        runtime.block_on(async {
            let socket = tokio::net::TcpStream::from_std(stream).expect("a runtime");
            let Ok(mut connection) = h2::server::handshake(socket).await else { return };
            let mut left = 20 + number * 37 % 60;
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                left = left.saturating_sub(1);
                if left == 0 {
                    connection.graceful_shutdown();
                    if number % 2 == 1 {
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                        continue;
                    }
                }
                *log.lock().expect("no panic while held").entry(request.uri().path().to_owned()).or_default() += 1;
                // Whoever asked may have gone.
                if let Ok(mut stream) = respond.send_response(Response::new(()), false) {
                    let _ = stream.send_data(Bytes::from_static(b"a"), true);
                }
            }
        });
    });
    (backend, seen)
}

/// Has clients ask so often in all; says how many were answered with 200, and panics at anything but
/// that and 502.
fn ask_all(rig: &Rig, times: usize, request: impl Fn(&str) -> Request<()> + Copy + 'static) -> usize {
    let address = rig.address_of("front");
    let each = times / CLIENTS / STREAMS;
    run(async {
        let mut streams = Vec::new();
        for number in 0..CLIENTS {
            let client = Client::connect(address).await;
            for stream in 0..STREAMS {
                let client = client.clone();
                let ask = async move { ask(&client, &format!("/{number}-{stream}"), each, request).await };
                streams.push(tokio::task::spawn_local(ask));
            }
        }
        let mut served = 0;
        for stream in streams {
            served += stream.await.expect("no panic");
        }
        served
    })
}

async fn ask(client: &Client, stem: &str, times: usize, request: impl Fn(&str) -> Request<()>) -> usize {
    let mut served = 0;
    for n in 0..times {
        let request = request(&format!("{stem}-{n}"));
        let body = (request.method() == http::Method::POST).then(|| Bytes::from_static(b"hi"));
        let answer = client.ask(request, body).await.expect("an answer");
        match answer.status {
            200 => served += 1,
            other => assert_eq!((other, text(&answer.fields, "x-poise-cause")), (502, "backend-closed")),
        }
    }
    served
}

fn assert_none_twice(seen: &[Seen], served: usize) {
    let mut targets = 0;
    for (target, count) in seen.iter().flat_map(|seen| seen.lock().expect("no panic while held").clone()) {
        targets += 1;
        assert_eq!(count, 1, "{target}");
    }
    assert!(targets >= served, "{targets}");
}

#[test]
fn no_get_of_ten_thousand_is_lost_when_backends_say_goodbye() {
    let backends = [parting().0, parting().0];
    let addresses: [SocketAddr; 2] = backends.each_ref().map(|backend| backend.address);
    let rig = h2_to_h2(&addresses);
    assert_eq!(ask_all(&rig, 10_000, get), 10_000);
    assert_eq!((rig.counters().requests_total, rig.counters().causes), (10_000, vec![]));
    assert!(backends.iter().all(|backend| backend.connections() > 10), "they parted often");
}

#[test]
fn no_post_is_sent_twice_when_backends_say_goodbye() {
    let (backends, seen): (Vec<_>, Vec<_>) = [parting(), parting()].into_iter().unzip();
    let rig = h2_to_h2(&[backends[0].address, backends[1].address]);
    let served = ask_all(&rig, 2_000, post);
    assert_none_twice(&seen, served);
    // What a goodbye leaves out is sent again; a reset may overtake the goodbye, and then only the
    // client may decide to.
    assert!(served > 1_900, "{served}");
}

#[test]
fn no_get_of_ten_thousand_streams_is_lost_when_backends_of_http_1_close() {
    let backends = [moody().0, moody().0];
    let rig = h2(&[backends[0].address, backends[1].address]);
    assert_eq!(ask_all(&rig, 10_000, get), 10_000);
    assert_eq!(rig.counters().causes, []);
}

#[test]
fn no_post_of_a_stream_is_sent_twice_when_backends_of_http_1_close() {
    let (backends, seen): (Vec<_>, Vec<_>) = [moody(), moody()].into_iter().unzip();
    let rig = h2(&[backends[0].address, backends[1].address]);
    let served = ask_all(&rig, 2_000, post);
    assert_none_twice(&seen, served);
}
