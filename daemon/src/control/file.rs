//! The operator's file: how it stands against the running configuration, and what a reload does.
//!
//! Three texts are compared by what they mean, not by how they are written: the file as it was last
//! taken, the file now, the running configuration. Reconcile and the start ask; both disks and commits
//! are theirs.

use poise_ipc::Config;
use poise_ipc::message::Take;

/// How the operator's file and the running configuration stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Both say the same.
    Agree,
    /// Only the running configuration has changed since the file was taken.
    RunningAhead,
    /// Only the file has changed.
    FileAhead,
    /// Both have changed, in different ways.
    Diverged,
}

/// What a reload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The file becomes the running configuration by a commit.
    Commit,
    /// The running configuration stays; the file counts as taken.
    Mark,
    /// What both have changed is brought together, as far as they agree.
    Merge,
}

/// Compares the file now and the running configuration with the file as it was last taken; a file
/// that was never taken counts as an empty one.
pub fn standing(taken: Option<&Config>, file: &Config, running: &Config) -> Standing {
    let empty = Config::default();
    let taken = taken.unwrap_or(&empty);
    if file == running {
        Standing::Agree
    } else if file == taken {
        Standing::RunningAhead
    } else if running == taken {
        Standing::FileAhead
    } else {
        Standing::Diverged
    }
}

/// What a reload does, given how the two stand and which side the operator wants.
pub fn step(standing: Standing, take: Option<Take>) -> Step {
    match (standing, take) {
        (Standing::Agree, _) | (Standing::RunningAhead, None) | (_, Some(Take::Running)) => Step::Mark,
        (Standing::FileAhead, None) | (_, Some(Take::File)) => Step::Commit,
        (Standing::Diverged, None) => Step::Merge,
    }
}

#[cfg(test)]
mod tests;
