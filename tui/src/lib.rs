//! `poise`: the operator's console and the script client of `poised`.
//!
//! The library holds everything; `main.rs` only hands over. It speaks to a daemon through
//! `poise-ipc` alone and decides nothing about traffic.

pub mod demo;
pub mod safe;
