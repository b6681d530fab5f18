//! Edits applied to a configuration, and values looked up by path.
//!
//! Works on the model, setting by setting, through the table of `text`; a configuration is never
//! printed and read again for it. Publishing, storing and undoing are the daemon's business.

use std::collections::BTreeMap;

use crate::edit::Edit;
use crate::fault::Fault;
use crate::limits::EDITS_MAX;
use crate::text::{
    Entry, Field, Node, Object, Path, Reader, Section, group_text, listener_text, nearest, object_text, objects_text,
    section_text, value_of,
};
use crate::{Config, Name, validate};

#[cfg(test)]
mod tests;

/// Applies edits in order and validates the outcome as a whole.
///
/// An edit of a whole object adds it or takes its place; an edit of a setting needs the object. A
/// group that an edit adds a backend to has to be there, so that a mistyped name adds nothing.
///
/// # Errors
/// Every fault of the edits; where they have none, every fault of the outcome.
pub fn apply(config: &Config, edits: &[Edit]) -> Result<Config, Vec<Fault>> {
    if edits.len() > EDITS_MAX {
        let fault = Fault::new("edits", format!("{} edits at once", edits.len()));
        return Err(vec![fault.allowed(format!("up to {EDITS_MAX}"))]);
    }
    let mut outcome = config.clone();
    let mut reader = Reader::default();
    for edit in edits {
        if let Err(fault) = one(&mut outcome, edit, &mut reader) {
            reader.faults.add(edit.path(), None, fault);
        }
    }
    if !reader.faults.is_empty() {
        return Err(reader.faults.plain());
    }
    let faults = validate::validate(&outcome);
    if faults.is_empty() { Ok(outcome) } else { Err(faults) }
}

fn one(config: &mut Config, edit: &Edit, reader: &mut Reader) -> Result<(), Fault> {
    let keys: Vec<&str> = edit.path().split('.').collect();
    let path = Path::new(edit.path());
    match edit {
        Edit::Set { value, .. } => set(config, &keys, &mut Reading { reader, path, node: &value_of(value)? }),
        Edit::Remove { .. } => remove(config, &keys),
    }
}

/// A value on its way into a configuration.
struct Reading<'a> {
    reader: &'a mut Reader,
    path: Path<'a>,
    node: &'a Node<'a>,
}

fn set(config: &mut Config, keys: &[&str], value: &mut Reading<'_>) -> Result<(), Fault> {
    match keys {
        ["certificates", name] => {
            let certificate = value.reader.object(&value.path, value.node);
            config.certificates.insert(name_of(name)?, certificate);
        }
        ["listeners", name] => {
            let listener = value.reader.listener(&value.path, value.node);
            config.listeners.insert(name_of(name)?, listener);
        }
        ["listeners", listener, "routes"] => {
            let routes = value.reader.routes(&value.path, value.node);
            found_mut(&mut config.listeners, listener, "listener")?.routes = routes;
        }
        ["listeners", listener, "routes", name] => {
            let route = value.reader.object(&value.path, value.node);
            found_mut(&mut config.listeners, listener, "listener")?.routes.insert(name_of(name)?, route);
        }
        ["groups", name] => {
            let group = value.reader.group(&value.path, value.node);
            config.groups.insert(name_of(name)?, group);
        }
        ["groups", group, "backends"] => {
            let backends = value.reader.backends(&value.path, value.node);
            found_mut(&mut config.groups, group, "group")?.backends = backends;
        }
        ["groups", group, "backends", name] => {
            let backend = value.reader.object(&value.path, value.node);
            found_mut(&mut config.groups, group, "group")?.backends.insert(name_of(name)?, backend);
        }
        ["certificates", name, rest @ ..] => {
            set_at(found_mut(&mut config.certificates, name, "certificate")?, rest, value)?;
        }
        ["listeners", listener, "routes", name, rest @ ..] => {
            let listener = found_mut(&mut config.listeners, listener, "listener")?;
            set_at(found_mut(&mut listener.routes, name, "route")?, rest, value)?;
        }
        ["listeners", name, rest @ ..] => set_at(found_mut(&mut config.listeners, name, "listener")?, rest, value)?,
        ["groups", group, "backends", name, rest @ ..] => {
            let group = found_mut(&mut config.groups, group, "group")?;
            set_at(found_mut(&mut group.backends, name, "backend")?, rest, value)?;
        }
        ["groups", name, rest @ ..] => set_at(found_mut(&mut config.groups, name, "group")?, rest, value)?,
        _ => return Err(no_path()),
    }
    Ok(())
}

