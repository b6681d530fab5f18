//! Why a verb failed: the exit code, a sentence, the place, what would be allowed, what to do.
//!
//! Refusals of the daemon, faults of a file and the verbs' own complaints become one type here, and
//! here they become text for people or one JSON object for programs. Nothing is printed here.

use std::fmt::Write as _;

use poise_ipc::edit::Edit;
use poise_ipc::fault::Fault;
use poise_ipc::merge::Conflict;
use poise_ipc::message::{ErrorCode, ErrorReply};
use serde::Serialize;

use super::format::{Format, jsonl};
use super::text::clean;
use crate::exit::Exit;

/// Why a verb failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the shell sees.
    pub exit: Exit,
    /// What happened, in a sentence; empty when nothing is to be said.
    pub message: String,
    /// Path of the value, or name of the file, that it is about.
    pub path: Option<Box<str>>,
    /// What to do.
    pub hint: Option<Box<str>>,
    /// All faults of a configuration.
    pub faults: Box<[Fault]>,
    /// The daemon's code, where the daemon refused.
    pub code: Option<ErrorCode>,
    /// The revision now, with a conflict.
    pub revision: Option<u64>,
    /// With a drift: edits that lead from the running configuration to the file.
    pub edits: Box<[Edit]>,
    /// What two sides have changed, each in its own way.
    pub conflicts: Box<[Conflict]>,
}

impl Failure {
    /// A failure that a sentence explains.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            path: None,
            hint: None,
            faults: Box::default(),
            code: None,
            revision: None,
            edits: Box::default(),
            conflicts: Box::default(),
        }
    }

    /// An end that needs no words: the reader of the output went away, or the code says it all.
    pub fn quiet(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// No object stands where the command points.
    pub fn not_found(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, message).at(path)
    }

    /// A configuration with faults; `name` says which.
    pub fn invalid(name: &str, faults: Vec<Fault>) -> Self {
        let noun = if faults.len() == 1 { "fault" } else { "faults" };
        let message = format!("{name} is invalid: {} {noun}", faults.len());
        Self { faults: faults.into(), ..Self::new(Exit::Invalid, message).at(name) }
    }

    /// Adds the place.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into().into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into());
        self
    }

    /// The words for stderr: text, or with a JSON format one JSON object on one line.
    pub fn report(&self, format: Format) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        if matches!(format, Format::Json | Format::Jsonl) { self.json() } else { self.text() }
    }

    fn text(&self) -> String {
        let mut text = format!("poise: {}\n", clean(&self.message));
        if let Some(path) = self.path.as_deref().filter(|path| !self.message.contains(path)) {
            let _ = writeln!(text, "  at: {}", clean(path));
        }
        // The daemon's sentence about a single fault is that fault.
        let told = |fault: &&Fault| self.faults.len() > 1 || !self.message.contains(&fault.to_string());
        for fault in self.faults.iter().filter(told) {
            let line = match (&self.path, fault.place) {
                (Some(file), Some(_)) if fault.file.is_none() => format!("{file}:{fault}"),
                _ => fault.to_string(),
            };
            let _ = writeln!(text, "  {}", clean(&line));
        }
        for Conflict { path, base, theirs, mine } in &self.conflicts {
            let [base, theirs, mine] = [base, theirs, mine].map(|value| value.as_deref().unwrap_or("(nothing)"));
            let _ = writeln!(text, "  {}", clean(&format!("{path}: was {base}, theirs {theirs}, ours {mine}")));
        }
        // A conflict has said it.
        for edit in self.edits.iter().filter(|_| self.conflicts.is_empty()) {
            let _ = writeln!(text, "  {}", clean(&edit.to_string()));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "  hint: {}", clean(hint));
        }
        text
    }

    fn json(&self) -> String {
        let error = ErrorObject {
            code: self.exit.word(),
            exit: self.exit.number(),
            message: &self.message,
            path: self.path.as_deref(),
            hint: self.hint.as_deref(),
            refusal: self.code,
            revision: self.revision,
            faults: &self.faults,
            edits: &self.edits,
            conflicts: &self.conflicts,
        };
        jsonl(&ErrorDocument { error })
    }
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: &'static str,
    exit: u8,
    message: &'a str,
    path: Option<&'a str>,
    hint: Option<&'a str>,
    refusal: Option<ErrorCode>,
    revision: Option<u64>,
    faults: &'a [Fault],
    edits: &'a [Edit],
    #[serde(skip_serializing_if = "<[Conflict]>::is_empty")]
    conflicts: &'a [Conflict],
}

impl From<ErrorReply> for Failure {
    fn from(reply: ErrorReply) -> Self {
        let exit = match reply.code {
            ErrorCode::Forbidden => Exit::Forbidden,
            ErrorCode::Invalid => Exit::Invalid,
            ErrorCode::NotFound => Exit::NotFound,
            ErrorCode::Conflict | ErrorCode::Drift | ErrorCode::WindowOpen => Exit::Conflict,
            ErrorCode::Malformed
            | ErrorCode::Version
            | ErrorCode::Bind
            | ErrorCode::Storage
            | ErrorCode::Busy
            | ErrorCode::Internal
            | ErrorCode::Upgrade => Exit::Failed,
        };
        Self {
            exit,
            message: reply.message,
            path: reply.path.map(Into::into),
            hint: reply.hint.map(Into::into),
            faults: reply.faults.into(),
            code: Some(reply.code),
            revision: reply.revision,
            edits: reply.edits.into(),
            conflicts: reply.conflicts.into(),
        }
    }
}

#[cfg(test)]
mod tests;
