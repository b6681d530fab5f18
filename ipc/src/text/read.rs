//! From TOML to the model, setting by setting, with every fault on the way.
//!
//! The same reader serves files and edits: a file is a table of objects, an edit is one value. It
//! does not judge a configuration as a whole; [`parse`] hands that to `validate`.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::fault::{Faults, quoted};
use super::field::{Entry, Field, Object, Section};
use super::nearest::nearest;
use super::path::Path;
use super::value::wrong_type;
use crate::fault::Fault;
use crate::limits::CONFIG_LEN_MAX;
use crate::model::{Backend, Group, Listener, Route};
use crate::{Config, Name, validate};

/// A TOML value with the bytes where it stands.
pub(crate) type Node<'i> = Spanned<DeValue<'i>>;

/// Bytes of a text of which all errors of syntax are told: two bytes can make one, of 600 bytes.
const RECOVERY_LEN_MAX: usize = 256 << 10;

/// Reads a configuration and validates it as a whole.
///
/// # Errors
/// Every fault of the text, in its order, each with its place; where the text is no TOML, the
/// faults of its syntax alone.
pub fn parse(text: &str) -> Result<Config, Vec<Fault>> {
    if text.len() > CONFIG_LEN_MAX {
        let mut faults = Faults::default();
        let fault = Fault::new("", format!("a configuration of {} bytes", text.len()));
        faults.add("", Some(0), fault.allowed(format!("up to {CONFIG_LEN_MAX} bytes")));
        return Err(faults.placed(text));
    }
    let (table, errors) = syntax_of(text);
    let mut reader = Reader::default();
    for error in &errors {
        reader.syntax(text, error);
    }
    let mut config = Config::default();
    if let Some(table) = &table {
        config = reader.config(table);
        for fault in validate::whole(&config, &reader.faults.paths()) {
            let at = locate(table, &fault.path);
            reader.faults.add(fault.path.clone(), Some(at), fault);
        }
    }
    if reader.faults.is_empty() { Ok(config) } else { Err(reader.faults.placed(text)) }
}

/// The table of a text, unless worse is wrong with its syntax than keys given twice, and the errors
/// of its syntax: all of them, or the first where the text is long.
fn syntax_of(text: &str) -> (Option<DeTable<'_>>, Vec<Error>) {
    let first = match DeTable::parse(text) {
        Ok(table) => return (Some(table.into_inner()), Vec::new()),
        Err(error) => error,
    };
    if text.len() > RECOVERY_LEN_MAX {
        return (None, vec![first]);
    }
    let (table, mut errors) = DeTable::parse_recoverable(text);
    if errors.iter().all(is_duplicate) {
        return (Some(table.into_inner()), errors);
    }
    // In a text that is torn, a key may only seem to be given twice.
    errors.retain(|error| !is_duplicate(error));
    (None, errors)
}

fn is_duplicate(error: &Error) -> bool {
    error.message() == "duplicate key"
}

/// The byte where the value that `path` names stands, or as much of it as there is.
fn locate(table: &DeTable<'_>, path: &str) -> usize {
    let mut at = 0;
    let mut within = Some(table);
    for key in path.split('.') {
        let Some(value) = within.and_then(|table| table.get(key)) else { break };
        at = value.span().start;
        within = value.get_ref().as_table();
    }
    at
}

/// A single value as an edit gives it: TOML, or else a bare text.
///
/// # Errors
/// A fault without path when the text opens a TOML string, list or table and does not end it well,
/// or is longer than a configuration may be.
pub(crate) fn value_of(text: &str) -> Result<Node<'_>, Fault> {
    let text = text.trim();
    if text.len() > CONFIG_LEN_MAX {
        return Err(
            Fault::new("", format!("a value of {} bytes", text.len())).allowed(format!("up to {CONFIG_LEN_MAX} bytes"))
        );
    }
    let bare = |error: &Error| {
        let toml = text.starts_with(['"', '\'', '[', '{']);
        if toml { Err(Fault::new("", format!("{} is no value: {}", quoted(text), error.message()))) } else { Ok(()) }
    };
    match DeValue::parse(text) {
        Ok(node) => Ok(node),
        Err(error) => bare(&error).map(|()| Spanned::new(0..text.len(), DeValue::String(text.into()))),
    }
}

/// Reads objects and settings, and collects the faults.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) faults: Faults,
}

impl Reader {
    fn fault(&mut self, path: &Path<'_>, span: &Range<usize>, fault: Fault) {
        self.faults.add(path, Some(span.start), fault);
    }

    fn syntax(&mut self, text: &str, error: &Error) {
        let span = error.span().unwrap_or_default();
        let found = text.get(span.clone()).filter(|found| !found.trim().is_empty());
        let message = match found {
            Some(found) => format!("{}: {}", error.message(), quoted(found)),
            None => error.message().to_owned(),
        };
        self.fault(&Path::new(""), &span, Fault::new("", message));
    }

