//! The reference of the configuration, made from the table of settings.
//!
//! A test compares `assets/config-reference.md` with it, so that the file cannot go stale.

use std::fmt::Write;

use super::field::{Entry, Field, Object};
use crate::model::{Backend, Certificate, Group, Listener, Protocol, Route};

const OPENING: &str = "# Configuration reference

Made from the table of settings in `ipc/src/text/fields`; a test keeps the two equal.

A configuration is TOML. Names are 1 to 64 letters, digits, `-` and `_`, starting with a letter or
digit. Durations are texts with a unit: `\"500ms\"`, `\"2s\"`, `\"15m\"`, `\"1h 30m\"`. Every value has a
path, as in `groups.app.backends.app-1.weight`: faults, edits, diffs and `poise set` use it.
";

/// The reference as Markdown.
pub fn reference() -> String {
    let mut text = OPENING.to_owned();
    let of = |protocol| Listener {
        idle_timeout_ms: Protocol::idle_timeout_ms_default(protocol),
        protocol,
        ..Listener::blank()
    };
    object::<Listener>(
        &mut text,
        "Listeners: `[listeners.NAME]`",
        &[("tcp", of(Protocol::Tcp)), ("http", of(Protocol::Http)), ("udp", of(Protocol::Udp))],
    );
    object::<Route>(&mut text, "Routes: `[listeners.NAME.routes.NAME]`", &[("", Route::blank())]);
    object::<Group>(&mut text, "Groups: `[groups.NAME]`", &[("", Group::blank())]);
    object::<Backend>(&mut text, "Backends: `NAME = { ... }` in `[groups.NAME.backends]`", &[("", Backend::blank())]);
    object::<Certificate>(&mut text, "Certificates: `[certificates.NAME]`", &[("", Certificate::blank())]);
    text
}

/// A table of an object's settings; `samples` have every setting, each with what it stands for.
fn object<T: Object + Clone>(text: &mut String, title: &str, samples: &[(&str, T)]) {
    heading(text, title, "");
    for entry in T::ENTRIES {
        if let Entry::Field(field) = entry {
            row(text, field, samples);
        }
    }
    for entry in T::ENTRIES {
        if let Entry::Section(section) = entry {
            heading(text, &format!("{} of a {}: `{} = {{ ... }}`", section.key, T::WHAT, section.key), section.doc);
            section.fields.iter().for_each(|field| row(text, field, samples));
        }
    }
}

fn heading(text: &mut String, title: &str, doc: &str) {
    let gap = if doc.is_empty() { "" } else { "\n\n" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n## {title}{gap}{doc}\n\n| key | allowed | default | meaning |\n|---|---|---|---|");
}

fn row<T: Clone>(text: &mut String, field: &Field<T>, samples: &[(&str, T)]) {
    let allowed = field.kind.allowed().replace('|', "\\|");
    let _ = writeln!(text, "| `{}` | {allowed} | {} | {} |", field.key, default(field, samples), field.doc);
}

fn default<T: Clone>(field: &Field<T>, samples: &[(&str, T)]) -> String {
    let Some(standard) = &field.standard else {
        return "must be given".to_owned();
    };
    let shown = |(of, sample): &(&str, T)| {
        let mut sample = sample.clone();
        (standard.reset)(&mut sample);
        (field.show)(&sample).map(|text| (text, (*of).to_owned()))
    };
    let mut all: Vec<_> = samples.iter().filter_map(shown).collect();
    all.dedup_by(|a, b| a.0 == b.0);
    match all.as_slice() {
        [] => "-".to_owned(),
        [(one, _)] => format!("`{one}`"),
        many => many.iter().map(|(value, of)| format!("`{value}` ({of})")).collect::<Vec<_>>().join(", "),
    }
}
