//! The canonical text of a configuration: sorted by name, settings at their default left out.
//!
//! What it prints reads back as the same configuration. Comments of an operator's file are not its
//! business: poised never rewrites that file.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::field::{Entry, Field, Object, Section};
use crate::model::{Group, Listener};
use crate::{Config, Name};

/// A configuration as TOML.
pub fn print(config: &Config) -> String {
    let mut text = String::new();
    for (name, certificate) in &config.certificates {
        table(&mut text, &format!("certificates.{name}"), settings(certificate));
    }
    for (name, listener) in &config.listeners {
        table(&mut text, &format!("listeners.{name}"), settings(listener));
        for (route, settings_of) in &listener.routes {
            table(&mut text, &format!("listeners.{name}.routes.{route}"), settings(settings_of));
        }
    }
    for (name, group) in &config.groups {
        table(&mut text, &format!("groups.{name}"), settings(group));
        if !group.backends.is_empty() {
            let backends = group.backends.iter().map(|(name, backend)| (name.as_str(), object_text(backend)));
            table(&mut text, &format!("groups.{name}.backends"), backends);
        }
    }
    text
}

fn table<K: AsRef<str>>(text: &mut String, path: &str, settings: impl IntoIterator<Item = (K, String)>) {
    let gap = if text.is_empty() { "" } else { "\n" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{gap}[{path}]");
    for (key, value) in settings {
        let _ = writeln!(text, "{} = {value}", key.as_ref());
    }
}

/// The keys and values of an object that are not at their default.
fn settings<T: Object>(object: &T) -> impl Iterator<Item = (&'static str, String)> {
    T::ENTRIES.iter().filter_map(move |entry| match entry {
        Entry::Field(field) => shown(object, field),
        Entry::Section(section) => section_text(object, section).map(|text| (section.key, text)),
    })
}

fn shown<T>(object: &T, field: &Field<T>) -> Option<(&'static str, String)> {
    if field.is_standard(object) { None } else { (field.show)(object).map(|text| (field.key, text)) }
}

/// A section as a table in a line, or as the word `off`; `None` when all of it is at its default.
pub(crate) fn section_text<T>(object: &T, section: &Section<T>) -> Option<String> {
    let settings: Vec<_> = section.fields.iter().filter_map(|field| shown(object, field)).collect();
    match settings.as_slice() {
        [] => None,
        [(_, only)] if only == "\"off\"" => Some(only.clone()),
        _ => Some(inline(settings)),
    }
}

/// An object as a table in a line, without what is within it.
pub(crate) fn object_text<T: Object>(object: &T) -> String {
    inline(settings(object))
}

/// A group with its backends as a table in a line.
pub(crate) fn group_text(group: &Group) -> String {
    let backends = (!group.backends.is_empty()).then(|| ("backends", objects_text(&group.backends)));
    inline(settings(group).chain(backends))
}

/// A listener with its routes as a table in a line.
pub(crate) fn listener_text(listener: &Listener) -> String {
    let routes = (!listener.routes.is_empty()).then(|| ("routes", objects_text(&listener.routes)));
    inline(settings(listener).chain(routes))
}

/// Objects by name as a table in a line.
pub(crate) fn objects_text<T: Object>(objects: &BTreeMap<Name, T>) -> String {
    inline(objects.iter().map(|(name, object)| (name.as_str(), object_text(object))))
}

fn inline<K: AsRef<str>>(settings: impl IntoIterator<Item = (K, String)>) -> String {
    let pairs: Vec<_> = settings.into_iter().map(|(key, value)| format!("{} = {value}", key.as_ref())).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}
