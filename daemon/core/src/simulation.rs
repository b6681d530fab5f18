//! Seeded simulation of the rules: random edits, verdicts and picks under a virtual clock.

mod world;

pub(crate) use world::{World, app, chosen, name};
