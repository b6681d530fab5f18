//! Edits: one change to a configuration, as a value.

use serde::{Deserialize, Serialize};

use crate::name::BackendPath;

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
    /// Gives a backend a new weight.
    pub fn weight(backend: &BackendPath, weight: u16) -> Self {
        Self::Set { path: backend_path(backend, "weight"), value: weight.to_string() }
    }

    /// The path that this edit touches.
    pub fn path(&self) -> &str {
        match self {
            Self::Set { path, .. } | Self::Remove { path } => path,
        }
    }
}

/// The path of a backend's setting.
pub fn backend_path(backend: &BackendPath, key: &str) -> String {
    format!("groups.{}.backends.{}.{key}", backend.group, backend.backend)
}
