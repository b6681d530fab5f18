//! The poise daemon: sockets, HTTP, probes, control and store around the rules of `poise-core`.
//!
//! This file is the wiring diagram. The data path and the probes never name `control`, nor the
//! reverse: they meet here, through the published plan, bounded channels and the live counters.

pub mod control;
pub mod published;
pub mod report;
pub mod store;
