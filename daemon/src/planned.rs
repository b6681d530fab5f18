//! Plans for unit tests: a configuration compiled as control does it, on a first look or after another.
//!
//! Nothing is resolved, probed or loaded, so backends count as configured and no listener has
//! certificates. Used by the tests of all modules that read a plan.

use std::collections::{BTreeMap, HashMap};

use poise_core::plan::{Compile, Identities, Plan, compile};
use poise_core::token::TokenKey;
use poise_ipc::{Config, text};

/// Workers that such a plan is for.
const WORKERS: usize = 2;

/// The first plan of a configuration as text.
pub(crate) fn first(toml: &str) -> Plan {
    after(&text::parse(toml).expect("a valid configuration"), &mut Identities::default(), None)
}

/// The plan of a configuration after another; the identities follow.
pub(crate) fn after(config: &Config, identities: &mut Identities, previous: Option<&Plan>) -> Plan {
    *identities = identities.follow(config);
    let input = Compile {
        config,
        identities,
        standings: &HashMap::new(),
        resolved: &HashMap::new(),
        ramps: &HashMap::new(),
        tls: &BTreeMap::new(),
        revision: 1,
        workers: WORKERS,
        key: &TokenKey::new([7; 16]),
    };
    compile(&input, previous)
}
