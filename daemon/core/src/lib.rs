//! The rules of poised: the plan and its schedulers, health, persistence and HTTP/1 framing.
//!
//! Nothing here reads a clock, a file, an environment variable or a socket: time, bytes and seeds
//! are arguments, so every rule can be tested and simulated without the world.

pub mod access;
pub mod balance;
pub mod drain;
pub mod flow;
pub mod forecast;
pub mod health;
pub mod http;
pub mod journal;
pub mod layer;
pub mod limit;
pub mod live;
pub mod networks;
pub mod persistence;
pub mod plan;
pub mod proxy;
pub mod queue;
pub mod ramp;
pub mod route;
mod schedule;
#[cfg(test)]
mod simulation;
pub mod token;
