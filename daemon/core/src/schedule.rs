//! Schedulers: who gets the next connection or request.
//!
//! `rr` and `wrr` walk one exact sequence per group ([`walk`]), handed out in [`chunk`]s and made by
//! an earliest-deadline rule ([`deadline`]); `wlc` compares load ([`load`]), and above a number of
//! backends the load of samples ([`shares`]), `p2c` always that of two; `hash` goes by the client's
//! address ([`rendezvous`]). Nothing here knows about health or admin state: the plan hands over
//! effective weights.

mod choose;
mod chunk;
mod credit;
mod deadline;
mod load;
mod queue;
mod rendezvous;
mod shares;
mod walk;

pub(crate) use choose::Turn;
pub(crate) use load::Loads;
pub(crate) use rendezvous::{Contender, Rendezvous};
pub(crate) use shares::Shares;
pub(crate) use walk::{Entrant, Walk};
