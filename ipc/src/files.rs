//! The operator's file with those in `conf.d` beside it: one configuration in several texts.
//!
//! `/etc/poise/poise.toml` is the first, then come the files `*.toml` of `/etc/poise/conf.d` by name. Each holds
//! whole sections; an object stands in one of them. Read here, and written nowhere.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::Config;
use crate::fault::{Fault, Place};
use crate::limits::CONFIG_LEN_MAX;
use crate::text;

/// Name of the folder beside the file.
pub const FOLDER: &str = "conf.d";
/// Files that may be in it.
pub const FILES_MAX: usize = 256;

/// One of the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it was read.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// The operator's file, then those of the folder by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFiles(Vec<ConfigFile>);

impl ConfigFiles {
    /// Reads a file and the folder beside it, if there is one.
    ///
    /// # Errors
    /// When a file cannot be read or is no UTF-8, or all of them together are longer than a configuration may
    /// be; the error names it unless it is the file itself.
    pub fn read(main: &Path) -> io::Result<Self> {
        let mut left = CONFIG_LEN_MAX;
        let mut files = vec![ConfigFile { path: main.to_owned(), text: read(main, &mut left)? }];
        for path in beside(main)? {
            let text = read(&path, &mut left)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            files.push(ConfigFile { path, text });
        }
        Ok(Self(files))
    }

    /// A text that stands alone, read by somebody else.
    pub fn alone(path: &Path, text: String) -> Self {
        Self(vec![ConfigFile { path: path.to_owned(), text }])
    }

    /// The texts, the operator's file first.
    pub fn files(&self) -> &[ConfigFile] {
        &self.0
    }

    /// All of them as one text, which is that of the file where it is alone.
    pub fn text(&self) -> String {
        joined(self.0.iter().map(|part| part.text.as_str()))
    }

    /// What they say together.
    ///
    /// # Errors
    /// Every fault, with its place, and its file where there are several.
    pub fn parse(&self) -> Result<Config, Vec<Fault>> {
        if let [_] = self.0.as_slice() {
            return text::parse(&self.0[0].text);
        }
        let alone: Vec<_> = self.0.iter().enumerate().filter_map(|(at, part)| fault_alone(at, part)).collect();
        if !alone.is_empty() {
            return Err(alone);
        }
        text::parse(&self.text()).map_err(|faults| faults.into_iter().map(|fault| self.located(fault)).collect())
    }

    /// The fault at its place in its own file.
    fn located(&self, fault: Fault) -> Fault {
        let Some(Place { line, column }) = fault.place else { return fault };
        let mut first = 1;
        for part in &self.0 {
            let lines = line_count(&part.text);
            if line < first + lines || Some(part) == self.0.last() {
                let place = Some(Place { line: line - first + 1, column });
                return Fault { place, file: Some(part.path.display().to_string()), ..fault };
            }
            first += lines;
        }
        fault
    }
}

/// Texts as one, each from a line of its own on.
pub fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut all = String::new();
    for text in texts {
        if !all.is_empty() && !all.ends_with('\n') {
            all.push('\n');
        }
        all.push_str(text);
    }
    all
}

/// Lines that a text takes when another follows.
fn line_count(text: &str) -> u32 {
    let ends = text.bytes().filter(|byte| *byte == b'\n').count();
    let open = usize::from(!text.is_empty() && !text.ends_with('\n'));
    u32::try_from(ends + open).unwrap_or(u32::MAX)
}

/// What is wrong with a part whatever the others say: it is no TOML, or would go on in the last section of the
/// one before.
fn fault_alone(at: usize, part: &ConfigFile) -> Option<Fault> {
    let file = Some(part.path.display().to_string());
    if let Err(error) = part.text.parse::<toml::Table>() {
        let before = &part.text[..error.span().map_or(0, |span| span.start.min(part.text.len()))];
        let line = u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1);
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count());
        let place = Some(Place { line, column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1) });
        return Some(Fault { place, file, ..Fault::new("", error.message()) });
    }
    let mut lines = part.text.lines().enumerate();
    let (line, first) = lines.find(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
    if at == 0 || first.trim_start().starts_with('[') {
        return None;
    }
    let place = Some(Place { line: u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1), column: 1 });
    let fault = Fault::new("", "a file of conf.d begins with a section").hint("as in [listeners.web]");
    Some(Fault { place, file, ..fault })
}

/// The files of the folder beside a file, by name; none where there is no folder.
fn beside(main: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = main.parent().unwrap_or(Path::new("")).join(FOLDER);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let listed = match fs::read_dir(&folder) {
        Ok(listed) => listed,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(named(error)),
    };
    let mut paths = Vec::new();
    for entry in listed {
        let path = entry.map_err(named)?.path();
        let is_hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
            return Err(named(io::Error::other(format!("more than {FILES_MAX} files"))));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reads a file of at most so many bytes, which are then gone from what is left.
fn read(path: &Path, left: &mut usize) -> io::Result<String> {
    let mut text = String::new();
    let len = File::open(path)?.take(*left as u64 + 1).read_to_string(&mut text)?;
    *left = left.checked_sub(len).ok_or_else(|| {
        let message = format!("the configuration is longer than {CONFIG_LEN_MAX} bytes");
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    })?;
    Ok(text)
}

#[cfg(test)]
mod tests;
