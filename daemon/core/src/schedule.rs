//! Schedulers: who gets the next connection or request.
//!
//! `rr` and `wrr` walk one exact sequence per group ([`walk`]), made by an earliest-deadline rule
//! ([`deadline`]); `wlc` compares load and uses the sequence for samples ([`choose`]). Nothing here
//! knows about health or admin state: the plan hands over effective weights.

mod choose;
mod deadline;
mod walk;

pub(crate) use choose::Aside;
pub(crate) use walk::{Entrant, Walk};
