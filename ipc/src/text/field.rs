//! What a setting is: one entry of the table from which reading, checking, printing, hints and the
//! reference come.
//!
//! The entries themselves stand in `fields`.

use toml::de::DeValue;

use super::value::Kind;
use crate::fault::Fault;

/// One setting of an object of type `T`.
pub(crate) struct Field<T> {
    /// Its key.
    pub key: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// Reads and checks a value into the object.
    pub read: fn(&mut T, &DeValue<'_>, &Kind) -> Result<(), Fault>,
    /// Whether the object's value may stand there.
    pub check: fn(&T, &Kind) -> Result<(), Fault>,
    /// The object's value as TOML text; `None` when it is absent.
    pub show: fn(&T) -> Option<String>,
    /// How it returns to its default; `None` when it must be given.
    pub standard: Option<Standard<T>>,
}

/// The default of a setting.
pub(crate) struct Standard<T> {
    /// Whether the object has it.
    pub holds: fn(&T) -> bool,
    /// Gives it to the object.
    pub reset: fn(&mut T),
}

impl<T> Field<T> {
    /// Whether the object's value is the default.
    pub(crate) fn is_standard(&self, object: &T) -> bool {
        self.standard.as_ref().is_some_and(|standard| (standard.holds)(object))
    }
}

/// Settings that stand together in a table of their own; a word alone stands for the first of them.
pub(crate) struct Section<T: 'static> {
    /// The key of the table.
    pub key: &'static str,
    /// What it is about, in a sentence.
    pub doc: &'static str,
    /// The settings, the one that a word stands for first.
    pub fields: &'static [Field<T>],
}

impl<T> Section<T> {
    /// Returns every setting to its default.
    pub(crate) fn reset(&self, object: &mut T) {
        for standard in self.fields.iter().filter_map(|field| field.standard.as_ref()) {
            (standard.reset)(object);
        }
    }
}

/// A key of an object.
pub(crate) enum Entry<T: 'static> {
    /// A setting.
    Field(Field<T>),
    /// A table of settings.
    Section(Section<T>),
}

impl<T> Entry<T> {
    /// The key.
    pub(crate) const fn key(&self) -> &'static str {
        match self {
            Self::Field(field) => field.key,
            Self::Section(section) => section.key,
        }
    }

    /// The settings behind the key.
    pub(crate) fn fields(&self) -> &[Field<T>] {
        match self {
            Self::Field(field) => std::slice::from_ref(field),
            Self::Section(section) => section.fields,
        }
    }
}

/// A listener, a route, a group, a backend or a certificate.
pub(crate) trait Object: Sized + 'static {
    /// What it is called.
    const WHAT: &'static str;
    /// Its keys, in the order in which they are read and printed.
    const ENTRIES: &'static [Entry<Self>];
    /// The key of the objects within it.
    const INNER: Option<&'static str> = None;

    /// One with every default, and stand-ins where a value must be given.
    fn blank() -> Self;

    /// Its keys and the key of what is within it.
    fn keys() -> impl Iterator<Item = &'static str> {
        Self::ENTRIES.iter().map(Entry::key).chain(Self::INNER)
    }
}
