//! The script client as a script sees it: the real program `poise` against a real daemon, both run
//! from the one binary, on loopback and ports of the kernel's choice.

#[path = "rig.rs"]
mod rig;

mod changes;
mod drains;
mod entries;
mod exits;
mod files;
mod listings;
mod streams;
mod trial;
