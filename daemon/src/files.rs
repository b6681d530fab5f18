//! Files that listeners name, looked at before a commit: the pages of their replies and their logs.
//!
//! A thread does it, since a file system that does not answer would hold the control thread, and with
//! it every commit. What was good before stays in force when its file can no longer be read: the
//! weight of a backend can be changed whatever has become of a page. Workers touch no file. Called
//! when listeners are prepared.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use poise_core::plan::ListenerId;
use poise_ipc::model::LogFormat;
use tracing::warn;

use crate::access_log;
use crate::control::ports::PortError;
use crate::listen::Wanted;
use crate::pages::{Page, Shelf};

/// How long a commit waits for all files together: local ones take microseconds.
const WAIT: Duration = Duration::from_secs(2);

/// A file to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum File {
    /// The page of a reply, which is read.
    Page(String),
    /// A log, which is opened.
    Log(String),
}

/// What is known of the files that are in force.
pub(crate) struct Files {
    shelf: Shelf,
    logs: HashSet<String>,
    /// What a commit before has stopped waiting for; there is never more than one.
    under_way: Option<JoinHandle<()>>,
}

/// What was found for a commit.
pub(crate) struct Found {
    pages: HashMap<String, Arc<Page>>,
    logs: HashSet<String>,
}

/// The page, or nothing of a log.
type Outcome = Result<Option<Arc<Page>>, Arc<io::Error>>;

impl Files {
    /// Nothing is known yet; what is found goes to this shelf.
    pub(crate) fn new(shelf: Shelf) -> Self {
        Self { shelf, logs: HashSet::new(), under_way: None }
    }

    /// Looks at the files of listeners; nothing is in force yet.
    ///
    /// # Errors
    /// The first that cannot be read or opened and was not in force before.
    pub(crate) fn look(&mut self, wanted: &BTreeMap<ListenerId, Wanted>) -> Result<Found, PortError> {
        self.look_by(wanted, WAIT, File::look)
    }

    fn look_by(
        &mut self,
        wanted: &BTreeMap<ListenerId, Wanted>,
        wait: Duration,
        look: impl Fn(&File) -> Outcome + Send + 'static,
    ) -> Result<Found, PortError> {
        let due = wanted.values().flat_map(files).filter(|file| !self.is_open(file)).collect();
        let seen = self.seen(due, wait, look);
        let mut found = Found { pages: HashMap::new(), logs: HashSet::new() };
        for want in wanted.values() {
            for file in files(want) {
                match seen.get(&file) {
                    Some(Ok(page)) => found.add(file, page.clone()),
                    None if self.is_open(&file) => found.add(file, None),
                    outcome => {
                        let late = || Arc::new(io::Error::new(io::ErrorKind::TimedOut, "it is not answered in time"));
                        let error = outcome.and_then(|outcome| outcome.clone().err()).unwrap_or_else(late);
                        let Some(page) = self.shelf.at(file.path()) else { return Err(file.error(want, &error)) };
                        warn!(path = %file.path(), %error, "a page stays as it was read before");
                        found.add(file, Some(page));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Takes over what was found.
    pub(crate) fn put(&mut self, found: Found) {
        self.logs = found.logs;
        self.shelf.put(found.pages);
    }

    /// Whether it is a log that could be opened before: what becomes of it the writer tells.
    fn is_open(&self, file: &File) -> bool {
        matches!(file, File::Log(path) if self.logs.contains(path))
    }

    /// What became of these files within the time; those without an answer are absent.
    fn seen(
        &mut self,
        due: HashSet<File>,
        wait: Duration,
        look: impl Fn(&File) -> Outcome + Send + 'static,
    ) -> HashMap<File, Outcome> {
        let mut seen = HashMap::new();
        // One that still waits is enough: the next would wait for the same.
        if due.is_empty() || self.under_way.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return seen;
        }
        let (tell, told) = channel();
        let body = move || {
            for file in due {
                let outcome = look(&file);
                if tell.send((file, outcome)).is_err() {
                    return;
                }
            }
        };
        let Ok(thread) = Builder::new().name("files".to_owned()).spawn(body) else { return seen };
        let until = Instant::now() + wait;
        self.under_way = loop {
            match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((file, outcome)) => drop(seen.insert(file, outcome)),
                Err(RecvTimeoutError::Timeout) => break Some(thread),
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        };
        seen
    }
}

impl Found {
    fn add(&mut self, file: File, page: Option<Arc<Page>>) {
        match (file, page) {
            (File::Page(path), Some(page)) => drop(self.pages.insert(path, page)),
            (File::Log(path), _) => drop(self.logs.insert(path)),
            (File::Page(_), None) => {}
        }
    }
}

impl File {
    fn look(&self) -> Outcome {
        match self {
            Self::Page(path) => Page::read(Path::new(path)).map(|page| Some(Arc::new(page))).map_err(Arc::new),
            Self::Log(path) => access_log::Place::File(path.clone()).open().map(|_| None).map_err(Arc::new),
        }
    }

    fn path(&self) -> &str {
        match self {
            Self::Page(path) | Self::Log(path) => path,
        }
    }

    fn error(&self, want: &Wanted, source: &io::Error) -> PortError {
        PortError {
            listener: want.name.clone(),
            setting: if matches!(self, Self::Page(_)) { "replies" } else { "access_log" },
            address: want.settings.bind.clone(),
            source: io::Error::new(source.kind(), format!("{}: {source}", self.path())),
        }
    }
}

/// The files of a listener.
fn files(want: &Wanted) -> impl Iterator<Item = File> {
    let log = &want.settings.access_log;
    let log = log.path.clone().filter(|_| log.format != LogFormat::Off);
    want.settings.replies.iter().map(|rule| File::Page(rule.path.clone())).chain(log.map(File::Log))
}

#[cfg(test)]
mod tests;