fn set_at<T: Object>(object: &mut T, keys: &[&str], value: &mut Reading<'_>) -> Result<(), Fault> {
    match setting(keys)? {
        Setting::Field(field) => value.reader.field(object, field, &value.path, value.node),
        Setting::Section(entry, section) => {
            section.reset(object);
            value.reader.entry(object, entry, &value.path, value.node);
        }
    }
    Ok(())
}

fn remove(config: &mut Config, keys: &[&str]) -> Result<(), Fault> {
    match keys {
        ["certificates", name] => taken(&mut config.certificates, name, "certificate"),
        ["listeners", name] => taken(&mut config.listeners, name, "listener"),
        ["listeners", listener, "routes"] => {
            found_mut(&mut config.listeners, listener, "listener")?.routes.clear();
            Ok(())
        }
        ["listeners", listener, "routes", name] => {
            taken(&mut found_mut(&mut config.listeners, listener, "listener")?.routes, name, "route")
        }
        ["groups", name] => taken(&mut config.groups, name, "group"),
        ["groups", group, "backends"] => {
            found_mut(&mut config.groups, group, "group")?.backends.clear();
            Ok(())
        }
        ["groups", group, "backends", name] => {
            taken(&mut found_mut(&mut config.groups, group, "group")?.backends, name, "backend")
        }
        ["certificates", name, rest @ ..] => reset_at(found_mut(&mut config.certificates, name, "certificate")?, rest),
        ["listeners", listener, "routes", name, rest @ ..] => {
            let listener = found_mut(&mut config.listeners, listener, "listener")?;
            reset_at(found_mut(&mut listener.routes, name, "route")?, rest)
        }
        ["listeners", name, rest @ ..] => reset_at(found_mut(&mut config.listeners, name, "listener")?, rest),
        ["groups", group, "backends", name, rest @ ..] => {
            let group = found_mut(&mut config.groups, group, "group")?;
            reset_at(found_mut(&mut group.backends, name, "backend")?, rest)
        }
        ["groups", name, rest @ ..] => reset_at(found_mut(&mut config.groups, name, "group")?, rest),
        _ => Err(no_path()),
    }
}

fn reset_at<T: Object>(object: &mut T, keys: &[&str]) -> Result<(), Fault> {
    match setting(keys)? {
        Setting::Section(_, section) => section.reset(object),
        Setting::Field(Field { standard: Some(standard), .. }) => (standard.reset)(object),
        Setting::Field(_) => {
            let fault = Fault::new("", format!("a {} needs this", T::WHAT));
            return Err(fault.hint("set another value, or remove the whole"));
        }
    }
    Ok(())
}

/// The value at a path as text that [`Edit::Set`] takes: a setting, a section, an object.
///
/// A text stands without quotes wherever it reads back as the same; `None` when nothing is there.
pub fn get(config: &Config, path: &str) -> Option<String> {
    let keys: Vec<&str> = path.split('.').collect();
    match keys.as_slice() {
        ["certificates", name] => config.certificates.get(*name).map(object_text),
        ["certificates", name, rest @ ..] => get_at(config.certificates.get(*name)?, rest),
        ["listeners", name] => config.listeners.get(*name).map(listener_text),
        ["listeners", name, "routes"] => config.listeners.get(*name).map(|listener| objects_text(&listener.routes)),
        ["listeners", listener, "routes", name] => config.listeners.get(*listener)?.routes.get(*name).map(object_text),
        ["listeners", listener, "routes", name, rest @ ..] => {
            get_at(config.listeners.get(*listener)?.routes.get(*name)?, rest)
        }
        ["listeners", name, rest @ ..] => get_at(config.listeners.get(*name)?, rest),
        ["groups", name] => config.groups.get(*name).map(group_text),
        ["groups", name, "backends"] => config.groups.get(*name).map(|group| objects_text(&group.backends)),
        ["groups", group, "backends", name] => config.groups.get(*group)?.backends.get(*name).map(object_text),
        ["groups", group, "backends", name, rest @ ..] => get_at(config.groups.get(*group)?.backends.get(*name)?, rest),
        ["groups", name, rest @ ..] => get_at(config.groups.get(*name)?, rest),
        _ => None,
    }
}

