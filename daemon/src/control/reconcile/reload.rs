//! The operator's file in use: looked at for drift, compared, taken again.
//!
//! Reading it is slow work beside the writer; taking it is a commit like any other. What a reload
//! does is decided in `control::file`.

use std::io;
use std::path::PathBuf;

use poise_ipc::message::{Author, ErrorCode, ErrorReply, Reply, Take};
use poise_ipc::{Config, diff, text};
use tracing::{info, warn};

use super::commit::{answer, invalid};
use super::{Asker, Change, Done, Reconcile, Source};
use crate::control::file::{self, Step};
use crate::control::ports::Ports;
use crate::log::chain;

/// The operator's file.
#[derive(Debug, Default)]
pub(super) struct OperatorFile {
    /// Where it is, if one is in use.
    pub(super) path: Option<PathBuf>,
    /// Its text as last taken.
    pub(super) taken: Option<String>,
    /// Whether it says something else since.
    pub(super) drift: bool,
}

/// What the file is read for.
#[derive(Debug)]
pub(super) enum FileTask {
    /// To see whether it has changed.
    Look,
    /// To show the difference.
    Drift(Asker),
    /// To take it.
    Reload { take: Option<Take>, author: Author, asker: Asker },
}

impl FileTask {
    /// Tells the one who waits that it will not be done.
    pub(super) fn refuse(self, error: ErrorReply) {
        match self {
            Self::Look => {}
            Self::Drift(asker) | Self::Reload { asker, .. } => answer(asker, Err(error)),
        }
    }
}

impl OperatorFile {
    /// From now on this text counts as taken.
    pub(super) fn took(&mut self, taken: Option<String>) {
        self.taken = taken;
        self.drift = false;
    }

    /// What the taken text says; `None` when no file was ever taken. A text that this version does
    /// not read any more counts as never taken.
    pub(super) fn taken_config(&self) -> Option<Config> {
        text::parse(self.taken.as_ref()?).ok()
    }

    /// Whether a text says something else than the taken one.
    fn differs(&self, text: &str) -> bool {
        self.taken.as_deref() != Some(text)
            && text::parse(text).map_or(true, |config| Some(&config) != self.taken_config().as_ref())
    }
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Reads the file beside the writer.
    pub(super) fn begin_reading(&mut self, task: FileTask) {
        let Some(path) = self.file.path.clone() else { return without_file(task) };
        let read = tokio::task::spawn_blocking(move || file::read(&path));
        self.under_way = Some(Box::pin(async move {
            let text = read.await.unwrap_or_else(|error| Err(io::Error::other(error)));
            Done::Read(task, text)
        }));
    }

    pub(super) fn finish_reading(&mut self, task: FileTask, read: io::Result<String>) {
        match task {
            FileTask::Look => self.look(read),
            FileTask::Drift(asker) => {
                let said = self.file_config(read).map(|(_, config)| Reply::Drift {
                    file: self.file_name(),
                    edits: diff::diff(&self.state.config, &config),
                });
                answer(asker, said);
            }
            FileTask::Reload { take: Some(Take::Running), asker, .. } => match read {
                Ok(text) => self.begin_marking(text, Some(asker)),
                Err(error) => answer(asker, Err(self.unreadable(&error))),
            },
            FileTask::Reload { take, author, asker } => match self.file_config(read) {
                Ok((text, config)) => self.reload(text, config, take, author, asker),
                Err(error) => {
                    self.differs();
                    answer(asker, Err(error));
                }
            },
        }
    }

    /// Notices once when the file begins to differ from what was taken, and once when it ceases.
    fn look(&mut self, read: io::Result<String>) {
        let drift = read.map_or(true, |text| self.file.differs(&text));
        if drift == self.file.drift {
            return;
        }
        self.file.drift = drift;
        self.snapshot = None;
        let file = self.file_name().unwrap_or_default();
        if drift {
            warn!(file, "the configuration file has changed and is not in force; reload to take it");
        } else {
            info!(file, "the configuration file is again as it was taken");
        }
    }

    fn reload(&mut self, text: String, config: Config, take: Option<Take>, author: Author, asker: Asker) {
        let standing = file::standing(self.file.taken_config().as_ref(), &config, &self.state.config);
        match file::step(standing, take) {
            Step::Mark => self.begin_marking(text, Some(asker)),
            Step::Refuse => {
                self.differs();
                answer(asker, Err(self.diverged(&config)));
            }
            Step::Commit => {
                let reason = self.file_name().map(|file| format!("configuration file {file}"));
                let source = Source::Config(Box::new(config));
                let change = Change { taken: Some(text), ..Change::of(source, author, reason) };
                self.begin_change(change, asker);
            }
        }
    }

    /// From now on the file counts as changed.
    fn differs(&mut self) {
        self.file.drift = true;
        self.snapshot = None;
    }

    fn file_config(&self, read: io::Result<String>) -> Result<(String, Config), ErrorReply> {
        let text = read.map_err(|error| self.unreadable(&error))?;
        let config = text::parse(&text).map_err(invalid)?;
        Ok((text, config))
    }

    fn diverged(&self, file: &Config) -> ErrorReply {
        let message = "the configuration file and the running configuration have both changed";
        let edits = diff::diff(&self.state.config, file);
        ErrorReply { edits, revision: Some(self.state.revision), ..ErrorReply::new(ErrorCode::Drift, message) }
            .hint("choose a side: poise config reload --take file, or --take running")
    }

    fn unreadable(&self, error: &io::Error) -> ErrorReply {
        let file = self.file_name().unwrap_or_default();
        ErrorReply::new(ErrorCode::NotFound, format!("{file} cannot be read: {}", chain(error)))
    }

    /// The file's path as text.
    pub(super) fn file_name(&self) -> Option<String> {
        self.file.path.as_ref().map(|path| path.display().to_string())
    }
}

fn without_file(task: FileTask) {
    match task {
        FileTask::Look => {}
        FileTask::Drift(asker) => answer(asker, Ok(Reply::Drift { file: None, edits: Vec::new() })),
        FileTask::Reload { asker, .. } => {
            let error = ErrorReply::new(ErrorCode::NotFound, "poised was started without a configuration file");
            answer(asker, Err(error.hint("start it with --config FILE, or change the configuration by edits")));
        }
    }
}
