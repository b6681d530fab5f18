//! Control: the single writer of configuration, identities and health, and what serves it.
//!
//! `command` is how others reach the writer (`reconcile`), `bus` how its events reach readers,
//! `ipc` the socket in front of both. Nothing here carries traffic or probes; the data path never
//! names this module, and `lib.rs` wires them together.

mod audit;
mod blindness;
mod books;
pub mod bus;
pub mod checks;
pub mod command;
mod elsewhere;
pub mod errors;
pub mod file;
pub mod health;
pub mod hook;
mod identities;
pub mod ipc;
pub mod latency;
mod names;
pub mod ports;
mod pulse;
pub mod reconcile;
pub mod records;
mod sources;
pub mod tallies;
mod wires;
