//! The line of ports and the endless bytes.

use super::{KINDS, PATTERN_PERIOD, addresses, pattern, words};

#[test]
fn the_line_of_ports_reads_as_addresses() {
    let read = addresses("ports 7000,7001").expect("two ports");
    assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:7000", "127.0.0.1:7001"]);
    assert_eq!(addresses("ports 7000,x"), None);
    assert_eq!(addresses("7000"), None);
}

#[test]
fn the_endless_bytes_continue_over_any_cut() {
    let whole = pattern(0, 1_000);
    assert_eq!([pattern(0, 300), pattern(300, 700)].concat(), whole);
    assert_eq!(pattern(1, 999), whole[1..]);
    assert_ne!(pattern(4_096, 100), whole[..100]);
    assert_eq!(pattern(PATTERN_PERIOD as u64, 1_000), whole);
}

#[test]
fn every_kind_has_its_word() {
    assert!(KINDS.iter().all(|(word, kind)| words(*kind, 3)[1..] == [(*word).to_owned(), "3".to_owned()]));
}
