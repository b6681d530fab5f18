//! What must hold of the writer, with sockets in memory and a real store: a commit is durable and
//! live or leaves no trace, verdicts never wait for a disk, and nothing is guessed.

mod apart;
mod commits;
mod entries;
mod files;
mod layers;
mod model;
mod names;
mod support;
mod verdicts;
mod windows;
