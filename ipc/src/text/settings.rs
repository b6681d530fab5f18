//! The settings of one object as a list, with what each may be: for screens and `poise describe`.
//!
//! From the same table as reading and printing, so a new setting shows everywhere at once.

use super::field::{Entry, Field, Object};
use crate::Config;

/// A setting of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key within the object, as in `weight` or `health_check.interval`.
    pub key: String,
    /// Its value as TOML text; `None` when it is absent.
    pub value: Option<String>,
    /// Whether that is the default.
    pub is_default: bool,
    /// What may stand there.
    pub allowed: String,
    /// What it does, in a sentence.
    pub doc: &'static str,
}

/// Every setting of the object at a path: `listeners.NAME`, `listeners.NAME.routes.NAME`,
/// `groups.NAME`, `groups.NAME.backends.NAME` or `certificates.NAME`. `None` when nothing stands there.
pub fn settings(config: &Config, path: &str) -> Option<Vec<Setting>> {
    let keys: Vec<&str> = path.split('.').collect();
    match keys.as_slice() {
        ["certificates", name] => config.certificates.get(*name).map(of),
        ["listeners", name] => config.listeners.get(*name).map(of),
        ["listeners", listener, "routes", name] => config.listeners.get(*listener)?.routes.get(*name).map(of),
        ["groups", name] => config.groups.get(*name).map(of),
        ["groups", group, "backends", name] => config.groups.get(*group)?.backends.get(*name).map(of),
        _ => None,
    }
}

fn of<T: Object>(object: &T) -> Vec<Setting> {
    let settings = T::ENTRIES.iter().flat_map(|entry| entry.fields().iter().map(move |field| (entry, field)));
    settings.map(|(entry, field)| setting(object, entry, field)).collect()
}

fn setting<T>(object: &T, entry: &Entry<T>, field: &Field<T>) -> Setting {
    let key = match entry {
        Entry::Field(_) => field.key.to_owned(),
        Entry::Section(section) => format!("{}.{}", section.key, field.key),
    };
    Setting {
        key,
        value: (field.show)(object),
        is_default: field.is_standard(object),
        allowed: field.kind.allowed(),
        doc: field.doc,
    }
}
