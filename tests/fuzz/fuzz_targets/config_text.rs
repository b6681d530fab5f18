//! Any text is a configuration that prints back as itself, or has faults that all say where.
//!
//! The reader under test is `poise_ipc::text`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poise_ipc::text::{parse, print};

fuzz_target!(|text: &str| match parse(text) {
    Ok(config) => assert_eq!(parse(&print(&config)), Ok(config)),
    Err(faults) => assert!(!faults.is_empty() && faults.iter().all(|fault| fault.place.is_some())),
});
