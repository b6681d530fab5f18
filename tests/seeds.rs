//! The seeds of each fuzz target reach every outcome that the target can come to: a rule that none of
//! them breaks would be fuzzed by luck alone.

#![expect(unreachable_pub, reason = "what the fuzz targets share is public to nobody else here")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use poise_core::http::refusal::Refusal;
use poise_core::proxy::Invalid;

#[path = "fuzz/src/lib.rs"]
mod fuzz;

use fuzz::{Spelling, Walk};

/// What a path can be refused for by routes alone: `normal` reaches it.
const OF_ROUTES: Refusal = Refusal::PathAmbiguous;

/// What only the head of a response can be refused for.
const OF_RESPONSES: &[Refusal] = &[Refusal::BodyForbidden, Refusal::StatusCode, Refusal::Switch];

/// What only a request can be refused for; the bodies of responses have no bound.
const OF_REQUESTS: &[Refusal] = &[
    Refusal::Target,
    Refusal::HostMissing,
    Refusal::HostRepeated,
    Refusal::HostInvalid,
    Refusal::HostMismatch,
    Refusal::Expectation,
    Refusal::Connect,
    Refusal::BodyTooLarge,
];

/// What a chunked body can be refused for before its stream ends.
const OF_CHUNKS: &[Refusal] = &[
    Refusal::LineEnd,
    Refusal::Control,
    Refusal::ChunkSize,
    Refusal::ChunkEnd,
    Refusal::Trailer,
    Refusal::BodyTooLarge,
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a seed can be read")).collect()
}

/// The seeds of a target come to all of these outcomes and to nothing else.
fn reach<T: Debug>(target: &str, run: impl Fn(&[u8]) -> Option<T>, outcomes: impl IntoIterator<Item = T>) {
    let words = |outcome: T| format!("{outcome:?}");
    let reached: BTreeSet<String> = seeds(target).iter().filter_map(|seed| run(seed)).map(words).collect();
    let expected: BTreeSet<String> = outcomes.into_iter().map(words).collect();
    assert_eq!(reached, expected, "outcomes of {target}");
}

fn refusals_but(others: &[Refusal]) -> impl Iterator<Item = Refusal> {
    Refusal::ALL.into_iter().filter(move |refusal| *refusal != OF_ROUTES && !others.contains(refusal))
}

#[test]
fn the_seeds_of_heads_reach_every_refusal_of_their_side() {
    reach("http_request", fuzz::request, refusals_but(OF_RESPONSES));
    reach("http_response", fuzz::response, refusals_but(OF_REQUESTS));
}

#[test]
fn the_seeds_of_framing_reach_every_refusal() {
    reach("framing", fuzz::framing, refusals_but(&[]));
    reach("chunk", fuzz::chunk, OF_CHUNKS.iter().copied());
}

#[test]
fn the_seeds_of_proxy_headers_reach_every_fault() {
    reach("proxy_header", fuzz::proxy_header, Invalid::ALL);
}

#[test]
fn the_seeds_of_fields_reach_every_end_of_a_walk_and_every_spelling() {
    reach("forwarded", fuzz::forwarded, [Walk::Stranger, Walk::Client, Walk::Trusted, Walk::Bound, Walk::Round]);
    let spellings = [Spelling::NoHost, Spelling::Normal, Spelling::Host, Spelling::Path, Spelling::Ambiguous];
    reach("normal", fuzz::normal, spellings);
    reach("cookie", |field| Some(fuzz::cookie(field).min(2)), [0, 1, 2]);
}
