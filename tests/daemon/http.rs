//! HTTP through the relay: what a client and a backend see of each other, byte for byte.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use poise_ipc::model::{Persistence, Protocol};

use crate::backends::{Scripted, read_to_end, until};
use crate::rig::{Rig, front, name};
use crate::script::{Named, field, ok, read_head, read_message, send};

fn http(backends: &[SocketAddr]) -> Rig {
    Rig::new(front(Protocol::Http, backends))
}

/// Sends a request and returns head and body of the response.
fn ask(client: &mut TcpStream, request: &str) -> (String, String) {
    send(client, request);
    read_message(client).expect("a response")
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

fn status(head: &str) -> &str {
    &head["HTTP/1.1 ".len()..][..3]
}

#[test]
fn requests_of_one_client_share_one_connection_to_the_backend() {
    let backend = Named::new("a");
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    for _ in 0..3 {
        let (head, body) = ask(&mut client, GET);
        assert_eq!((status(&head), body.as_str()), ("200", "a"));
    }
    assert_eq!(backend.connections(), 1);
    let seen = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nVia: 1.1 poise-";
    assert_eq!(backend.requests().iter().filter(|request| request.starts_with(seen)).count(), 3);
    assert_eq!(rig.counters().requests_total, 3);
    let counters = rig.counters_of("b0");
    assert_eq!((counters.picks_total, counters.responses_total, counters.connections_open), (3, [0, 3, 0, 0, 0], 1));
    until("nothing is in flight", || rig.counters_of("b0").inflight == 0);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let backend = Scripted::new(|mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            let target = head.split(' ').nth(1).expect("a request line").to_owned();
            send(&mut stream, &ok(&target));
        }
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    let many: Vec<_> = (0..500).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: h\r\n\r\n")).collect();
    send(&mut client, &many.concat());
    for n in 0..500 {
        assert_eq!(read_message(&mut client).expect("a response").1, format!("/{n}"));
    }
}

#[test]
fn a_head_may_arrive_byte_by_byte() {
    let backend = Named::new("a");
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    client.set_nodelay(true).expect("an open socket");
    for byte in GET.bytes() {
        client.write_all(&[byte]).expect("the relay reads");
    }
    assert_eq!(read_message(&mut client).expect("a response").1, "a");
}

/// A backend that sends bodies back with the framing they came with.
fn mirror() -> Scripted {
    Scripted::new(|mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            let framing = head.lines().find(|line| line.starts_with("Content-Length") || line.starts_with("Transfer"));
            let framing = framing.expect("a body").to_owned();
            send(&mut stream, &format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
            let mut left: u64 = field(&head, "content-length").map_or(u64::MAX, |n| n.parse().expect("a number"));
            let mut buffer = vec![0; 64 << 10];
            let mut tail = Vec::new();
            while left > 0 && !tail.ends_with(b"0\r\n\r\n") {
                let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let Ok(count @ 1..) = stream.read(&mut buffer[..room]) else { return };
                stream.write_all(&buffer[..count]).expect("the relay reads");
                left -= count as u64;
                tail.extend_from_slice(&buffer[count.saturating_sub(5)..count]);
                tail.drain(..tail.len().saturating_sub(5));
            }
        }
    })
}

#[test]
fn bodies_stream_both_ways_at_once() {
    let backend = mirror();
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    // Far more than all buffers on the way hold, so that it only works if both directions flow.
    let body: Vec<u8> = (0..24_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    for chunk_len in [0, 1_000_000] {
        let mut writer = client.try_clone().expect("a descriptor");
        let sent = &body;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if chunk_len == 0 {
                    send(&mut writer, &format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", sent.len()));
                    writer.write_all(sent).expect("the relay takes it");
                } else {
                    send(&mut writer, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
                    for chunk in sent.chunks(chunk_len) {
                        send(&mut writer, &format!("{:x}\r\n", chunk.len()));
                        writer.write_all(chunk).expect("the relay takes it");
                        send(&mut writer, "\r\n");
                    }
                    send(&mut writer, "0\r\n\r\n");
                }
            });
            let head = read_head(&mut client).expect("a response");
            // It answers before it has everything, so the connection ends with this response.
            assert_eq!(field(&head, "connection"), Some("close"));
            let came = read_to_end(&mut client).expect("an orderly end");
            if chunk_len == 0 {
                assert!(came == *sent, "the body came back changed");
            } else {
                assert!(came.starts_with(b"f4240\r\n") && came.ends_with(b"\r\n0\r\n\r\n"));
                assert_eq!(came.len(), sent.len() + 24 * (7 + 2) + 5);
            }
        });
        client = rig.connect();
    }
}