    fn unknown_key<'k>(
        &mut self,
        path: &Path<'_>,
        key: &Spanned<impl AsRef<str>>,
        known: impl Iterator<Item = &'k str>,
    ) {
        // Seeking a near word for each of a million keys would take seconds.
        if self.faults.is_full() {
            return;
        }
        let known: Vec<_> = known.collect();
        let word = key.get_ref().as_ref();
        let fault = Fault::new("", "no such key").allowed(known.join(", "));
        let fault = match nearest(word, known) {
            Some(meant) => fault.hint(format!("did you mean {meant}?")),
            None => fault,
        };
        self.fault(&path.child(word), &key.span(), fault);
    }

    fn config(&mut self, table: &DeTable<'_>) -> Config {
        let root = Path::new("");
        let mut config = Config::default();
        for (key, node) in table {
            let path = root.child(key.get_ref());
            match key.get_ref().as_ref() {
                "listeners" => config.listeners = self.objects(&path, node, Self::listener),
                "groups" => config.groups = self.objects(&path, node, Self::group),
                "certificates" => config.certificates = self.objects(&path, node, Self::object),
                _ => self.unknown_key(&root, key, ["listeners", "groups", "certificates"].into_iter()),
            }
        }
        config
    }

    fn objects<T>(
        &mut self,
        path: &Path<'_>,
        node: &Node<'_>,
        read: fn(&mut Self, &Path<'_>, &Node<'_>) -> T,
    ) -> BTreeMap<Name, T> {
        let mut objects = BTreeMap::new();
        let DeValue::Table(table) = node.get_ref() else {
            self.fault(path, &node.span(), wrong_type(node.get_ref(), "a table of names"));
            return objects;
        };
        for (key, node) in table {
            let path = path.child(key.get_ref());
            let object = read(self, &path, node);
            match Name::new(key.get_ref()) {
                Ok(name) => drop(objects.insert(name, object)),
                Err(error) => self.fault(&path, &key.span(), Fault::new("", error.to_string())),
            }
        }
        objects
    }

    /// Reads a listener with its routes.
    pub(crate) fn listener(&mut self, path: &Path<'_>, node: &Node<'_>) -> Listener {
        let mut listener: Listener = self.object(path, node);
        if let Some(routes) = node.get_ref().get("routes") {
            listener.routes = self.routes(&path.child("routes"), routes);
        }
        listener
    }

    /// Reads the routes of a listener.
    pub(crate) fn routes(&mut self, path: &Path<'_>, node: &Node<'_>) -> BTreeMap<Name, Route> {
        self.objects(path, node, Self::object)
    }

    /// Reads a group with its backends.
    pub(crate) fn group(&mut self, path: &Path<'_>, node: &Node<'_>) -> Group {
        let mut group: Group = self.object(path, node);
        if let Some(backends) = node.get_ref().get("backends") {
            group.backends = self.backends(&path.child("backends"), backends);
        }
        group
    }

    /// Reads the backends of a group.
    pub(crate) fn backends(&mut self, path: &Path<'_>, node: &Node<'_>) -> BTreeMap<Name, Backend> {
        self.objects(path, node, Self::object)
    }

    /// Reads an object without what is within it.
    pub(crate) fn object<T: Object>(&mut self, path: &Path<'_>, node: &Node<'_>) -> T {
        let mut object = T::blank();
        let DeValue::Table(table) = node.get_ref() else {
            self.fault(path, &node.span(), wrong_type(node.get_ref(), &format!("the table of a {}", T::WHAT)));
            return object;
        };
        for key in table.keys().filter(|key| !T::keys().any(|known| known == key.get_ref())) {
            self.unknown_key(path, key, T::keys());
        }
        for entry in T::ENTRIES {
            match table.get(entry.key()) {
                Some(node) => self.entry(&mut object, entry, &path.child(entry.key()), node),
                None => self.missing(entry, path, &node.span()),
            }
        }
        object
    }

    fn missing<T: Object>(&mut self, entry: &Entry<T>, path: &Path<'_>, span: &Range<usize>) {
        if let Entry::Field(field @ Field { standard: None, .. }) = entry {
            let fault = Fault::new("", format!("a {} needs this", T::WHAT)).allowed(field.kind.allowed());
            self.fault(&path.child(field.key), span, fault);
        }
    }

    /// Reads the value of a key into an object.
    pub(crate) fn entry<T: Object>(&mut self, object: &mut T, entry: &Entry<T>, path: &Path<'_>, node: &Node<'_>) {
        match entry {
            Entry::Field(field) => self.field(object, field, path, node),
            Entry::Section(section) => self.section(object, section, path, node),
        }
    }

    /// Reads the value of a setting into an object.
    pub(crate) fn field<T>(&mut self, object: &mut T, field: &Field<T>, path: &Path<'_>, node: &Node<'_>) {
        if let Err(fault) = (field.read)(object, node.get_ref(), &field.kind) {
            self.fault(path, &node.span(), fault);
        }
    }

    fn section<T>(&mut self, object: &mut T, section: &Section<T>, path: &Path<'_>, node: &Node<'_>) {
        let [head, ..] = section.fields else { return };
        let table = match node.get_ref() {
            DeValue::Table(table) => table,
            DeValue::String(_) => return self.field(object, head, path, node),
            other => {
                let due = format!("a table or one of {}", head.kind.allowed());
                return self.fault(path, &node.span(), wrong_type(other, &due));
            }
        };
        let known = || section.fields.iter().map(|field| field.key);
        for key in table.keys().filter(|key| !known().any(|known| known == key.get_ref())) {
            self.unknown_key(path, key, known());
        }
        for field in section.fields {
            if let Some(node) = table.get(field.key) {
                self.field(object, field, &path.child(field.key), node);
            }
        }
    }
}
