//! Probes of every kind: what passes, and how each way to fail is named.

use std::io::{Read, Write};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use poise_ipc::model::{ByteSize, CheckMethod, CheckProtocol, CheckVersion, HealthCheck};
use poise_ipc::status::{Phase, Phases, Reason, Verdict};
use poised::report::ProbeReport;

use super::{Checks, brief, check, fail, found, head};
use crate::backends::{Scripted, read_to_end, reset};
use crate::multiplexed::{Backend, read_all};
use crate::secured::Shelf;

const PASS: Verdict = Verdict::Pass { code: None };
const OK: Verdict = Verdict::Pass { code: Some(200) };

fn report(check: HealthCheck, backend: &Scripted) -> ProbeReport {
    Checks::new(check, &[backend.address]).next()
}

/// Fails although the status code is right.
fn fail_200(phase: Phase, reason: Reason) -> Verdict {
    Verdict::Fail { phase, reason, code: Some(200) }
}

/// Takes a line, then says something.
fn conversing(answer: impl Fn(&mut std::net::TcpStream) + Send + Sync + 'static) -> Scripted {
    Scripted::new(move |mut stream| {
        let mut line = [0; 6];
        if stream.read_exact(&mut line).is_ok() && &line == b"PING\r\n" {
            answer(&mut stream);
        }
    })
}

fn said(edit: impl FnOnce(&mut HealthCheck)) -> HealthCheck {
    let mut check = HealthCheck { send: Some("PING\r\n".to_owned()), ..check(CheckProtocol::Tcp) };
    edit(&mut check);
    check
}

#[test]
fn a_tcp_backend_that_says_what_is_expected_passes() {
    let pong = conversing(|stream| {
        // In two pieces, and the connection stays open.
        let _ = stream.write_all(b"+PO");
        let _ = stream.write_all(b"NG\r\n");
        let _ = read_to_end(stream);
    });
    let report = report(said(|c| c.receive = Some("+PONG".to_owned())), &pong);
    assert_eq!(report.verdict, PASS);
    let exchange = report.exchange.expect("nothing was known before");
    assert!(exchange.sent == b"PING\r\n" && exchange.received.starts_with(b"+PO"), "{exchange:?}");
    assert_eq!(found(said(|c| c.receive_regex = Some("P.NG".to_owned())), pong.address), PASS);
    assert_eq!(found(said(|_| {}), pong.address), PASS, "any reply will do");
    let greeting = Scripted::saying("220 mail.example ESMTP\r\n");
    let mail = HealthCheck { receive: Some("220 ".to_owned()), ..check(CheckProtocol::Tcp) };
    assert_eq!(found(mail, greeting.address), PASS);
}

#[test]
fn a_tcp_backend_that_says_something_else_fails_by_what_it_says() {
    let wants = |c: &mut HealthCheck| c.receive = Some("+PONG".to_owned());
    let of = |answer: fn(&mut std::net::TcpStream), check: HealthCheck| found(check, conversing(answer).address);
    let content = fail(Phase::Response, Reason::Content);
    let wrong: fn(&mut std::net::TcpStream) = |stream| {
        let _ = stream.write_all(b"-LOADING\r\n");
        let _ = read_to_end(stream);
    };
    assert_eq!(of(wrong, said(wants)), content);
    assert_eq!(of(|stream| drop(stream.write_all(b"+PO")), said(wants)), content, "it ended too soon");
    assert_eq!(of(|_| {}, said(wants)), fail(Phase::Response, Reason::Reset), "it said nothing");
    let silent: fn(&mut std::net::TcpStream) = |stream| drop(read_to_end(stream));
    assert_eq!(of(silent, HealthCheck { timeout_ms: 300, ..said(wants) }), fail(Phase::Response, Reason::Timeout));
    let unmatched = said(|c| (c.receive_regex, c.timeout_ms) = (Some("READY".to_owned()), 300));
    assert_eq!(of(wrong, unmatched), content);
    let cut = said(|c| (c.receive_regex, c.receive_max) = (Some("LOADING".to_owned()), ByteSize(4)));
    assert_eq!(of(wrong, cut), content, "it stands behind what is looked at");
}

/// Answers every request with this head and body, and keeps the connection open.
fn page(fields: &'static str, body: Vec<u8>) -> Scripted {
    Scripted::new(move |mut stream| {
        head(&mut stream);
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes());
        let _ = stream.write_all(&body);
        let _ = read_to_end(&mut stream);
    })
}