fn get_at<T: Object>(object: &T, keys: &[&str]) -> Option<String> {
    match setting(keys).ok()? {
        Setting::Field(field) => (field.show)(object).map(unquoted),
        Setting::Section(_, section) => {
            let head = section.fields.first()?;
            Some(section_text(object, section).or_else(|| (head.show)(object)).map(unquoted)?)
        }
    }
}

/// A TOML text without its quotes, unless something else would be read without them.
fn unquoted(text: String) -> String {
    let Ok(node) = value_of(&text) else { return text };
    match node.get_ref().as_str() {
        Some(bare) if value_of(bare).is_ok_and(|node| node.get_ref().as_str() == Some(bare)) => bare.to_owned(),
        _ => text.clone(),
    }
}

/// What keys within an object name.
enum Setting<T: 'static> {
    Field(&'static Field<T>),
    Section(&'static Entry<T>, &'static Section<T>),
}

fn setting<T: Object>(keys: &[&str]) -> Result<Setting<T>, Fault> {
    let [key, rest @ ..] = keys else { return Err(no_path()) };
    let entry = T::ENTRIES.iter().find(|entry| entry.key() == *key);
    let entry = entry.ok_or_else(|| unknown(T::WHAT, key, T::keys()))?;
    match (entry, rest) {
        (Entry::Field(field), []) => Ok(Setting::Field(field)),
        (Entry::Section(section), []) => Ok(Setting::Section(entry, section)),
        (Entry::Section(section), [key]) => {
            let field = section.fields.iter().find(|field| field.key == *key);
            field.map(Setting::Field).ok_or_else(|| unknown(section.key, key, section.fields.iter().map(|f| f.key)))
        }
        _ => Err(Fault::new("", format!("nothing stands below {key}"))),
    }
}

fn unknown<'k>(what: &str, key: &str, known: impl Iterator<Item = &'k str>) -> Fault {
    let known: Vec<_> = known.collect();
    let fault = Fault::new("", format!("a {what} has no such key")).allowed(known.join(", "));
    match nearest(key, known) {
        Some(meant) => fault.hint(format!("did you mean {meant}?")),
        None => fault,
    }
}

fn no_path() -> Fault {
    Fault::new("", "nothing can stand at this path")
        .allowed("listeners.NAME, listeners.NAME.routes.NAME, groups.NAME, groups.NAME.backends.NAME, certificates.NAME, each with or without .KEY")
}

fn name_of(text: &str) -> Result<Name, Fault> {
    Name::new(text).map_err(|error| Fault::new("", error.to_string()))
}

/// The object of a name, or the fault that names the nearest one.
fn found_mut<'m, T>(objects: &'m mut BTreeMap<Name, T>, name: &str, what: &str) -> Result<&'m mut T, Fault> {
    if !objects.contains_key(name) {
        return Err(absent(objects, name, what));
    }
    Ok(objects.get_mut(name).expect("the name was found a line ago"))
}

fn taken<T>(objects: &mut BTreeMap<Name, T>, name: &str, what: &str) -> Result<(), Fault> {
    objects.remove(name).map(drop).ok_or_else(|| absent(objects, name, what))
}

fn absent<T>(objects: &BTreeMap<Name, T>, name: &str, what: &str) -> Fault {
    let fault = Fault::new("", format!("no {what} {name:?}"));
    match nearest(name, objects.keys().map(Name::as_str)) {
        Some(meant) => fault.hint(format!("did you mean {meant}?")),
        None => fault,
    }
}
