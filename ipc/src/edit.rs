//! Edits: one change to a configuration, as a value.
//!
//! Made by the console, the script verbs and `diff`; taken by `apply`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{AdminState, Backend};
use crate::name::BackendPath;
use crate::text::object_text;

/// One change to a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// Gives the value at a path a new value; adds it if there was none.
    Set {
        /// Path, as in `groups.app.backends.app-1.weight`.
        path: String,
        /// The value as TOML text: `50`, `"2s"`, `{ address = "10.0.0.1:8080" }`. Text that is no
        /// TOML value is taken as a string, so that `2s` means `"2s"`.
        value: String,
    },
    /// Removes what stands at a path; a removed setting returns to its default.
    Remove {
        /// Path, as in `groups.app.backends.app-1`.
        path: String,
    },
}

impl Edit {
    /// Gives the value at a path a new value.
    pub fn set(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Set { path: path.into(), value: value.into() }
    }

    /// Removes what stands at a path.
    pub fn remove(path: impl Into<String>) -> Self {
        Self::Remove { path: path.into() }
    }

    /// Gives a backend a new weight.
    pub fn weight(backend: &BackendPath, weight: u16) -> Self {
        Self::set(setting_path(backend, "weight"), weight.to_string())
    }

    /// Gives a backend a new admin state.
    pub fn state(backend: &BackendPath, state: AdminState) -> Self {
        Self::set(setting_path(backend, "state"), format!("\"{state}\""))
    }

    /// Adds a backend to a group, or puts it in the place of the one of that name.
    pub fn backend(path: &BackendPath, backend: &Backend) -> Self {
        Self::set(backend_path(path), object_text(backend))
    }

    /// Removes a backend from its group.
    pub fn remove_backend(path: &BackendPath) -> Self {
        Self::remove(backend_path(path))
    }

    /// The path that this edit touches.
    pub fn path(&self) -> &str {
        match self {
            Self::Set { path, .. } | Self::Remove { path } => path,
        }
    }
}

/// As in `groups.app.backends.app-1.weight = 50`, or the path behind a minus.
impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { path, value } => write!(f, "{path} = {value}"),
            Self::Remove { path } => write!(f, "- {path}"),
        }
    }
}

/// The path of a backend, as in `groups.app.backends.app-1`.
pub fn backend_path(backend: &BackendPath) -> String {
    format!("groups.{}.backends.{}", backend.group, backend.backend)
}

/// The path of a backend's setting, as in `groups.app.backends.app-1.weight`.
pub fn setting_path(backend: &BackendPath, key: &str) -> String {
    format!("{}.{key}", backend_path(backend))
}
