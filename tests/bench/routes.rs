//! What finding a route costs: nanoseconds per request with one rule and with 1,000 of each kind.
//!
//! Prints a table; it is no test. `cargo bench -p poise-core --bench routes`. The request is one that
//! a rule in the middle takes, and one that none takes.

use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use poise_core::persistence::PersistencePlan;
use poise_core::route::{Asking, RoutePlan, Routes};
use poise_ipc::Name;
use poise_ipc::model::{HeaderMatch, Route};

const SIZES: [usize; 3] = [1, 100, 1_000];
const REQUESTS: u32 = 100_000;
/// Measurements of each cell; the median is printed.
const ROUNDS: usize = 5;

/// How a rule is made, and the request that it takes: host and path.
struct Kind {
    name: &'static str,
    rule: fn(usize) -> Route,
    asked: fn(usize) -> (String, String),
}

const KINDS: [Kind; 5] = [
    Kind { name: "exact hosts", rule: exact, asked: |n| (format!("h{n}.example.com"), "/cart/item".to_owned()) },
    Kind { name: "wildcards", rule: wildcard, asked: |n| (format!("a.b.h{n}.example.com"), "/cart/item".to_owned()) },
    Kind {
        name: "prefixes of a host",
        rule: prefix,
        asked: |n| ("shop.example.com".to_owned(), format!("/p{n}/item")),
    },
    Kind {
        name: "regexes of a host",
        rule: regex,
        asked: |n| ("shop.example.com".to_owned(), format!("/r{n}/12/item")),
    },
    Kind { name: "a mixture", rule: mixed, asked: |n| KINDS[n % 4].asked_by(n) },
];

impl Kind {
    fn asked_by(&self, n: usize) -> (String, String) {
        (self.asked)(n)
    }
}

fn exact(n: usize) -> Route {
    Route { hosts: vec![format!("h{n}.example.com").parse().expect("a host")], ..Route::default() }
}

fn wildcard(n: usize) -> Route {
    Route { hosts: vec![format!("*.h{n}.example.com").parse().expect("a host")], ..Route::default() }
}

fn of_shop() -> Route {
    Route { hosts: vec!["shop.example.com".parse().expect("a host")], ..Route::default() }
}

fn prefix(n: usize) -> Route {
    Route { path_prefix: Some(format!("/p{n}")), ..of_shop() }
}

fn regex(n: usize) -> Route {
    Route { path_regex: Some(format!("/r{n}/[0-9]+/.*")), ..of_shop() }
}

fn mixed(n: usize) -> Route {
    (KINDS[n % 4].rule)(n)
}

struct Asked(String, String);

impl Asking for Asked {
    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn host(&self) -> Option<&[u8]> {
        Some(self.0.as_bytes())
    }

    fn target(&self) -> &[u8] {
        self.1.as_bytes()
    }

    fn has(&self, _: &HeaderMatch) -> bool {
        false
    }
}

fn table(rule: fn(usize) -> Route, size: usize) -> Routes {
    let plan = |name: Option<Name>, route| {
        Arc::new(RoutePlan::new((name, route), Box::default(), PersistencePlan::Off, (None, None)))
    };
    let name = |n: usize| Name::new(&format!("r{n}")).expect("a plain name");
    Routes::new((0..size).map(|n| plan(Some(name(n)), rule(n))).collect(), plan(None, Route::default()))
}

/// Nanoseconds of one search, the median of the rounds.
fn search_ns(routes: &Routes, (host, target): (String, String)) -> u128 {
    let asked = Asked(host, target);
    let mut rounds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..REQUESTS {
                let _ = black_box(routes.find(black_box(&asked)));
            }
            begun.elapsed().as_nanos() / u128::from(REQUESTS)
        })
        .collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:<20} {:>7} {:>12} {:>12} {:>14}", "rules", "count", "taken, ns", "missed, ns", "build, us")?;
    for Kind { name, rule, asked } in KINDS {
        for size in SIZES {
            let begun = Instant::now();
            let routes = table(rule, size);
            let built_us = begun.elapsed().as_micros();
            let taken = search_ns(&routes, asked(size / 2));
            let missed = search_ns(&routes, ("none.example.org".to_owned(), "/none/item".to_owned()));
            writeln!(out, "{name:<20} {size:>7} {taken:>12} {missed:>12} {built_us:>14}")?;
        }
    }
    Ok(())
}
