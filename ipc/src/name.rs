//! Names of listeners, groups and backends, and the `group/backend` form that operators type.
//!
//! A [`Name`] cannot hold anything but letters, digits, `_` and `-`, so it is safe in paths, logs
//! and on screens without escaping. Parsed once, at the edge; everything behind it trusts it.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::NAME_LEN_MAX;

/// A name of the form `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Box<str>);

/// Why a text is not a [`Name`] or a [`BackendPath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty or longer than 64 characters.
    #[error("a name has 1 to {NAME_LEN_MAX} characters, this one has {len}")]
    Length {
        /// Number of characters found.
        len: usize,
    },
    /// A character outside the alphabet, or a first character that is no letter or digit.
    #[error("a name is letters, digits, `_` and `-`, and starts with a letter or digit; found {found:?} at {at}")]
    Character {
        /// The offending character.
        found: char,
        /// Its position, counted from 1.
        at: usize,
    },
    /// A backend is written `group/backend`.
    #[error("a backend is written group/backend, as in app/app-1")]
    NoSlash,
}

impl Name {
    /// Parses a name.
    ///
    /// # Errors
    /// [`NameError`] when the length or a character is not allowed.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let len = text.chars().count();
        if len == 0 || len > NAME_LEN_MAX {
            return Err(NameError::Length { len });
        }
        let allowed = |at: usize, c: char| c.is_ascii_alphanumeric() || (at > 0 && (c == '_' || c == '-'));
        match text.chars().enumerate().find(|&(at, c)| !allowed(at, c)) {
            Some((at, found)) => Err(NameError::Character { found, at: at + 1 }),
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.into()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A backend as operators name it: `group/backend`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BackendPath {
    /// The group that holds the backend.
    pub group: Name,
    /// The backend's name within the group.
    pub backend: Name,
}

impl BackendPath {
    /// Joins two names.
    pub fn new(group: Name, backend: Name) -> Self {
        Self { group, backend }
    }
}

impl FromStr for BackendPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (group, backend) = text.split_once('/').ok_or(NameError::NoSlash)?;
        Ok(Self::new(group.parse()?, backend.parse()?))
    }
}

impl fmt::Display for BackendPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.group, self.backend))
    }
}
