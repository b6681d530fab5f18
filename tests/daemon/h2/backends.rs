//! Backends of HTTP/2, for clients of either version.

use std::io::Write as _;

use bytes::Bytes;
use http::HeaderMap;
use poise_ipc::cause::Cause;

use super::h2_to_h2;
use crate::backends::{Refusing, Scripted, read_to_end, until};
use crate::multiplexed::{Backend, Client, get, pattern, post, read_all, run, text};
use crate::script::{field, read_head, send};

#[test]
fn clients_of_both_versions_share_one_connection_to_the_backend() {
    let backend = Backend::new();
    let rig = h2_to_h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let asked: Vec<_> = (0..100)
            .map(|_| {
                let client = client.clone();
                tokio::task::spawn_local(async move { client.get("/a?b").await })
            })
            .collect();
        for answer in asked {
            let body = answer.await.expect("no panic").expect("a response").body;
            let seen = String::from_utf8(body).expect("text");
            assert!(
                seen.starts_with("GET http://h/a?b ") && seen.contains("\"x-forwarded-for\": \"127.0.0.1\""),
                "{seen}"
            );
        }
    });
    let mut old = rig.connect();
    send(
        &mut old,
        "POST /x HTTP/1.1\r\nHost: shop.test\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    let said = String::from_utf8(read_to_end(&mut old).expect("an orderly end")).expect("text");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("POST http://shop.test/x"), "{said}");
    let asked = said.split_once("POST").expect("the echo").1;
    assert!(!asked.contains("hop\"") && !asked.contains("transfer"), "{asked}");
    assert_eq!((backend.connections(), backend.requests()), (1, 101));
    let counters = rig.counters_of("b0");
    assert_eq!((counters.picks_total, counters.connections_total, counters.connections_open), (101, 1, 1));
}

#[test]
fn messages_pass_both_ways_while_both_sides_go_on() {
    let backend = Backend::new();
    let rig = h2_to_h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let mut sender = client.0.clone().ready().await.expect("a connection");
        let mut request = post("/echo");
        request.headers_mut().insert("te", http::HeaderValue::from_static("trailers"));
        let (response, mut stream) = sender.send_request(request, false).expect("a stream");
        let mut response = response.await.expect("a head before the body");
        for message in 0..100_u8 {
            stream.send_data(Bytes::copy_from_slice(&[message; 7]), false).expect("it is taken");
            let back = response.body_mut().data().await.expect("data").expect("data");
            assert_eq!(back.as_ref(), [message; 7]);
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        stream.send_trailers(trailers.clone()).expect("they are taken");
        assert_eq!(read_all(response.body_mut()).await.expect("the end"), (Vec::new(), Some(trailers)));
    });
}

#[test]
fn large_bodies_pass_whole() {
    let backend = Backend::new();
    let rig = h2_to_h2(&[backend.address]);
    let body = pattern(2_000_003);
    let mut old = rig.connect();
    let head = format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
    let sending = {
        let (mut to, body) = (old.try_clone().expect("a descriptor"), body.clone());
        std::thread::spawn(move || to.write_all(&[head.as_bytes(), &body].concat()))
    };
    let head = read_head(&mut old).expect("a head");
    assert_eq!(field(&head, "transfer-encoding"), Some("chunked"), "{head}");
    // Before HTTP/1.1 there are no chunks: the end of the connection is the end.
    let mut ancient = rig.connect();
    send(&mut ancient, "GET /a HTTP/1.0\r\n\r\n");
    let said = read_to_end(&mut ancient).expect("an orderly end");
    let said = String::from_utf8(said).expect("text");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("GET http://"), "{said}");
    drop(old);
    let _ = sending.join();
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let mut sender = client.0.clone().ready().await.expect("a connection");
        let (response, mut stream) = sender.send_request(post("/echo"), false).expect("a stream");
        let sent = Bytes::from(body.clone());
        let sending = tokio::task::spawn_local(async move {
            crate::multiplexed::send_all(&mut stream, sent).await.expect("it is taken");
            stream.send_data(Bytes::new(), true).expect("the end");
        });
        let mut response = response.await.expect("a head");
        let (back, _) = read_all(response.body_mut()).await.expect("the whole body");
        assert!(back == body, "{} bytes", back.len());
        sending.await.expect("no panic");
    });
}

#[test]
fn what_a_backend_did_not_look_at_is_sent_again_a_post_too() {
    for path in ["/leave", "/refuse"] {
        let backend = Backend::new();
        let rig = h2_to_h2(&[backend.address]);
        run(async {
            let client = Client::connect(rig.address_of("front")).await;
            // So that the connection is one that served others before.
            assert_eq!(client.get("/").await.expect("a response").status, 200);
            let answer = client.ask(post(path), None).await.expect("a response");
            assert_eq!(answer.status, 200, "{path}");
        });
        assert_eq!((backend.connections(), backend.requests()), (2, 2), "{path}");
    }
}

#[test]
fn a_post_that_a_backend_may_have_looked_at_is_not_sent_again() {
    for path in ["/reset", "/die"] {
        let backend = Backend::new();
        let rig = h2_to_h2(&[backend.address]);
        run(async {
            let client = Client::connect(rig.address_of("front")).await;
            assert_eq!(client.get("/").await.expect("a response").status, 200);
            let answer = client.ask(post(path), None).await.expect("an answer");
            assert_eq!((answer.status, text(&answer.fields, "x-poise-cause")), (502, "backend-closed"), "{path}");
        });
        assert_eq!((backend.connections(), rig.count_of(Cause::BackendClosed)), (1, 1), "{path}");
        assert!(backend.requests() <= 2, "{path}");
    }
}

#[test]
fn a_backend_that_does_not_speak_it_or_is_not_there_is_passed_over() {
    let (dead, good) = (Refusing::new(), Backend::new());
    let other = Scripted::saying("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    for bad in [dead.address, other.address] {
        let rig = h2_to_h2(&[bad, good.address]);
        run(async {
            let client = Client::connect(rig.address_of("front")).await;
            for _ in 0..4 {
                assert_eq!(client.get("/").await.expect("a response").status, 200);
            }
        });
    }
}

#[test]
fn a_connection_that_dies_takes_its_streams_and_no_later_ones() {
    let backend = Backend::new();
    let rig = h2_to_h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        assert_eq!(client.get("/").await.expect("a response").status, 200);
        let dead = client.ask(post("/die"), None).await.expect("an answer");
        assert_eq!(dead.status, 502);
        let mut request = get("/");
        request.headers_mut().insert("x-a", http::HeaderValue::from_static("b"));
        assert_eq!(client.ask(request, None).await.expect("a response").status, 200);
    });
    until("nothing is in flight", || rig.counters_of("b0").inflight == 0);
    until("only the living is counted", || rig.counters_of("b0").connections_open == 1);
}
