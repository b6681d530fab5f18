//! What `apply` and `diff` are given: a whole configuration as TOML, or a list of edits as JSON.
//!
//! Read from a file or from standard input and checked here, before any daemon is asked, so that
//! faults carry the line and the column of the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use poise_ipc::Config;
use poise_ipc::apply::apply;
use poise_ipc::diff::diff;
use poise_ipc::edit::Edit;
use poise_ipc::limits::CONFIG_LEN_MAX;
use poise_ipc::text::parse;
use serde::Deserialize;

use super::failure::Failure;
use crate::exit::Exit;

/// What a file asks for.
#[derive(Debug)]
pub(super) enum Source {
    /// A whole configuration, with its text.
    Whole(Box<Config>, String),
    /// Edits.
    Edits(Vec<Edit>),
}

/// What `-o json` of `apply` and `diff` prints: the edits among other things.
#[derive(Deserialize)]
struct Holder {
    edits: Vec<Edit>,
}

impl Source {
    /// Reads a file, or standard input for `-`.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        Self::of(&name(path), text(path)?)
    }

    /// JSON begins with `{`, `[{` or is `[]`; no TOML configuration does.
    fn of(name: &str, text: String) -> Result<Self, Failure> {
        let start: String = text.chars().filter(|c| !c.is_whitespace()).take(2).collect();
        let edits = match start.as_str() {
            // The end of a pipe whose beginning failed; as a configuration it would remove everything.
            "" => return Err(Failure::new(Exit::Invalid, format!("{name} is empty")).at(name)),
            "[{" | "[]" => serde_json::from_str(&text),
            _ if start.starts_with('{') => serde_json::from_str(&text).map(|holder: Holder| holder.edits),
            _ => {
                let config = parse(&text).map_err(|faults| Failure::invalid(name, faults))?;
                return Ok(Self::Whole(Box::new(config), text));
            }
        };
        edits.map(Self::Edits).map_err(|error| {
            let message = format!("{name}:{}:{}: no list of edits: {error}", error.line(), error.column());
            let hint = r#"as in [{"set": {"path": "groups.app.backends.app-1.weight", "value": "50"}}]"#;
            Failure::new(Exit::Invalid, message).at(name).hint(hint)
        })
    }

    /// The edits that lead from a configuration to what the file asks for.
    pub(super) fn edits_from(&self, config: &Config) -> Result<Vec<Edit>, Failure> {
        match self {
            Self::Whole(wanted, _) => Ok(diff(config, wanted)),
            Self::Edits(edits) => {
                let wanted = apply(config, edits).map_err(|faults| Failure::invalid("the outcome", faults))?;
                Ok(diff(config, &wanted))
            }
        }
    }
}

/// The name of a file in messages.
pub(super) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// The text of a file, or of standard input for `-`.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let stdin = path == Path::new("-");
    let read = if stdin { capped(io::stdin().lock()) } else { File::open(path).and_then(capped) };
    read.map_err(|error| {
        let exit = if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        Failure::new(exit, format!("read {}: {error}", name(path))).at(name(path))
    })
}

fn capped(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    let cap = u64::try_from(CONFIG_LEN_MAX).unwrap_or(u64::MAX);
    reader.take(cap + 1).read_to_string(&mut text)?;
    if text.len() > CONFIG_LEN_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {CONFIG_LEN_MAX} bytes")));
    }
    Ok(text)
}

/// The argument that names a file.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct FileArg {
    /// A configuration as TOML, or a list of edits as JSON; - is standard input.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(super) file: PathBuf,
}

#[cfg(test)]
mod tests;
