//! A change of the configuration, value by value: what stood at a path and what will.
//!
//! Used by everything that changes the configuration or compares two of them. Pure: the outcome is
//! text or JSON for `stdout`.

use std::collections::{BTreeMap, BTreeSet};

use poise_ipc::Config;
use poise_ipc::apply::{apply, get};
use poise_ipc::edit::Edit;
use poise_ipc::message::{Applied, WindowStatus};
use poise_ipc::model::Group;
use serde::Serialize;

use super::format::{Column, Format, json, jsonl, tsv};
use super::text::{clean, count, moment};

/// The change of one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    path: String,
    from: Option<String>,
    to: Option<String>,
}

const COLUMNS: &[Column<Change>] = &[
    Column::text("PATH", |c| c.path.clone()),
    Column::text("FROM", |c| c.from.clone().unwrap_or_default()),
    Column::text("TO", |c| c.to.clone().unwrap_or_default()),
];

/// What edits change in a configuration. A whole group is its settings and, one by one, its backends.
pub(super) fn changes(before: &Config, edits: &[Edit]) -> Vec<Change> {
    let after = apply(before, edits).unwrap_or_else(|_| before.clone());
    let paths = edits.iter().flat_map(|edit| paths(edit.path(), [before, &after]));
    paths.map(|path| Change { from: shown(before, &path), to: shown(&after, &path), path }).collect()
}

/// The path of an edit, and for a whole group those of its backends.
fn paths(path: &str, configs: [&Config; 2]) -> Vec<String> {
    let groups = configs.into_iter().filter_map(|config| whole_group(config, path));
    let backends: BTreeSet<_> = groups.flat_map(|group| group.backends.keys()).collect();
    let backends = backends.into_iter().map(|name| format!("{path}.backends.{name}"));
    std::iter::once(path.to_owned()).chain(backends).collect()
}

fn whole_group<'c>(config: &'c Config, path: &str) -> Option<&'c Group> {
    config.groups.get(path.strip_prefix("groups.")?)
}

/// The value at a path; a group without its backends.
fn shown(config: &Config, path: &str) -> Option<String> {
    let Some(group) = whole_group(config, path) else { return get(config, path) };
    let name = path.strip_prefix("groups.")?.parse().ok()?;
    let bare = Group { backends: BTreeMap::new(), ..group.clone() };
    get(&Config { groups: BTreeMap::from([(name, bare)]), ..Config::default() }, path)
}

fn line(change: &Change) -> String {
    let path = &change.path;
    let text = match (&change.from, &change.to) {
        (Some(from), Some(to)) => format!("{path}: {from} -> {to}"),
        (None, Some(to)) => format!("{path}: added {to}"),
        (Some(from), None) => format!("{path}: removed {from}"),
        (None, None) => format!("{path}: removed"),
    };
    format!("{}\n", clean(&text))
}

/// What edits change in a configuration, a line each.
pub(super) fn lines_of(before: &Config, edits: &[Edit]) -> String {
    changes(before, edits).iter().flat_map(|change| ["  ".to_owned(), line(change)]).collect()
}

/// The comparison of two configurations; `edits` in JSON can be given to `poise apply -f`.
#[derive(Serialize)]
struct Comparison<'a> {
    revision: u64,
    changes: &'a [Change],
    edits: &'a [Edit],
}

/// What would have to change at `revision`.
pub(super) fn comparison(format: Format, revision: u64, before: &Config, edits: &[Edit]) -> String {
    let changes = changes(before, edits);
    match format {
        Format::Table | Format::Wide if changes.is_empty() => format!("no difference to revision {revision}\n"),
        Format::Table | Format::Wide => changes.iter().map(line).collect(),
        Format::Tsv => changes.iter().map(|change| tsv(COLUMNS, change)).collect(),
        Format::Json => json(&Comparison { revision, changes: &changes, edits }),
        Format::Jsonl => changes.iter().map(jsonl).collect(),
    }
}

/// The outcome of a commit in JSON.
#[derive(Serialize)]
struct Outcome<'a> {
    revision: u64,
    changed: bool,
    dry_run: bool,
    changes: &'a [Change],
    edits: &'a [Edit],
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<&'a WindowStatus>,
}

/// What a commit has changed, or would have.
pub(super) fn outcome(format: Format, before: &Config, applied: &Applied, dry_run: bool) -> String {
    let changes = changes(before, &applied.edits);
    let Applied { revision, changed, edits, window } = applied;
    let outcome =
        Outcome { revision: *revision, changed: *changed, dry_run, changes: &changes, edits, window: window.as_ref() };
    match format {
        Format::Table | Format::Wide => {
            let head = head(applied, changes.len(), dry_run);
            let lines = changes.iter().map(|change| format!("  {}", line(change)));
            std::iter::once(head).chain(lines).collect()
        }
        Format::Tsv => changes.iter().map(|change| tsv(COLUMNS, change)).collect(),
        Format::Json => json(&outcome),
        Format::Jsonl => jsonl(&outcome),
    }
}

fn head(applied: &Applied, changes: usize, dry_run: bool) -> String {
    let revision = applied.revision;
    match (applied.changed, dry_run) {
        (false, _) => format!("nothing changed, revision {revision}\n"),
        (true, true) => format!("dry run: {} to revision {revision}\n", count(changes, "change")),
        (true, false) => {
            let window = applied.window.as_ref().map_or_else(String::new, |window| {
                format!(", back to {} unless confirmed by {}", window.back_to, moment(window.deadline_ms))
            });
            format!("revision {revision}, {}{window}\n", count(changes, "change"))
        }
    }
}

#[cfg(test)]
mod tests;
