//! Answers of the daemon about health as people read them: the same words in the console and from
//! the verbs.
//!
//! Lines without ends and without colour; what came over the wire is made safe here.

pub(crate) mod balance;
mod exchange;
pub(crate) mod plan;
mod probe;
mod reading;
mod why;

pub(crate) use self::exchange::{Digits, exchange};
pub(crate) use self::probe::{from, probe};
pub(crate) use self::reading::reading;
pub(crate) use self::why::why;
