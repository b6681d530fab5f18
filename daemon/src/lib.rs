//! The poise daemon: sockets, HTTP, probes, control and store around the rules of `poise-core`.
//!
//! This file is the wiring diagram. The data path and the probes never name `control`, nor the
//! reverse: they meet here, through the published plan, bounded channels and the live counters.

pub mod control;
pub mod demo;
pub mod l4;
pub mod l7;
pub mod listen;
pub mod published;
pub mod records;
pub mod report;
pub mod store;
pub mod worker;
