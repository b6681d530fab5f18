//! Command lines, good and bad.

use std::path::PathBuf;
use std::time::Duration;

use super::{Asked, Options, parse};
use crate::proxy::Proxy;

fn read(line: &str) -> Result<Asked, String> {
    parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
}

fn options(line: &str) -> Options {
    match read(line) {
        Ok(Asked::Run(options)) => options,
        other => panic!("{line:?} gave {other:?}"),
    }
}

#[test]
fn nothing_said_measures_everything_against_every_peer() {
    assert_eq!(options(""), Options::default());
    assert_eq!(options("").peers.len(), 3);
}

#[test]
fn workloads_come_in_the_order_of_the_table_however_they_are_named() {
    assert_eq!(options("udp-single,tcp-bulk").workloads, ["tcp-bulk", "udp-single"]);
    assert_eq!(options("udp-single tcp-bulk").workloads, ["tcp-bulk", "udp-single"]);
}

#[test]
fn every_option_arrives() {
    let read =
        options("tcp-small --rounds 6 --seconds 0.5 --peers nginx,haproxy --poised /x/poised --realtime -o json");
    let wanted = Options {
        workloads: vec!["tcp-small"],
        rounds: 6,
        length: Duration::from_millis(500),
        peers: vec![Proxy::Nginx, Proxy::Haproxy],
        poised: Some(PathBuf::from("/x/poised")),
        realtime: true,
        json: true,
    };
    assert_eq!(read, wanted);
    assert!(options("--peers none").peers.is_empty());
}

#[test]
fn a_mistake_is_answered_with_what_is_allowed() {
    let mistakes = [
        ("tcp-bluk", "known are tcp-bulk"),
        ("--rounds 0", "1 to 100"),
        ("--rounds", "lacks a value"),
        ("--seconds 1000", "0.1 to 60"),
        ("--seconds NaN", "0.1 to 60"),
        ("--peers envoy", "haproxy, haproxy-splice, nginx, none"),
        ("-o xml", "table or json"),
        ("--frobnicate 1", "not known"),
    ];
    for (line, hint) in mistakes {
        let fault = read(line).expect_err(line);
        assert!(fault.contains(hint), "{line:?} answered {fault:?}");
    }
}

#[test]
fn help_and_list_are_texts() {
    assert!(matches!(read("--help"), Ok(Asked::Text(text)) if text.contains("--rounds")));
    assert!(matches!(read("--list"), Ok(Asked::Text(text)) if text.contains("udp-batched")));
}
