//! Streams of clients: one request each, as HTTP/1.1 would have asked it.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::Reason;
use poise_ipc::cause::Cause;

use super::h2;
use crate::backends::{Scripted, read_to_end, until};
use crate::multiplexed::{Client, get, pattern, post, read_all, run, send_all, text};
use crate::script::{Named, ok, read_head, read_message, send};

#[test]
fn a_stream_is_one_request_as_http_1_would_ask_it() {
    let backend = Named::new("a");
    let rig = h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let mut request = get("/p?q");
        for cookie in ["a=1", "b=2"] {
            request.headers_mut().append("cookie", http::HeaderValue::from_static(cookie));
        }
        let answer = client.ask(request, None).await.expect("a response");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"a"[..]));
        assert!(!answer.fields.contains_key("connection"), "{:?}", answer.fields);
    });
    let seen = "GET /p?q HTTP/1.1\r\nHost: h\r\nCookie: a=1; b=2\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nVia: 2.0 poise-";
    assert!(backend.requests()[0].starts_with(seen), "{:?}", backend.requests());
    let counters = rig.counters();
    assert_eq!((counters.requests_total, counters.responses_total), (1, [0, 1, 0, 0, 0]));
    until("the backend's connection rests", || rig.counters_of("b0").inflight == 0);
}

#[test]
fn both_versions_are_served_at_one_address() {
    let backend = Named::new("a");
    let rig = h2(&[backend.address]);
    run(async {
        assert_eq!(Client::connect(rig.address_of("front")).await.get("/").await.expect("a response").status, 200);
    });
    let mut client = rig.connect();
    // A head that begins as the preface does, and in pieces.
    for piece in ["P", "RI", " / HTTP/1.1\r\nHost: h\r\n\r\n"] {
        send(&mut client, piece);
        std::thread::yield_now();
    }
    assert_eq!(read_message(&mut client).expect("a response").1, "a");
    assert!(backend.requests()[1].starts_with("PRI / HTTP/1.1\r\n"));
}

#[test]
fn a_thousand_streams_share_a_connection_and_the_backends_connections() {
    let backend = Named::new("a");
    let rig = h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let asked: Vec<_> = (0..1_000)
            .map(|at| {
                let client = client.clone();
                tokio::task::spawn_local(async move { client.get(&format!("/{at}")).await })
            })
            .collect();
        for answer in asked {
            assert_eq!(answer.await.expect("no panic").expect("a response").body, b"a");
        }
    });
    assert!(backend.connections() <= 100, "{}", backend.connections());
    assert_eq!((rig.counters().requests_total, rig.counters().connections_total), (1_000, 1));
}

/// Sends back each body chunk by chunk, with a trailer.
pub(super) fn echo() -> Scripted {
    Scripted::new(|mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            let length = crate::script::field(&head, "content-length").map(|length| length.parse().expect("a number"));
            let mut body = Vec::new();
            match length {
                Some(length) => {
                    body = vec![0; length];
                    stream.read_exact(&mut body).expect("a body");
                }
                None => while read_chunk(&mut stream, &mut body) {},
            }
            send(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for chunk in body.chunks(100_000) {
                stream
                    .write_all(&[format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
                    .expect("a reader");
            }
            send(&mut stream, "0\r\nX-Sum: 7\r\n\r\n");
        }
    })
}

/// Adds a chunk; false for the last one, with its trailers.
pub(super) fn read_chunk(stream: &mut std::net::TcpStream, into: &mut Vec<u8>) -> bool {
    let line = |stream: &mut std::net::TcpStream| {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a line");
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("text").trim().to_owned()
    };
    let len = usize::from_str_radix(&line(stream), 16).expect("a size");
    if len == 0 {
        while !line(stream).is_empty() {}
        return false;
    }
    let before = into.len();
    into.resize(before + len, 0);
    stream.read_exact(&mut into[before..]).expect("data");
    line(stream).is_empty()
}

#[test]
fn bodies_pass_whole_in_both_directions_with_trailers() {
    let backend = echo();
    let rig = h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        for len in [0, 1, 16_384, 65_535, 65_536, 1_000_003] {
            for announced in [false, true] {
                let mut request = post("/");
                if announced {
                    request.headers_mut().insert("content-length", len.into());
                }
                let body = pattern(len);
                let answer = client.ask(request, Some(body.clone().into())).await.expect("a response");
                assert!(answer.body == body, "{len} bytes, announced: {announced}, {} came", answer.body.len());
                assert_eq!(answer.trailers.expect("trailers")["x-sum"], "7");
            }
        }
    });
}

#[test]
fn a_client_that_does_not_read_holds_back_the_backend_and_nobody_else() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let backend = Scripted::new(move |mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            if head.starts_with("GET /small") {
                send(&mut stream, &ok("small"));
                continue;
            }
            send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
            for _ in 0..100 {
                if stream.write_all(&vec![7; 100_000]).is_err() {
                    return;
                }
                counted.fetch_add(100_000, Ordering::SeqCst);
            }
        }
    });
    let rig = h2(&[backend.address]);
    run(async {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(50_000).initial_connection_window_size(1 << 20);
        let client = Client::with(rig.address_of("front"), &builder).await;
        let mut sender = client.0.clone().ready().await.expect("a connection");
        let (response, _stream) = sender.send_request(get("/large"), true).expect("a stream");
        let mut response = response.await.expect("a head");
        let first = response.body_mut().data().await.expect("data").expect("data");
        for _ in 0..20 {
            assert_eq!(client.get("/small").await.expect("a response").body, b"small");
        }
        let held = sent.load(Ordering::SeqCst);
        assert!(held < 7_000_000, "{held} bytes left the backend for a reader of 50,000");
        response.body_mut().flow_control().release_capacity(first.len()).expect("it came");
        let (rest, _) = read_all(response.body_mut()).await.expect("the whole body");
        assert_eq!(first.len() + rest.len(), 10_000_000);
    });
}

