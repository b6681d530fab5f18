//! The seeds of the fuzz targets reach every refusal: a rule that none of them breaks would be fuzzed
//! by luck alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use poise_core::http::bounds::Bounds;
use poise_core::http::fields::FieldStore;
use poise_core::http::framing::{Body, Framing};
use poise_core::http::refusal::Refusal;
use poise_core::http::request::RequestHead;
use poise_core::http::response::{Asked, ResponseHead};
use poise_core::http::scan::Scanner;
use poise_core::proxy::{Invalid, Transport, decode};

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a seed can be read")).collect()
}

/// Follows a body to the end of the seed, which is the end of the stream.
fn follow(framing: Framing, rest: &[u8]) -> Option<Refusal> {
    // The bound of the target, which no other seed comes near.
    let mut body = match Body::within(framing, Some(1 << 20)) {
        Ok(body) => body,
        Err(refusal) => return Some(refusal),
    };
    body.push(rest).and_then(|_| body.end()).err()
}

fn of_request(stream: &[u8]) -> Option<Refusal> {
    let len = match Scanner::default().scan(stream, &Bounds::default()) {
        Ok(len) => len?,
        Err(refusal) => return Some(refusal),
    };
    let mut store = FieldStore::default();
    match RequestHead::parse(&stream[..len], &mut store) {
        Ok(head) => follow(head.framing, &stream[len..]),
        Err(refusal) => Some(refusal),
    }
}

fn of_response(stream: &[u8], asked: Asked) -> Option<Refusal> {
    let len = match Scanner::default().scan(stream, &Bounds::default()) {
        Ok(len) => len?,
        Err(refusal) => return Some(refusal),
    };
    let mut store = FieldStore::default();
    match ResponseHead::parse(&stream[..len], &mut store, asked) {
        Ok(head) => follow(head.framing, &stream[len..]),
        Err(refusal) => Some(refusal),
    }
}

#[test]
fn the_seeds_reach_every_refusal() {
    let requests = seeds("http_request");
    // The first byte of a seed is for the target.
    let requests = requests.iter().filter_map(|seed| of_request(seed.get(1..)?));
    let responses = seeds("http_response");
    let responses = responses.iter().filter_map(|seed| of_response(seed.get(1..)?, Asked::default()));
    let reached: BTreeSet<_> = requests.chain(responses).map(|refusal| format!("{refusal:?}")).collect();
    // Which paths are ambiguous, routes decide, and here are none.
    let due = Refusal::ALL.iter().filter(|refusal| **refusal != Refusal::PathAmbiguous);
    let missing: Vec<_> = due.filter(|refusal| !reached.contains(&format!("{refusal:?}"))).collect();
    assert!(missing.is_empty(), "no seed reaches {missing:?}");
}

#[test]
fn the_seeds_reach_every_fault_of_a_proxy_header() {
    let reached: BTreeSet<_> = seeds("proxy_header")
        .iter()
        .filter_map(|seed| decode(seed, Transport::Stream).err())
        .map(|invalid| format!("{invalid:?}"))
        .collect();
    let missing: Vec<_> = Invalid::ALL.iter().filter(|invalid| !reached.contains(&format!("{invalid:?}"))).collect();
    assert!(missing.is_empty(), "no seed reaches {missing:?}");
}
