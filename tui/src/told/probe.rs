//! A probe that somebody asked for, part by part.

use poise_ipc::BackendPath;
use poise_ipc::health::ProbeAnswer;
use poise_ipc::model::Address;
use poise_ipc::status::{Phase, Phases, Verdict};

use super::exchange::{Digits, exchange};
use super::reading::reading;
use crate::verb::text::latency;

/// A probe: where it went, its parts with their times, the verdict, the bytes, and how to do the same.
pub(crate) fn probe(path: &BackendPath, answer: &ProbeAnswer, digits: Digits) -> Vec<String> {
    let mut out = vec![format!("{path}: {} {}", answer.protocol, answer.address)];
    let peer = answer.peer.as_ref().filter(|peer| **peer != answer.address);
    out.extend(peer.map(|peer| format!("  leads to    {peer}")));
    out.extend(from(answer).map(|from| format!("  from        {from}")));
    out.extend(parts(answer).map(|(part, time)| format!("  {part:<11} {time}")));
    out.push(format!("  total       {}", latency(answer.latency_us)));
    out.push(format!("verdict: {}", answer.verdict));
    out.extend(reading(answer).map(|reading| format!("  {reading}")));
    out.extend(exchange(&answer.exchange, digits));
    out.push(format!("replay: {}", safe_whole(&answer.replay)));
    out
}

/// Where a probe comes from: without a port where nothing was connected.
pub(crate) fn from(answer: &ProbeAnswer) -> Option<String> {
    let way = || answer.way.map(|way| way.to_string());
    answer.source.as_ref().map(Address::to_string).or_else(way)
}

/// The parts that there were, and the one that failed.
fn parts(answer: &ProbeAnswer) -> impl Iterator<Item = (&'static str, String)> {
    let Phases { resolve_us, connect_us, tls_us, first_byte_us, rest_us } = answer.phases;
    let failed = match answer.verdict {
        Verdict::Fail { phase, .. } => Some(phase),
        Verdict::Pass { .. } | Verdict::Silent => None,
    };
    let parts = [
        ("resolve", resolve_us, &[Phase::Resolve][..]),
        ("connect", connect_us, &[Phase::Connect]),
        ("TLS", tls_us, &[Phase::Tls]),
        ("first byte", first_byte_us, &[Phase::Send, Phase::Response]),
        ("rest", rest_us, &[Phase::Body]),
    ];
    parts.into_iter().filter_map(move |(part, us, phases)| {
        let is_failed = failed.is_some_and(|failed| phases.contains(&failed));
        let time = us.map(|us| if us == 0 { "0 us".to_owned() } else { latency(us) });
        match (time, is_failed) {
            (Some(time), false) => Some((part, time)),
            (Some(time), true) => Some((part, format!("{time}, failed"))),
            (None, true) => Some((part, "failed".to_owned())),
            (None, false) => None,
        }
    })
}

/// A line that is to be copied is not cut, however long it is.
fn safe_whole(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}
