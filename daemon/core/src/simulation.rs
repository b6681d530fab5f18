//! Seeded simulation of the rules: random edits, verdicts, clients and picks under a virtual clock.
//!
//! Every run holds the invariants after every step; a failure prints its seed, and the same seed
//! gives the same run. Nothing here knows sockets: what the daemon does with a plan is its own.

mod clients;
mod flows;
mod oracle;
mod random;
mod run;
mod world;

pub(crate) use world::{CLIENT, World, app, chosen, name};

/// Runs of one test.
const SEEDS: u64 = 256;

/// Prints the seed of a run that fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the simulation failed with seed {}", self.0);
        }
    }
}

#[test]
fn the_rules_hold_whatever_happens() {
    for seed in 0..SEEDS {
        let _seed = Seed(seed);
        run::Run::new(seed).steps(150);
    }
}

#[test]
fn a_source_table_is_right_and_never_passes_its_cap() {
    for seed in 0..SEEDS {
        let _seed = Seed(seed);
        clients::run(seed, 600);
    }
}

#[test]
fn flows_are_kept_bounded_and_closed_whatever_the_network_does() {
    for seed in 0..SEEDS {
        let _seed = Seed(seed);
        flows::Flows::new(seed).play(1_500);
    }
}
