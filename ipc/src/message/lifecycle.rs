//! Requests about the life of the process: another program takes over, or it stops.
//!
//! Part of the control protocol, see [`message`](super).

use serde::{Deserialize, Serialize};

/// Another process takes over without a connection being refused or cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The program to start, an absolute path; by default the file that the daemon was started from.
    /// Only for root and the daemon's own user.
    #[serde(default)]
    pub binary: Option<String>,
}

/// The process ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shutdown {
    /// How long open connections may go on, in milliseconds: at most an hour, 0 cuts them. The daemon's
    /// own drain time by default.
    #[serde(default)]
    pub within_ms: Option<u64>,
}

/// Another process has taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgraded {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The process that drains now, and answered this.
    pub predecessor: u32,
    /// Version of that one.
    pub from: String,
    /// When what is still open at it then is cut, in milliseconds since the epoch.
    pub until_ms: u64,
}

/// The process drains and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// Its process id.
    pub pid: u32,
    /// When what is still open then is cut, in milliseconds since the epoch.
    pub until_ms: u64,
}
