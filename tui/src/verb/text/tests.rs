//! Values read the same everywhere and nothing of a text is lost.

use super::{clean, count, escaped, latency, moment, size, span};

#[test]
fn moments_are_utc_with_milliseconds() {
    assert_eq!(moment(1_795_356_128_122), "2026-11-22T14:02:08.122Z");
    assert_eq!(moment(1_795_356_128_000), "2026-11-22T14:02:08.000Z");
    assert_eq!(moment(0), "-");
    assert_eq!(moment(u64::MAX), "-");
}

#[test]
fn spans_keep_their_two_largest_units() {
    assert_eq!(span(0), "0ms");
    assert_eq!(span(850), "850ms");
    assert_eq!(span(1_500), "1s");
    assert_eq!(span(61_000), "1m 1s");
    assert_eq!(span(86_400_000), "1d");
    assert_eq!(span(3 * 86_400_000 + 4 * 3_600_000 + 5), "3d 4h");
}

#[test]
fn latencies_and_sizes_carry_their_unit() {
    assert_eq!([latency(0), latency(950), latency(1_300), latency(2_500_000)], ["-", "950 us", "1.3 ms", "2.5 s"]);
    assert_eq!([size(0), size(1_023), size(1_536), size(3 << 30)], ["0 B", "1023 B", "1.5 KiB", "3.0 GiB"]);
    assert_eq!([count(1, "backend"), count(0, "backend")], ["1 backend", "0 backends"]);
}

#[test]
fn text_from_outside_is_made_safe_and_never_cut() {
    assert_eq!(clean("plain"), "plain");
    assert_eq!(clean("a\x1b[31mb\tc\n"), "a^[[31mb^Ic^J");
    let long = "ä".repeat(5_000);
    assert_eq!(clean(&long), long);
}

#[test]
fn json_keeps_its_meaning_and_cannot_write_to_the_terminal() {
    let texts = ["plain", "\u{1b}[2J", "\u{9b}2J", "\u{7f}", "\u{202e}abc", "\u{e0041}", "größer", "世界"];
    let json = escaped(serde_json::to_string(&texts).unwrap());
    assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), texts);
    assert_eq!(clean(&json), json, "nothing is left to make safe");
    assert!(json.contains(r"\u009b2J") && json.contains(r"\udb40\udc41") && json.contains("größer"), "{json}");
}
