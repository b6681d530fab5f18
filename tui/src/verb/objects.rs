//! Looks up what a command names: backends, groups, listeners, paths.
//!
//! What is not there becomes a failure with the exit code for it and the nearest name, before the
//! daemon is asked to change anything. Whether a value may stand at a path is the daemon's to say.

use std::collections::BTreeMap;

use poise_ipc::edit::backend_path;
use poise_ipc::model::{Backend, Group, Listener};
use poise_ipc::text::nearest;
use poise_ipc::{BackendPath, Config, Name};

use super::failure::Failure;

/// The backend of that name.
pub(super) fn backend<'c>(config: &'c Config, path: &BackendPath) -> Result<&'c Backend, Failure> {
    let group = group(config, path.group.as_str())?;
    let found = group.backends.get(&path.backend);
    let names = || group.backends.keys().map(|name| format!("{}/{name}", path.group)).collect();
    found.ok_or_else(|| absent("backend", &backend_path(path), &path.to_string(), names()))
}

/// The group of that name.
pub(super) fn group<'c>(config: &'c Config, name: &str) -> Result<&'c Group, Failure> {
    named(&config.groups, "group", name)
}

/// The listener of that name.
pub(super) fn listener<'c>(config: &'c Config, name: &str) -> Result<&'c Listener, Failure> {
    named(&config.listeners, "listener", name)
}

fn named<'c, T>(objects: &'c BTreeMap<Name, T>, what: &str, name: &str) -> Result<&'c T, Failure> {
    let names = || objects.keys().map(Name::to_string).collect();
    objects.get(name).ok_or_else(|| absent(what, &format!("{what}s.{name}"), name, names()))
}

/// The objects that a path leads through: `groups.app.backends.app-1.weight` needs the group and
/// the backend. A whole object may be new, so it is not looked up itself.
pub(super) fn holder(config: &Config, path: &str) -> Result<(), Failure> {
    match path.split('.').collect::<Vec<_>>().as_slice() {
        ["listeners", name, _, ..] => listener(config, name).map(drop),
        ["groups", name, "backends", backend_name, _, ..] => {
            let held = group(config, name)?;
            let names = || held.backends.keys().map(|held| format!("{name}/{held}")).collect();
            let found = held.backends.contains_key(*backend_name);
            let path = format!("groups.{name}.backends.{backend_name}");
            if found { Ok(()) } else { Err(absent("backend", &path, &format!("{name}/{backend_name}"), names())) }
        }
        ["groups", name, _, ..] => group(config, name).map(drop),
        _ => Ok(()),
    }
}

/// The failure that says what is not there and what might have been meant.
pub(super) fn absent(what: &str, path: &str, name: &str, known: Vec<String>) -> Failure {
    let failure = Failure::not_found(path, format!("no {what} {name}"));
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => failure.hint(format!("did you mean {meant}?")),
        None if known.is_empty() => failure,
        None => failure.hint(format!("there is {}", listed(known))),
    }
}

/// The first names of a list, as many as fit a sentence.
fn listed(mut names: Vec<String>) -> String {
    const NAMES_MAX: usize = 8;
    let more = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}

#[cfg(test)]
mod tests;