#[test]
fn an_upload_goes_on_while_the_client_does_not_read_the_response() {
    let backend = Scripted::new(|mut stream| {
        read_head(&mut stream).expect("a head");
        // The head of the response and more than the client's window, before the body is read.
        let mut writer = stream.try_clone().expect("a descriptor");
        let writing = std::thread::spawn(move || {
            send(&mut writer, "HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n");
            writer.write_all(&vec![7; 500_000])
        });
        let mut body = vec![0; 3_000_000];
        stream.read_exact(&mut body).expect("the body");
        let _ = writing.join();
        let _ = read_to_end(&mut stream);
    });
    let rig = h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let mut request = post("/");
        request.headers_mut().insert("content-length", 3_000_000.into());
        let mut sender = client.0.clone().ready().await.expect("a connection");
        let (response, mut stream) = sender.send_request(request, false).expect("a stream");
        let mut response = response.await.expect("a head");
        send_all(&mut stream, vec![1; 3_000_000].into()).await.expect("it is taken");
        stream.send_data(Bytes::new(), true).expect("the end");
        assert_eq!(read_all(response.body_mut()).await.expect("a body").0.len(), 500_000);
    });
}

#[test]
fn a_stream_that_the_client_resets_ends_the_request_at_the_backend() {
    let backend = Scripted::new(|mut stream| {
        read_head(&mut stream).expect("a head");
        assert!(matches!(read_to_end(&mut stream), Ok(rest) if rest.is_empty()), "nothing but the end");
    });
    let rig = h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        for with_body in [false, true] {
            let mut sender = client.0.clone().ready().await.expect("a connection");
            let (response, mut stream) = sender.send_request(post("/"), !with_body).expect("a stream");
            let before = backend.connections();
            tokio::task::spawn_blocking({
                let connections = backend.counter();
                move || until("the request is there", || connections.load(Ordering::SeqCst) > before)
            })
            .await
            .expect("no panic");
            stream.send_reset(Reason::CANCEL);
            drop(response);
        }
        // Other streams go on.
        drop(client);
    });
    until("both are counted", || rig.count_of(Cause::ClientClosed) == 2);
    until("nothing is in flight", || rig.counters_of("b0").inflight == 0);
}

#[test]
fn a_response_that_is_cut_short_resets_its_stream_and_no_other() {
    let backend = Scripted::new(|mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            if head.starts_with("GET /cut") {
                send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
                return;
            }
            send(&mut stream, &ok("whole"));
        }
    });
    let rig = h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let error = client.get("/cut").await.expect_err("no whole response");
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
        assert_eq!(client.get("/").await.expect("a response").body, b"whole");
    });
    until("the cause is counted", || rig.count_of(Cause::BackendClosed) == 1);
}

#[test]
fn heads_without_bodies_and_bodies_until_the_end_are_whole_responses() {
    let backend = Scripted::new(|mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            let target = head.split(' ').nth(1).expect("a target");
            match target {
                "/head" => send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
                "/204" => send(&mut stream, "HTTP/1.1 204 No Content\r\n\r\n"),
                "/304" => send(&mut stream, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n"),
                "/hints" => {
                    send(&mut stream, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
                    send(&mut stream, &ok("hinted"));
                }
                _ => return send(&mut stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"),
            }
        }
    });
    let rig = h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let mut head = get("/head");
        *head.method_mut() = http::Method::HEAD;
        let answer = client.ask(head, None).await.expect("a response");
        assert_eq!((text(&answer.fields, "content-length"), answer.body.len()), ("5", 0));
        assert_eq!(client.get("/204").await.expect("a response").status, 204);
        let answer = client.get("/304").await.expect("a response");
        assert_eq!((answer.status, text(&answer.fields, "etag"), answer.body.len()), (304, "\"a\"", 0));
        assert_eq!(client.get("/").await.expect("a response").body, b"until the end");
        let mut sender = client.0.clone().ready().await.expect("a connection");
        let (mut response, _) = sender.send_request(get("/hints"), true).expect("a stream");
        let hint = std::future::poll_fn(|cx| response.poll_informational(cx)).await.expect("a hint").expect("a hint");
        assert_eq!((hint.status().as_u16(), text(hint.headers(), "link")), (103, "</a>"));
        assert_eq!(read_all(response.await.expect("a head").body_mut()).await.expect("a body").0, b"hinted");
    });
}

#[test]
fn without_a_backend_the_stream_is_told_and_the_connection_stays() {
    let mut rig = h2(&[]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        for _ in 0..2 {
            let answer = client.get("/").await.expect("an answer");
            assert_eq!((answer.status, text(&answer.fields, "x-poise-cause")), (503, "no-backend"));
        }
    });
    assert_eq!(rig.count_of(Cause::NoBackend), 2);
    assert_eq!(rig.records(2).len(), 2);
}