#[test]
fn large_responses_arrive_whole_at_a_slow_client() {
    let body = "0123456789abcdef".repeat(500_000);
    let answer = ok(&body);
    let backend = Scripted::new(move |mut stream| {
        while read_message(&mut stream).is_ok() {
            send(&mut stream, &answer);
        }
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect_with_window(4_096);
    for _ in 0..2 {
        assert!(ask(&mut client, GET).1 == body, "the body came back changed");
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn head_responses_and_those_without_a_body_end_at_their_head() {
    let backend = Scripted::new(|mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            let answer = match head.split(' ').nth(1) {
                Some("/204") => "HTTP/1.1 204 No Content\r\n\r\n",
                Some("/304") => "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            };
            send(&mut stream, answer);
        }
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    for (request, status_code) in [("HEAD /", "200"), ("GET /204", "204"), ("GET /304", "304"), ("HEAD /", "200")] {
        send(&mut client, &format!("{request} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(status(&read_head(&mut client).expect("a response")), status_code);
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn interim_responses_pass_and_the_body_waits_for_them() {
    let backend = Scripted::new(|mut stream| {
        let head = read_head(&mut stream).expect("a request");
        assert_eq!(field(&head, "expect"), Some("100-continue"));
        send(&mut stream, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
        let mut body = [0; 5];
        stream.read_exact(&mut body).expect("the body");
        send(&mut stream, &ok("thanks"));
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(read_head(&mut client).as_deref(), Ok("HTTP/1.1 100 Continue\r\n\r\n"));
    assert_eq!(read_head(&mut client).as_deref(), Ok("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"));
    let (head, body) = ask(&mut client, "hello");
    assert_eq!((field(&head, "connection"), body.as_str()), (None, "thanks"));
}

#[test]
fn an_early_response_reaches_the_client_and_ends_its_connection() {
    let backend = Scripted::new(|mut stream| {
        read_head(&mut stream).expect("a request");
        send(&mut stream, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin");
    let (head, body) = read_message(&mut client).expect("a response");
    assert_eq!((status(&head), field(&head, "connection"), body.as_str()), ("413", Some("close"), "no"));
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"");
}

#[test]
fn a_client_that_has_ended_its_side_still_gets_its_response() {
    let backend = Named::new("a");
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, GET);
    client.shutdown(Shutdown::Write).expect("an open socket");
    assert_eq!(read_message(&mut client).expect("a response").1, "a");
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"");
}

#[test]
fn an_old_client_gets_its_response_until_close_or_kept_alive() {
    let backend = Named::new("a");
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    for _ in 0..2 {
        let (head, body) = ask(&mut client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!((field(&head, "connection"), body.as_str()), (Some("keep-alive"), "a"));
    }
    let (head, _) = ask(&mut client, "GET / HTTP/1.0\r\n\r\n");
    assert_eq!(field(&head, "connection"), Some("close"));
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"");
    let lone = backend.requests().pop().expect("a request");
    assert!(lone.starts_with("GET / HTTP/1.0\r\n") && field(&lone, "connection") == Some("keep-alive"), "{lone}");
}

#[test]
fn old_clients_share_connections_to_the_backend_and_get_no_chunks() {
    let backend = Scripted::new(|mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            assert!(head.starts_with("GET / HTTP/1.1\r\n") && field(&head, "connection").is_none(), "{head}");
            send(&mut stream, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in ["5\r\nhello\r", "\n6\r\n wor", "ld\r\n0\r\nA: b\r\n\r\n"] {
                std::thread::sleep(Duration::from_millis(1));
                send(&mut stream, piece);
            }
        }
    });
    let rig = http(&[backend.address]);
    for request in ["GET / HTTP/1.0\r\nHost: h\r\n\r\n", "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"]
    {
        let mut client = rig.connect();
        send(&mut client, request);
        let head = read_head(&mut client).expect("a response");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!((field(&head, "transfer-encoding"), field(&head, "connection")), (None, Some("close")));
        assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"hello world");
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn an_old_client_is_not_told_that_a_broken_response_is_whole() {
    let backend = Scripted::new(|mut stream| {
        let _ = read_message(&mut stream);
        send(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, "GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    assert!(read_head(&mut client).expect("a response").starts_with("HTTP/1.1 200"));
    assert!(read_to_end(&mut client).is_err(), "cut short is a reset");
}

#[test]
fn a_response_until_close_ends_with_the_connection() {
    let backend = Scripted::new(|mut stream| {
        read_message(&mut stream).expect("a request");
        send(&mut stream, "HTTP/1.1 200 OK\r\n\r\nuntil close");
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, GET);
    let head = read_head(&mut client).expect("a response");
    assert_eq!(field(&head, "connection"), Some("close"));
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"until close");
}

#[test]
fn a_websocket_becomes_a_tunnel_that_each_side_ends_alone() {
    let backend = Scripted::new(|mut stream| {
        let head = read_head(&mut stream).expect("a request");
        assert_eq!((field(&head, "upgrade"), field(&head, "connection")), (Some("websocket"), Some("upgrade")));
        send(&mut stream, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
        let came = read_to_end(&mut stream).expect("the client ends its side");
        stream.write_all(&came).expect("the other side is open");
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly");
    let head = read_head(&mut client).expect("a response");
    assert_eq!((status(&head), field(&head, "upgrade")), ("101", Some("websocket")));
    send(&mut client, "\0\x01late");
    client.shutdown(Shutdown::Write).expect("an open socket");
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"hiearly\0\x01late");
}

#[test]
fn a_cookie_binds_a_client_to_its_backend() {
    let backends = [Named::new("a"), Named::new("b"), Named::new("c")];
    let mut config = front(Protocol::Http, &backends.each_ref().map(|backend| backend.address));
    let listener = config.listeners.get_mut(&name("front")).expect("the listener");
    listener.persistence = Persistence::cookie_insert("SRV", 5_000);
    let rig = Rig::new(config);
    let mut client = rig.connect();
    for _ in 0..3 {
        let (head, body) = ask(&mut client, GET);
        let cookie = field(&head, "set-cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
        assert!(cookie.starts_with("SRV=") && cookie.len() == 4 + 32, "{cookie}");
        assert_eq!(field(&head, "cache-control"), Some("private"));
        for _ in 0..4 {
            let bound = format!("GET / HTTP/1.1\r\nHost: h\r\nCookie: x=y; {cookie}\r\n\r\n");
            let (head, again) = ask(&mut client, &bound);
            assert_eq!((field(&head, "set-cookie"), &again), (None, &body));
        }
        let (head, _) = ask(&mut client, "GET / HTTP/1.1\r\nHost: h\r\nCookie: SRV=1234\r\n\r\n");
        assert!(field(&head, "set-cookie").is_some(), "a cookie that means nothing is replaced");
    }
    let pinned: u64 = ["b0", "b1", "b2"].iter().map(|name| rig.counters_of(name).pinned_total).sum();
    assert_eq!(pinned, 12);
}

#[test]
fn shares_are_exact_over_keep_alive_clients() {
    let backends = [Named::new("a"), Named::new("b")];
    let mut config = front(Protocol::Http, &backends.each_ref().map(|backend| backend.address));
    let group = config.groups.get_mut(&name("app")).expect("the group");
    group.backends.get_mut(&name("b0")).expect("the backend").weight = 300;
    let rig = Rig::with_workers(config, 2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut client = rig.connect();
            scope.spawn(move || {
                for _ in 0..100 {
                    ask(&mut client, GET);
                }
            });
        }
    });
    assert_eq!(backends.map(|backend| backend.requests().len()), [300, 100]);
}

mod corpus;
mod garbage;
pub mod hostile;
pub mod load;
mod patience;
mod readings;
mod refusals;
mod sequences;
mod stream_corpus;
mod troubles;
