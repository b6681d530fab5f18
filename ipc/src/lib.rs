//! The words that `poised` and `poise` share: the configuration model with its limits and
//! validation, edits and diffs, status, messages and, behind the feature `transport`, the frames
//! in motion and the client.
//!
//! Nothing here decides how traffic flows (that is `poise-core`) or draws a screen (`poise`).
//! Without the feature `transport` the crate opens no socket and needs no runtime.

pub mod advice;
pub mod apply;
pub mod cause;
#[cfg(feature = "transport")]
pub mod client;
pub mod diff;
pub mod edit;
pub mod entries;
pub mod errors;
pub mod fault;
#[cfg(feature = "transport")]
pub mod files;
pub mod frame;
pub mod health;
pub mod hello;
pub mod limits;
pub mod merge;
pub mod message;
pub mod model;
pub mod name;
pub mod persistence;
pub mod routing;
pub mod status;
pub mod text;
#[cfg(feature = "transport")]
pub mod transport;
pub mod validate;

pub use model::Config;
pub use name::{BackendPath, Name};
