//! Findings: advice on a valid configuration, each with its code, subject and remedy.

use serde::{Deserialize, Serialize};

/// Advice on a configuration that is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code, as in `group-without-weight`.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// Path of what it is about.
    pub subject: String,
    /// What was found and what follows from it.
    pub message: String,
    /// What would mend it.
    pub remedy: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Likely not what was meant.
    Warning,
    /// Traffic is refused because of it.
    Severe,
}
