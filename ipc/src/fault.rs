//! Faults: reasons why a configuration or an edit is refused.
//!
//! All faults of an input are collected before anything is said, so an operator mends a file in
//! one go. Advice on a valid configuration is a finding (`advice`), not a fault.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One reason why a configuration is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Path of the value, as in `groups.app.backends.app-1.weight`.
    pub path: String,
    /// What is wrong, with the value that was found.
    pub message: String,
    /// What would be allowed: a range, a list of words, a form.
    pub allowed: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where it stands in the text that was read, if there was one.
    pub place: Option<Place>,
    /// The file that this is in, where a configuration is in several.
    #[serde(default)]
    pub file: Option<String>,
}

/// A position in a text, both counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl Fault {
    /// A fault at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), allowed: None, hint: None, place: None, file: None }
    }

    /// Adds what would be allowed.
    #[must_use]
    pub fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        if let Some(place) = self.place {
            write!(f, "{}:{}: ", place.line, place.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.message)?;
        if let Some(allowed) = &self.allowed {
            write!(f, "; allowed: {allowed}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}
