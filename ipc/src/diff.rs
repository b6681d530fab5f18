//! The edits that lead from one configuration to another.
//!
//! As fine as possible: a setting where an object stays, a whole object where it comes or goes.
//! `apply(a, diff(a, b))` is `b`. Used for histories, drafts, drift and `poise diff`.

use std::collections::BTreeMap;

use crate::edit::Edit;
use crate::model::{Group, Listener};
use crate::text::{Entry, Field, Object, group_text, listener_text, object_text, value_of};
use crate::{Config, Name};

#[cfg(test)]
mod tests;

/// The edits that lead from `from` to `to`, removals first.
pub fn diff(from: &Config, to: &Config) -> Vec<Edit> {
    let mut edits = Vec::new();
    objects(&mut edits, "certificates", (&from.certificates, &to.certificates), object_text, settings);
    objects(&mut edits, "listeners", (&from.listeners, &to.listeners), listener_text, listener);
    objects(&mut edits, "groups", (&from.groups, &to.groups), group_text, group);
    edits
}

/// The edits between two sets of objects; `text` prints a new one, `changes` compares two.
fn objects<T: PartialEq>(
    edits: &mut Vec<Edit>,
    path: &str,
    (from, to): (&BTreeMap<Name, T>, &BTreeMap<Name, T>),
    text: fn(&T) -> String,
    changes: fn(&mut Vec<Edit>, &str, &T, &T),
) {
    let gone = from.keys().filter(|name| !to.contains_key(*name));
    edits.extend(gone.map(|name| Edit::remove(format!("{path}.{name}"))));
    for (name, new) in to {
        let path = format!("{path}.{name}");
        match from.get(name) {
            None => edits.push(Edit::set(path, text(new))),
            Some(old) if old != new => changes(edits, &path, old, new),
            Some(_) => {}
        }
    }
}

fn listener(edits: &mut Vec<Edit>, path: &str, from: &Listener, to: &Listener) {
    settings(edits, path, &from.bare(), &to.bare());
    objects(edits, &format!("{path}.routes"), (&from.routes, &to.routes), object_text, settings);
}

fn group(edits: &mut Vec<Edit>, path: &str, from: &Group, to: &Group) {
    settings(edits, path, &from.bare(), &to.bare());
    objects(edits, &format!("{path}.backends"), (&from.backends, &to.backends), object_text, settings);
}

/// The edits between two objects, setting by setting. Some settings move others (a protocol its
/// idle timeout), so each is compared with what the edits before it have made.
fn settings<T: Object + Clone>(edits: &mut Vec<Edit>, path: &str, from: &T, to: &T) {
    let mut now = from.clone();
    for entry in T::ENTRIES {
        for field in entry.fields() {
            let path = match entry {
                Entry::Field(_) => format!("{path}.{}", field.key),
                Entry::Section(section) => format!("{path}.{}.{}", section.key, field.key),
            };
            edits.extend(setting(path, field, &mut now, to));
        }
    }
}

fn setting<T>(path: String, field: &Field<T>, now: &mut T, to: &T) -> Option<Edit> {
    let wanted = (field.show)(to);
    if (field.show)(now) == wanted {
        return None;
    }
    let Some(text) = wanted else {
        if let Some(standard) = &field.standard {
            (standard.reset)(now);
        }
        return Some(Edit::remove(path));
    };
    if let Ok(node) = value_of(&text) {
        // What was printed reads back; a value that could not be is caught by validation.
        let _ = (field.read)(now, node.get_ref(), &field.kind);
    }
    Some(Edit::set(path, text))
}
