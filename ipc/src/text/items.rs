//! Lists of texts: hosts, methods, headers, shares, certificates.
//!
//! What one item may be is its type's; here is what every list has in common. A single text stands
//! for a list of one.

use std::fmt::Display;

use toml::de::DeValue;

use super::value::{Kind, Value, quote, wrong_type};
use crate::fault::Fault;
use crate::limits::ROUTE_ITEMS_MAX;

/// A type that lists are made of.
pub(crate) trait Item: Sized + Display {
    /// What a list may hold, by example.
    const FORM: &'static str;
    /// Items of one list.
    const ITEMS_MAX: usize = ROUTE_ITEMS_MAX;

    /// An item from its text.
    fn of(text: &str) -> Result<Self, Fault>;

    /// Whether an item that was made elsewhere may stand there.
    fn check(&self) -> Result<(), Fault>;

    /// Whether two cannot stand in one list.
    fn clashes(&self, other: &Self) -> bool;
}

impl Kind {
    /// The kind of a list of `T`.
    pub(super) const fn items<T: Item>() -> Self {
        Self::Items(T::FORM)
    }
}

impl<T: Item> Value for Vec<T> {
    fn read(found: &DeValue<'_>, kind: &Kind) -> Result<Self, Fault> {
        let one = |found: &DeValue<'_>| match found {
            DeValue::String(text) => T::of(text.trim()),
            _ => Err(wrong_type(found, "a text").allowed(T::FORM)),
        };
        let items = match found {
            DeValue::Array(nodes) => nodes.iter().map(|node| one(node.get_ref())).collect::<Result<_, _>>()?,
            _ => vec![one(found)?],
        };
        Value::check(&items, kind).map(|()| items)
    }

    fn check(&self, _kind: &Kind) -> Result<(), Fault> {
        if self.len() > T::ITEMS_MAX {
            return Err(Fault::new("", format!("{} items", self.len())).allowed(format!("up to {}", T::ITEMS_MAX)));
        }
        for (at, item) in self.iter().enumerate() {
            item.check()?;
            if let Some(twin) = self[..at].iter().find(|other| other.clashes(item)) {
                let what = if twin.to_string() == item.to_string() {
                    format!("\"{item}\" stands there twice")
                } else {
                    format!("\"{item}\" stands beside \"{twin}\"")
                };
                return Err(Fault::new("", what).hint("remove one of them"));
            }
        }
        Ok(())
    }

    fn show(&self) -> Option<String> {
        let items: Vec<_> = self.iter().map(|item| quote(&item.to_string())).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}
