//! The configuration as operators write it: TOML text to [`Config`](crate::Config) and back.
//!
//! Every setting is defined once, in `fields`, and read, checked, printed, suggested and documented
//! from there. Reading collects every fault with its place before it says anything. This module
//! opens no file; `poised`, `poise config` and the store hand it the text. Durations become numbers
//! here and nowhere else.

pub(crate) mod address;
mod as_text;
mod checks;
mod codes;
mod duration;
mod fault;
mod field;
mod fields;
mod items;
mod moment;
mod nearest;
pub(crate) mod networks;
mod numbers;
mod path;
mod print;
mod read;
mod reference;
pub(crate) mod routes;
mod settings;
mod texts;
mod value;
mod words;

pub use duration::{duration, duration_text};
pub use moment::moment;
pub use nearest::nearest;
pub use numbers::size;
pub use print::print;
pub use read::parse;
pub use reference::reference;
pub use settings::{Setting, settings};

pub(crate) use as_text::as_text;
pub(crate) use field::{Entry, Field, Object, Section};

pub(crate) use path::Path;
pub(crate) use print::{group_text, listener_text, object_text, objects_text, section_text};
pub(crate) use read::{Node, Reader, value_of};

#[cfg(test)]
pub(crate) mod tests;
