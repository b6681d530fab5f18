//! The sentence comes first and tells what led there, the rows and the bytes follow; all of it is safe.

use poise_ipc::health::Exchange;
use poise_ipc::status::{CheckRow, Verdict};

use super::*;

const DAY_MS: u64 = 86_400_000;

use crate::verb::fixture::{AT_MS, check_row};

fn passed(seq: u64, last_ms: u64) -> CheckRow {
    CheckRow {
        verdict: Verdict::Pass { code: None },
        first_ms: last_ms,
        last_ms,
        count: 1,
        latency_us_mean: 1_200,
        transition: None,
        health: Health::Up,
        ..check_row(seq, 1)
    }
}

fn down() -> WhyAnswer {
    let turned = check_row(2, 3);
    let up = CheckRow { transition: Some(Health::Up), ..passed(3, AT_MS + 209_000) };
    WhyAnswer {
        at_ms: AT_MS + 30_000,
        health: Health::Down,
        since_ms: AT_MS,
        transition: Some(turned.clone()),
        exchange: Some(Exchange {
            sent: b"HEAD / HTTP/1.1\r\n".into(),
            received: b"\x1b[2J".into(),
            received_bytes: 4,
        }),
        rows: vec![passed(1, AT_MS - 6_000), turned, up.clone()],
        ended: Some(up),
    }
}

#[test]
fn t_15_the_sentence_says_since_when_after_what_and_until_when() {
    assert_eq!(
        sentence(&down()),
        "down since 14:02:08, 3 x fail connect refused; last pass 14:02:02 in 1.2 ms; up again 14:05:37"
    );
    let still = WhyAnswer { ended: None, ..down() };
    assert!(sentence(&still).ends_with("in 1.2 ms"));
    let old = WhyAnswer { at_ms: AT_MS + DAY_MS, ended: None, rows: vec![check_row(2, 3)], ..down() };
    assert_eq!(
        sentence(&old),
        "down since 2026-11-22T14:02:08.122Z, 3 x fail connect refused; not probed since 2026-11-22T14:02:08.122Z"
    );
}

#[test]
fn what_the_log_does_not_know_is_not_made_up() {
    let none =
        WhyAnswer { health: Health::Unknown, transition: None, since_ms: 0, rows: Vec::new(), ended: None, ..down() };
    assert_eq!(sentence(&none), "unknown, the log has nothing of it");
    let early = WhyAnswer { at_ms: AT_MS - 60_000, rows: vec![passed(1, AT_MS)], ..none };
    assert_eq!(sentence(&early), "unknown, the log of it begins 14:02:08");
    let first = WhyAnswer { ended: Some(CheckRow { transition: Some(Health::Up), ..passed(1, AT_MS) }), ..early };
    assert!(sentence(&first).ends_with("; up from 14:02:08"), "{}", sentence(&first));
    let late = WhyAnswer { transition: None, since_ms: 0, rows: vec![check_row(2, 3)], ended: None, ..down() };
    assert_eq!(sentence(&late), "down, since when the log does not say");
}

#[test]
fn every_form_is_safe_and_json_has_the_sentence_and_the_bytes() {
    let path = "app/app-2".parse().expect("a path");
    for format in [Format::Table, Format::Wide, Format::Tsv, Format::Json, Format::Jsonl] {
        let text = shown(format, &path, &down());
        assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')), "{text:?}");
    }
    let people = shown(Format::Table, &path, &down());
    assert!(people.starts_with("app/app-2 at 2026-11-22T14:02:38.122Z: down since 14:02:08"), "{people}");
    assert!(people.contains("sent 17 B:\n  | HEAD / HTTP/1.1\n") && people.contains("received 4 B:"), "{people}");
    let document: serde_json::Value = serde_json::from_str(&shown(Format::Json, &path, &down())).expect("JSON");
    assert_eq!((&document["health"], &document["exchange"]["received"]), (&"down".into(), &"1b5b324a".into()));
    assert_eq!(document["rows"].as_array().map(Vec::len), Some(3));
    assert!(document["sentence"].as_str().is_some_and(|said| said.starts_with("down since")));
}
