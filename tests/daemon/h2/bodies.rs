//! Bounds of bodies over HTTP/2: how long, how slow, how fast, with backends of either version.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use poise_ipc::cause::Cause;
use poise_ipc::model::{BackendProtocol, Bandwidth, ByteSize, Config, Count};

use super::config;
use super::streams::read_chunk;
use crate::backends::{Scripted, until};
use crate::multiplexed::{Backend, Client, get, pattern, post, read_all, run, text};
use crate::rig::{Rig, name};
use crate::script::{ok, read_head, send};

/// A rig for backends of each version, with these limits. Both begin to answer a request at once if
/// its path is `/echo`; if it is `/sink`, when they have all of it.
fn both(edit: impl Fn(&mut Config)) -> [(Rig, Box<dyn std::any::Any>); 2] {
    let old = Scripted::new(|mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            if head.contains("/echo") {
                send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n012345");
            } else if head.contains("/sink") {
                while read_chunk(&mut stream, &mut Vec::new()) {}
                send(&mut stream, &ok("a"));
            }
        }
    });
    let new = Backend::new();
    let mut configs = [config(&[old.address]), config(&[new.address])];
    configs[1].groups.get_mut(&name("app")).expect("the group").backend_protocol = BackendProtocol::Http2;
    configs.iter_mut().for_each(edit);
    let [to_old, to_new] = configs.map(Rig::new);
    [(to_old, Box::new(old)), (to_new, Box::new(new))]
}

fn limits(config: &mut Config) -> &mut poise_ipc::model::ListenerLimits {
    &mut config.listeners.get_mut(&name("front")).expect("the listener").limits
}

fn started(rig: &Rig) -> bool {
    rig.counters_of("b0").bytes_out_total > 0
}

#[test]
fn a_body_that_grows_too_long_is_refused_where_it_is_passed() {
    for (rig, _backend) in both(|config| limits(config).body_bytes_max = Some(ByteSize(10))) {
        run(async {
            let client = Client::connect(rig.address_of("front")).await;
            let (response, mut body) = client.0.clone().send_request(post("/"), false).expect("a stream");
            body.send_data(Bytes::from_static(b"012345"), false).expect("an open stream");
            // Others have their turn meanwhile, the connection's own task among them.
            while !started(&rig) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            body.send_data(Bytes::from_static(b"01234"), false).expect("an open stream");
            let response = response.await.expect("an answer");
            assert_eq!(
                (response.status().as_u16(), text(response.headers(), "x-poise-cause")),
                (413, "body-too-large")
            );
            read_all(&mut response.into_body()).await.expect("the whole answer");
            let reason = std::future::poll_fn(|cx| body.poll_reset(cx)).await.expect("a reset");
            assert_eq!(reason, h2::Reason::NO_ERROR, "the answer is whole, and no more is wanted");
            let known = client.ask(post("/"), Some(pattern(11).into())).await.expect("an answer");
            assert_eq!(known.status, 413, "the connection lives on");
        });
        until("both are counted", || rig.count_of(Cause::BodyTooLarge) == 2);
        until("nothing is left at the backend", || rig.counters_of("b0").inflight == 0);
    }
}

#[test]
fn a_body_that_grows_too_long_under_its_answer_resets_the_stream_alone() {
    for (rig, _backend) in both(|config| limits(config).body_bytes_max = Some(ByteSize(10))) {
        run(async {
            let client = Client::connect(rig.address_of("front")).await;
            let (response, mut body) = client.0.clone().send_request(post("/echo"), false).expect("a stream");
            body.send_data(Bytes::from_static(b"012345"), false).expect("an open stream");
            let mut answer = response.await.expect("an answer").into_body();
            assert_eq!(answer.data().await.expect("some").expect("data"), &b"012345"[..]);
            body.send_data(Bytes::from_static(b"01234"), false).expect("an open stream");
            let error = answer.data().await.expect("an end").expect_err("it is not whole");
            assert!(error.is_reset() && error.is_remote(), "{error}");
            let other = client.ask(post("/"), Some(pattern(11).into())).await.expect("an answer");
            assert_eq!(other.status, 413, "the connection lives on");
        });
        until("both are counted", || rig.count_of(Cause::BodyTooLarge) == 2);
        until("nothing is left at the backend", || rig.counters_of("b0").inflight == 0);
    }
}

#[test]
fn a_body_that_drips_is_refused_after_the_grace_and_others_go_on() {
    let rigs = both(|config| limits(config).body_rate_min = Count(1_000_000));
    let slow = |rig: &Rig| {
        let address = rig.address_of("front");
        async move {
            let client = Client::connect(address).await;
            let (mut response, mut body) = client.0.clone().send_request(post("/"), false).expect("a stream");
            // Often enough that nobody takes it for idle.
            let status = loop {
                body.send_data(Bytes::from_static(b"0"), false).expect("an open stream");
                if let Ok(response) = tokio::time::timeout(Duration::from_millis(500), &mut response).await {
                    break response.expect("an answer").status().as_u16();
                }
            };
            assert_eq!(status, 408);
        }
    };
    let began = Instant::now();
    run(async { tokio::join!(slow(&rigs[0].0), slow(&rigs[1].0)) });
    let took = began.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(30)).contains(&took), "the grace is 10 s, not {took:?}");
    for (rig, _backend) in &rigs {
        until("it is counted", || rig.count_of(Cause::RequestTimeout) == 1);
    }
}

/// Bytes of a body, of which two at 1 MB/s take about a second.
const LARGE: usize = 500_000;
const BANDWIDTH: Option<Bandwidth> = Some(Bandwidth(8_000_000));

fn takes_its_time(rig: &Rig, request: impl Fn() -> Request<()>, body: Option<&Bytes>, answer_len: usize) {
    let began = Instant::now();
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let (one, other) = tokio::join!(client.ask(request(), body.cloned()), client.ask(request(), body.cloned()));
        assert!([one, other].into_iter().all(|answer| answer.expect("an answer").body.len() >= answer_len));
    });
    assert!(began.elapsed() >= Duration::from_millis(900), "1 MB at 1 MB/s took {:?}", began.elapsed());
}

#[test]
fn bandwidth_bounds_the_streams_of_a_connection_together_in_either_direction() {
    for (rig, _backend) in both(|config| limits(config).bandwidth_in = BANDWIDTH) {
        takes_its_time(&rig, || post("/sink"), Some(&pattern(LARGE).into()), 0);
    }
    let backend = Scripted::new(|mut stream| {
        while read_head(&mut stream).is_ok() {
            send(&mut stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n{}", "a".repeat(LARGE)));
        }
    });
    let mut config = config(&[backend.address]);
    limits(&mut config).bandwidth_out = BANDWIDTH;
    takes_its_time(&Rig::new(config), || get("/"), None, LARGE);
}
