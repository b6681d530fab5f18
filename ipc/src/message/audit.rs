//! The audit trail: every request that would change something, done or refused.

use serde::{Deserialize, Serialize};

use super::{Author, ErrorCode, Role};

/// Rows of one answer.
pub const AUDIT_MAX: u32 = 1_000;
/// Characters of what is kept of one request.
pub const AUDIT_TEXT_MAX: usize = 512;

/// Which rows of the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditQuery {
    /// How many at the most, 1 to 1000; the newest that match.
    #[serde(default = "limit_default")]
    pub limit: u32,
    /// Only rows with a smaller number, for paging backwards.
    #[serde(default)]
    pub before_seq: Option<u64>,
    /// Only rows that are not older, in milliseconds since the epoch.
    #[serde(default)]
    pub since_ms: u64,
    /// Only of this user.
    #[serde(default)]
    pub user: Option<String>,
    /// Only of this verb, by its word.
    #[serde(default)]
    pub verb: Option<String>,
    /// Only what was refused, or only what was done.
    #[serde(default)]
    pub refused: Option<bool>,
}

const fn limit_default() -> u32 {
    100
}

/// A request that would have changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number, growing by one.
    pub seq: u64,
    /// When it was answered, in milliseconds since the epoch.
    pub at_ms: u64,
    /// Who asked.
    pub author: Author,
    /// What the connection might do.
    pub role: Role,
    /// The word of the verb.
    pub verb: String,
    /// What was asked, as an imperative: `set groups.app.backends.a.weight = 50`.
    pub what: String,
    /// What became of it.
    pub outcome: AuditOutcome,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditOutcome {
    /// It was done; with the revision that it made, if it made one.
    Done {
        /// The revision.
        revision: Option<u64>,
    },
    /// It was refused.
    Refused {
        /// The code.
        code: ErrorCode,
        /// The sentence.
        message: String,
    },
}