/// Says this whatever it is asked, and takes all of that: what is left unread would be a reset.
fn clear(words: &'static [u8]) -> Scripted {
    Scripted::new(move |mut stream| {
        let _ = stream.write_all(words);
        let _ = read_to_end(&mut stream);
    })
}

fn get(edit: impl FnOnce(&mut HealthCheck)) -> HealthCheck {
    let mut check = HealthCheck { method: CheckMethod::Get, ..check(CheckProtocol::Http) };
    edit(&mut check);
    check
}

#[test]
fn l_01_a_body_must_contain_the_text_and_match_the_expression() {
    let plain = page("Content-Length: 11\r\n", b"status: ok\n".to_vec());
    let chunked = page("Transfer-Encoding: chunked\r\n", b"6\r\nstatus\r\n5\r\n: ok\n\r\n0\r\n\r\n".to_vec());
    for backend in [&plain, &chunked] {
        assert_eq!(found(get(|c| c.receive = Some("status: ok".to_owned())), backend.address), OK);
        assert_eq!(
            found(get(|c| c.receive_regex = Some("^status: (ok|warm)$".to_owned())), backend.address),
            fail_200(Phase::Body, Reason::Content),
            "a line end stands behind it"
        );
        assert_eq!(found(get(|c| c.receive_regex = Some("(?m)^status: (ok|warm)$".to_owned())), backend.address), OK);
        let wrong = found(get(|c| c.receive = Some("status: up".to_owned())), backend.address);
        assert_eq!(wrong, fail_200(Phase::Body, Reason::Content));
    }
}

#[test]
fn s_40_a_body_behind_the_bound_changes_no_verdict() {
    let long = || [vec![b'.'; 9_000], b"ok".to_vec()].concat();
    let backend = page("Transfer-Encoding: chunked\r\n", [b"232a\r\n", &long()[..], b"\r\n0\r\n\r\n"].concat());
    assert_eq!(found(get(|_| {}), backend.address), OK, "9 KiB where 8 KiB are looked at");
    let behind = |c: &mut HealthCheck| c.receive = Some("ok".to_owned());
    assert_eq!(found(get(behind), backend.address), fail_200(Phase::Body, Reason::Content));
    let wider = get(|c| (c.receive, c.receive_max) = (Some("ok".to_owned()), ByteSize(16 << 10)));
    assert_eq!(found(wider, backend.address), OK);
}

#[test]
fn a_body_that_breaks_off_fails_by_how_unless_it_was_right_already() {
    let breaking = |end: fn(std::net::TcpStream)| {
        Scripted::new(move |mut stream| {
            head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            end(stream);
        })
    };
    let wants = |text: &str| get(|c| (c.receive, c.timeout_ms) = (Some(text.to_owned()), 400));
    let closed = breaking(drop);
    assert_eq!(found(wants("whole"), closed.address), fail_200(Phase::Body, Reason::Reset));
    assert_eq!(found(wants("half"), closed.address), OK);
    let hanging = breaking(|mut stream| drop(read_to_end(&mut stream)));
    assert_eq!(found(wants("whole"), hanging.address), fail_200(Phase::Body, Reason::Timeout));
    assert_eq!(found(wants("half"), hanging.address), OK);
    let broken = page("Transfer-Encoding: chunked\r\n", b"4\r\nhalfXX".to_vec());
    assert_eq!(found(wants("whole"), broken.address), fail_200(Phase::Body, Reason::Garbage));
    let cut = breaking(reset);
    assert!(matches!(found(wants("whole"), cut.address), Verdict::Fail { reason: Reason::Reset, .. }));
}

#[test]
fn s_36_s_37_the_probe_of_the_reference_is_sent_as_it_stands_there() {
    let (tell, told) = std::sync::mpsc::channel();
    let backend = Scripted::new(move |mut stream| {
        let asked = head(&mut stream);
        let found = asked.starts_with("HEAD /test.html HTTP/1.0\r\nHost: www.example\r\n");
        let _ = stream.write_all(if found { b"HTTP/1.0 200 OK\r\n\r\n" } else { b"HTTP/1.0 404 No\r\n\r\n" });
        let _ = tell.send(asked);
    });
    let reference = |path: &str, host: &str| HealthCheck {
        version: CheckVersion::Http10,
        path: path.to_owned(),
        host: Some(host.to_owned()),
        ..check(CheckProtocol::Http)
    };
    assert_eq!(found(reference("/test.html", "www.example"), backend.address), OK);
    let asked = told.recv().expect("it was asked");
    assert!(!asked.contains("Connection:"), "{asked}");
    let missed = Verdict::Fail { phase: Phase::Response, reason: Reason::Code, code: Some(404) };
    assert_eq!(found(reference("/deleted.html", "www.example"), backend.address), missed, "S-37");
    assert_eq!(found(reference("/test.html", "other.example"), backend.address), missed, "S-26");
}

