//! The operator's text with other values in it: comments, order and spacing stay.
//!
//! Pure. A value is changed where it stands; what is written in a short form that cannot hold it (a word
//! for a whole section, a list of routes) is written anew, and no more than that. The outcome is read again
//! and has to mean what was wanted.

use poise_ipc::Config;
use poise_ipc::apply::get;
use poise_ipc::diff::diff;
use poise_ipc::edit::Edit;
use poise_ipc::files::joined;
use poise_ipc::text::parse;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

#[cfg(test)]
mod tests;

/// Writes a configuration into texts that together mean another one; none when that cannot be done by
/// changing values, as in texts that are invalid. What stands in one of them stays in it, what is new goes
/// where its like is, or into the first.
pub(super) fn export(texts: &[&str], wanted: &Config) -> Option<Vec<String>> {
    let mut documents = texts.iter().map(|text| text.parse().ok()).collect::<Option<Vec<DocumentMut>>>()?;
    let mut config = parse(&joined(texts.iter().copied())).ok()?;
    // First value by value, then whole sections, then whole objects.
    for depth in [usize::MAX, 1, 0] {
        for edit in diff(&config, wanted) {
            let path = outward(edit.path(), depth);
            let value = get(wanted, &path);
            put(home(&mut documents, &path)?, &path, value.as_deref(), depth);
        }
        let written: Vec<_> = documents.iter().map(ToString::to_string).collect();
        let Ok(read) = parse(&joined(written.iter().map(String::as_str))) else { continue };
        if read == *wanted {
            return Some(written);
        }
        config = read;
    }
    None
}

/// The document that has the most of a path, the first of those that have as much.
fn home<'a>(documents: &'a mut [DocumentMut], path: &str) -> Option<&'a mut DocumentMut> {
    let keys: Vec<&str> = path.split('.').collect();
    let at = (0..documents.len()).min_by_key(|&at| std::cmp::Reverse(known(&documents[at], &keys)))?;
    documents.get_mut(at)
}

/// How many keys of a path a document has.
fn known(document: &DocumentMut, keys: &[&str]) -> usize {
    let mut table: Option<&dyn TableLike> = Some(document.as_table());
    let has = |key: &&&str| {
        let item = table.and_then(|inner| inner.get(key));
        table = item.and_then(Item::as_table_like);
        item.is_some()
    };
    keys.iter().take_while(has).count()
}

/// The path cut to its object and so many keys of it.
fn outward(path: &str, depth: usize) -> String {
    let keys: Vec<&str> = path.split('.').collect();
    let object: usize = match keys.as_slice() {
        ["groups", _, "backends", _, ..] => 4,
        _ => 2,
    };
    keys[..keys.len().min(object.saturating_add(depth))].join(".")
}

/// Gives the value at a path this text, or removes it. What has no place for it is replaced further out.
fn put(document: &mut DocumentMut, path: &str, value: Option<&str>, depth: usize) {
    let keys: Vec<&str> = path.split('.').collect();
    let Some((last, outer)) = keys.split_last() else { return };
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for key in outer {
        if value.is_none() && !table.contains_key(key) {
            return;
        }
        let entry = table.entry(key).or_insert_with(|| {
            let mut fresh = Table::new();
            // `[groups.app]` needs no `[groups]` before it.
            fresh.set_implicit(true);
            Item::Table(fresh)
        });
        let Some(inner) = entry.as_table_like_mut() else { return };
        table = inner;
    }
    match value {
        None => drop(table.remove(last)),
        Some(text) => set(table, last, text, depth),
    }
}

fn set(table: &mut dyn TableLike, key: &str, text: &str, depth: usize) {
    let mut value: Value = text.parse().unwrap_or_else(|_| Value::from(text));
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        Some(old @ Item::Table(_)) if depth == usize::MAX || depth > 0 => {
            if let (Some(known), Value::InlineTable(new)) = (old.as_table_mut(), value) {
                known.clear();
                known.extend(new.into_iter().map(|(key, value)| (key, Item::Value(value))));
            }
        }
        _ => {
            let item = match value {
                // A listener or group begins a section of its own.
                Value::InlineTable(inline) if has_sections(table) => Item::Table(sectioned(inline.into_table())),
                value => Item::Value(value),
            };
            table.insert(key, item);
        }
    }
}

/// Whether what is in a table stands in sections of its own; so does what is new in an empty one.
fn has_sections(table: &dyn TableLike) -> bool {
    let mut items = table.iter();
    items.next().is_none_or(|(_, item)| item.is_table()) && items.all(|(_, item)| item.is_table())
}

/// Backends and routes of a new object stand in a section below it, one a line.
fn sectioned(mut table: Table) -> Table {
    for key in ["backends", "routes"] {
        if let Some(Item::Value(Value::InlineTable(inline))) = table.get(key).cloned() {
            table.insert(key, Item::Table(inline.into_table()));
        }
    }
    table
}

/// What leads from the file to what it should say: the running values that the file does not have, its own
/// changes kept; or the paths where both have changed.
///
/// # Errors
/// The paths of conflicts.
pub(super) fn brought_in(values: &[poise_ipc::message::Drifted]) -> Result<Vec<Edit>, Vec<String>> {
    let (mut edits, mut conflicts) = (Vec::new(), Vec::new());
    for one in values.iter().filter(|one| one.file != one.running && one.running != one.taken) {
        if one.file != one.taken {
            conflicts.push(one.path.clone());
        }
        edits.push(match &one.running {
            Some(value) => Edit::set(&one.path, value),
            None => Edit::remove(&one.path),
        });
    }
    if conflicts.is_empty() { Ok(edits) } else { Err(conflicts) }
}
