//! A probe is shown part by part, and nothing that a terminal obeys gets through.

use poise_ipc::health::Exchange;
use poise_ipc::status::{Phase, Reason, Verdict};

use super::*;

fn answer(verdict: Verdict, phases: Phases, received: &[u8]) -> ProbeAnswer {
    ProbeAnswer {
        address: "10.0.0.1:8080".parse().expect("an address"),
        peer: Some("10.0.0.1:8080".parse().expect("an address")),
        source: Some("10.0.0.9:40000".parse().expect("an address")),
        protocol: CheckProtocol::Http,
        verdict,
        latency_us: 1_234,
        phases,
        exchange: Exchange {
            sent: b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            received: received.to_vec(),
            received_bytes: received.len() as u64,
        },
        replay: "curl -v http://10.0.0.1:8080/".to_owned(),
        way: Some("10.0.0.9".parse().expect("an address")),
        expect: Vec::new(),
    }
}

fn path() -> BackendPath {
    "app/app-1".parse().expect("a path")
}

#[test]
fn people_see_each_part_with_its_time_the_bytes_and_the_line_to_copy() {
    let phases = Phases { connect_us: Some(90), first_byte_us: Some(1_100), rest_us: Some(0), ..Phases::default() };
    let text = told(&path(), &answer(Verdict::Pass { code: Some(200) }, phases, b"HTTP/1.1 200 OK\r\n\r\n"));
    assert_eq!(
        text,
        "app/app-1: http 10.0.0.1:8080\n  from        10.0.0.9:40000\n  connect     90 us\n  first byte  1.1 ms\n  \
         rest        0 us\n  total       1.2 ms\nverdict: pass 200\nsent 28 B:\n  | HEAD / HTTP/1.1\n  | Host: a\n  |\n\
         received 19 B:\n  | HTTP/1.1 200 OK\n  |\nreplay: curl -v http://10.0.0.1:8080/\n"
    );
}

#[test]
fn the_part_that_failed_is_named() {
    let verdict = Verdict::Fail { phase: Phase::Tls, reason: Reason::Expired, code: None };
    let text = told(&path(), &answer(verdict, Phases { connect_us: Some(90), ..Phases::default() }, b""));
    assert!(text.contains("\n  TLS         failed\n") && text.contains("verdict: fail tls expired\n"), "{text}");
    assert!(text.contains("received nothing\n"), "{text}");
}

#[test]
fn what_came_over_the_wire_never_reaches_a_terminal_as_it_is() {
    for received in [&b"\x1b[2J\r\n"[..], b"a\xe2\x80\xaeb", b"\0\x01"] {
        let pass = answer(Verdict::Pass { code: None }, Phases::default(), received);
        for format in [Format::Table, Format::Wide, Format::Tsv, Format::Json, Format::Jsonl] {
            let text = shown(format, &path(), &pass);
            let printable = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
            assert!(text.bytes().all(printable), "{text:?}");
        }
    }
}

#[test]
fn json_is_flat_and_has_the_bytes_and_their_text() {
    let pass = answer(Verdict::Pass { code: Some(200) }, Phases { connect_us: Some(9), ..Phases::default() }, b"a\xff");
    let text = shown(Format::Json, &path(), &pass);
    for part in ["\"passed\": true", "\"connect_us\": 9", "\"received\": \"61ff\"", "\"received_text\": \"a.\""] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn t_07_a_probe_that_was_not_let_in_says_which_address_has_to_be() {
    let silent = Verdict::Fail { phase: Phase::Connect, reason: Reason::Timeout, code: None };
    let silent = ProbeAnswer { source: None, ..answer(silent, Phases::default(), b"") };
    let text = told(&path(), &silent);
    assert!(text.contains("  from        10.0.0.9\n"), "{text}");
    assert!(text.contains("verdict: fail connect timeout\n  nothing answers: "), "{text}");
    assert!(shown(Format::Json, &path(), &silent).contains("\"reading\": \"nothing answers"));
}