#[test]
fn l_01_a_post_carries_its_body_and_fields_of_the_operators() {
    let (tell, told) = std::sync::mpsc::channel();
    let backend = Scripted::new(move |mut stream| {
        let (asked, mut body) = (head(&mut stream), [0; 8]);
        let _ = stream.read_exact(&mut body).map(|()| tell.send((asked, body)));
        let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let mut post = check(CheckProtocol::Http);
    (post.method, post.send) = (CheckMethod::Post, Some(r#"{"a": 1}"#.to_owned()));
    post.headers = serde_json::from_str(r#"["Content-Type: application/json", "user-agent: mine"]"#).expect("fields");
    assert_eq!(found(post, backend.address), OK);
    let (asked, body) = told.recv().expect("it was asked");
    assert!(asked.starts_with("POST / HTTP/1.1\r\n") && asked.contains("\r\nContent-Length: 8\r\n"), "{asked}");
    assert!(asked.contains("\r\nContent-Type: application/json\r\n"), "{asked}");
    assert!(asked.contains("\r\nuser-agent: mine\r\n") && !asked.contains("poise-check/"), "{asked}");
    assert_eq!(&body, br#"{"a": 1}"#);
    let options = HealthCheck { method: CheckMethod::Options, ..check(CheckProtocol::Http) };
    let lists = Scripted::new(|mut stream| {
        let answer: &[u8] = if head(&mut stream).starts_with("OPTIONS / ") { b"HTTP/1.1 204 -\r\n\r\n" } else { b"" };
        let _ = stream.write_all(answer);
    });
    assert_eq!(found(options, lists.address), Verdict::Pass { code: Some(204) });
}

#[test]
fn l_01_an_http2_probe_asks_with_prior_knowledge_and_reads_the_body() {
    let backend = Backend::new();
    let http2 = |edit: fn(&mut HealthCheck)| {
        let mut check = get(|c| c.version = CheckVersion::Http2);
        edit(&mut check);
        found(check, backend.address)
    };
    assert_eq!(http2(|c| c.receive = Some("GET http://127.0.0.1".to_owned())), OK, "it answers with the request");
    assert_eq!(http2(|c| c.receive = Some("POST".to_owned())), fail_200(Phase::Body, Reason::Content));
    assert_eq!(http2(|c| c.path = "/reset".to_owned()), fail(Phase::Response, Reason::Reset));
    assert_eq!(http2(|c| c.path = "/die".to_owned()), fail(Phase::Response, Reason::Reset));
    let echoed = |c: &mut HealthCheck| {
        (c.method, c.path) = (CheckMethod::Post, "/echo".to_owned());
        (c.send, c.receive) = (Some("ping".to_owned()), Some("ping".to_owned()));
    };
    assert_eq!(http2(echoed), OK);
    let http1 = clear(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let version = HealthCheck { version: CheckVersion::Http2, ..check(CheckProtocol::Http) };
    assert!(matches!(found(version, http1.address), Verdict::Fail { reason: Reason::Garbage, .. }));
}

#[test]
fn l_01_https_speaks_tls_where_the_group_does_not_and_asks_for_a_name() {
    let shelf = Shelf::new();
    shelf.put("old", &["old.test"], (2020, 2024));
    let (tell, told) = std::sync::mpsc::channel();
    let backend = shelf.speaking("old", &["http/1.1"], move |mut stream| {
        let _ = crate::secured::answer(&mut stream, "ok");
        let _ = tell.send(stream.conn.server_name().map(str::to_owned));
    });
    let https = |edit: fn(&mut HealthCheck)| {
        let mut check = check(CheckProtocol::Https);
        edit(&mut check);
        let report = report(check, &backend);
        (report, told.recv().expect("a handshake"))
    };
    let (plain, name) = https(|_| {});
    assert_eq!((plain.verdict, name), (OK, None), "any certificate will do, and an address is no name");
    let Phases { connect_us, tls_us, first_byte_us, rest_us, resolve_us } = plain.phases;
    assert!([connect_us, tls_us, first_byte_us, rest_us].iter().all(Option::is_some), "{:?}", plain.phases);
    assert_eq!(resolve_us, None);
    let sum: u64 = [connect_us, tls_us, first_byte_us, rest_us].into_iter().flatten().sum();
    assert!(sum <= plain.latency_us + 4, "{:?} of {}", plain.phases, plain.latency_us);
    let exchange = plain.exchange.expect("nothing was known before");
    assert!(exchange.sent.starts_with(b"HEAD / HTTP/1.1\r\n"), "{:?}", exchange.sent);
    assert!(exchange.received.starts_with(b"HTTP/1.1 200 OK\r\n"), "{:?}", exchange.received);
    assert_eq!(https(|c| c.host = Some("host.test".to_owned())).1.as_deref(), Some("host.test"));
    let both = https(|c| (c.host, c.server_name) = (Some("host.test".to_owned()), Some("sni.test".to_owned())));
    assert_eq!(both.1.as_deref(), Some("sni.test"));
    let clear = clear(b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(found(check(CheckProtocol::Https), clear.address), fail(Phase::Tls, Reason::Handshake));
    let silent = Scripted::new(|mut stream| drop(read_to_end(&mut stream)));
    assert_eq!(found(brief(CheckProtocol::Https), silent.address), fail(Phase::Tls, Reason::Timeout));
    let gone = Scripted::new(drop);
    assert_eq!(found(check(CheckProtocol::Https), gone.address), fail(Phase::Tls, Reason::Reset));
}

/// A gRPC server that answers the health service with these bytes and this code.
fn health_service(message: &'static [u8], status: &'static str) -> Scripted {
    Scripted::new(move |stream| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        stream.set_nonblocking(true).expect("a socket");
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).expect("a runtime");
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let is_call = request.uri().path() == "/grpc.health.v1.Health/Check"
                    && request.headers().get("content-type").is_some_and(|kind| kind == "application/grpc");
                let mut body = request.into_body();
                let answer = async move {
                    let (asked, _) = read_all(&mut body).await.expect("a message");
                    let known = is_call && asked == b"\0\0\0\0\x06\x0a\x04shop";
                    let head = Response::builder().header("content-type", "application/grpc");
                    let mut stream = respond.send_response(head.body(()).expect("plain"), false).expect("open");
                    let mut trailers = HeaderMap::new();
                    let status = if known { status } else { "5" };
                    trailers.insert("grpc-status", HeaderValue::from_static(status));
                    let _ = stream.send_data(Bytes::from_static(if known { message } else { b"" }), false);
                    let _ = stream.send_trailers(trailers);
                };
                tokio::select! {
                    () = answer => {}
                    _ = std::future::poll_fn(|cx| connection.poll_closed(cx)) => return,
                }
            }
        });
    })
}

#[test]
fn a_grpc_server_passes_when_it_serves_the_service() {
    let grpc = |service: &str| HealthCheck { service: Some(service.to_owned()), ..check(CheckProtocol::Grpc) };
    let serving = health_service(b"\0\0\0\0\x02\x08\x01", "0");
    assert_eq!(found(grpc("shop"), serving.address), OK);
    assert_eq!(found(grpc("cart"), serving.address), fail_200(Phase::Response, Reason::NotServing), "it is unknown");
    let ill = health_service(b"\0\0\0\0\x02\x08\x02", "0");
    assert_eq!(found(grpc("shop"), ill.address), fail_200(Phase::Body, Reason::NotServing));
    let without = health_service(b"", "12");
    assert_eq!(found(grpc("shop"), without.address), fail_200(Phase::Response, Reason::Content));
    assert_eq!(found(grpc("shop"), Backend::new().address), fail_200(Phase::Response, Reason::Garbage), "no gRPC");
    let hanging = Scripted::new(|mut stream| drop(read_to_end(&mut stream)));
    let waiting = HealthCheck { timeout_ms: 300, ..grpc("shop") };
    assert_eq!(found(waiting, hanging.address), fail(Phase::Response, Reason::Timeout));
}

#[test]
fn s_38_a_backend_that_answers_late_fails_by_the_timeout_and_not_before() {
    let late = Scripted::new(|mut stream| {
        head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 ");
        // The peer leaves long before.
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("above zero");
        let _ = read_to_end(&mut stream);
    });
    let report = report(brief(CheckProtocol::Http), &late);
    assert_eq!(report.verdict, fail(Phase::Response, Reason::Timeout));
    assert!(report.latency_us >= 300_000, "{}", report.latency_us);
    assert!(report.phases.first_byte_us.is_some(), "it had begun: {:?}", report.phases);
    assert_eq!(report.exchange.expect("it failed").received, b"HTTP/1.1 ");
}
