//! The operator's file in use: looked at for drift, compared, taken again.
//!
//! Reading it is slow work beside the writer; taking it is a commit like any other. What a reload
//! does is decided in `control::file`.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use poise_ipc::edit::Edit;
use poise_ipc::files::ConfigFiles;
use poise_ipc::merge::{Conflict, Side, merge};
use poise_ipc::message::{Applied, Author, Decision, Drifted, ErrorCode, ErrorReply, Reply, Take};
use poise_ipc::{Config, apply, diff, text};
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
    Reload { wish: ReloadWish, author: Author, asker: Asker },
}

/// How a reload is wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct ReloadWish {
    /// Which side wins as a whole.
    pub(super) take: Option<Take>,
    /// Which side wins where both have changed one value.
    pub(super) decide: Vec<Decision>,
    /// Only say what it would do.
    pub(super) dry_run: bool,
}

impl ReloadWish {
    /// Who is right at a path: the decision that names the most of it.
    fn side(&self, path: &str) -> Option<Side> {
        let covers = |one: &&Decision| {
            path.strip_prefix(one.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let decision = self.decide.iter().filter(covers).max_by_key(|one| one.path.len())?;
        Some(match decision.take {
            Take::File => Side::Theirs,
            Take::Running => Side::Mine,
        })
    }
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
    fn differs(&self, files: &ConfigFiles) -> bool {
        self.taken.as_ref() != Some(&files.text())
            && files.parse().map_or(true, |config| Some(&config) != self.taken_config().as_ref())
    }
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Reads the file beside the writer.
    pub(super) fn begin_reading(&mut self, task: FileTask) {
        let Some(path) = self.file.path.clone() else { return without_file(task) };
        let read = tokio::task::spawn_blocking(move || ConfigFiles::read(&path));
        self.under_way = Some(Box::pin(async move {
            let read = read.await.unwrap_or_else(|error| Err(io::Error::other(error)));
            Done::Read(task, read)
        }));
    }

    pub(super) fn finish_reading(&mut self, task: FileTask, read: io::Result<ConfigFiles>) {
        match task {
            FileTask::Look => self.look(read),
            FileTask::Drift(asker) => {
                let said = self.file_config(read).map(|(_, config)| self.drift(&config));
                answer(asker, said);
            }
            FileTask::Reload { wish: ReloadWish { take: Some(Take::Running), dry_run, .. }, asker, .. } => match read {
                Ok(_) if dry_run => answer(asker, Ok(self.unchanged())),
                Ok(files) => self.begin_marking(files.text(), Some(asker)),
                Err(error) => answer(asker, Err(self.unreadable(&error))),
            },
            FileTask::Reload { wish, author, asker } => match self.file_config(read) {
                Ok((text, config)) => self.reload(text, config, &wish, author, asker),
                Err(error) => {
                    self.differs();
                    answer(asker, Err(error));
                }
            },
        }
    }

    /// Notices once when the file begins to differ from what was taken, and once when it ceases.
    fn look(&mut self, read: io::Result<ConfigFiles>) {
        let drift = read.map_or(true, |files| self.file.differs(&files));
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

    fn reload(&mut self, text: String, config: Config, wish: &ReloadWish, author: Author, asker: Asker) {
        let standing = file::standing(self.file.taken_config().as_ref(), &config, &self.state.config);
        let source = match file::step(standing, wish.take) {
            Step::Mark if wish.dry_run => return answer(asker, Ok(self.unchanged())),
            Step::Mark => return self.begin_marking(text, Some(asker)),
            Step::Merge => match self.merged(&config, |path| wish.side(path)) {
                Ok(edits) => Source::Edits(edits),
                Err(error) => {
                    self.differs();
                    return answer(asker, Err(error));
                }
            },
            Step::Commit => Source::Config(Box::new(config)),
        };
        let reason = self.file_name().map(|file| format!("configuration file {file}"));
        let change = Change { taken: Some(text), dry_run: wish.dry_run, ..Change::of(source, author, reason) };
        self.begin_change(change, asker);
    }

    /// What the file and the running configuration make together: the edits that lead there.
    pub(super) fn merged(&self, file: &Config, decide: impl Fn(&str) -> Option<Side>) -> Result<Vec<Edit>, ErrorReply> {
        let base = self.file.taken_config().unwrap_or_default();
        let merged = merge(&base, file, &self.state.config, decide).map_err(|faults| {
            let message = "what the file and the running configuration have changed does not go together";
            let error = ErrorReply { faults, ..ErrorReply::new(ErrorCode::Drift, message) };
            error.hint("change one of the two, or choose a side: poise config reload --take file, or --take running")
        })?;
        if merged.conflicts.is_empty() { Ok(merged.edits) } else { Err(self.diverged(file, merged.conflicts)) }
    }

    /// How the file differs.
    fn drift(&self, file: &Config) -> Reply {
        let (base, running) = (self.file.taken_config().unwrap_or_default(), &self.state.config);
        let changed = [diff::diff(&base, file), diff::diff(&base, running)];
        let paths: BTreeSet<String> = changed.iter().flatten().map(|edit| edit.path().to_owned()).collect();
        let value = |path: String| Drifted {
            taken: apply::get(&base, &path),
            file: apply::get(file, &path),
            running: apply::get(running, &path),
            path,
        };
        let conflicts = merge(&base, file, running, |_| None).map(|merged| merged.conflicts).unwrap_or_default();
        let (edits, values) = (diff::diff(running, file), paths.into_iter().map(value).collect());
        Reply::Drift { file: self.file_name(), edits, values, conflicts }
    }

    fn unchanged(&self) -> Reply {
        let (revision, edits) = (self.state.revision, Vec::new());
        Reply::Applied(Applied { revision, changed: false, edits, window: None })
    }

    /// From now on the file counts as changed.
    fn differs(&mut self) {
        self.file.drift = true;
        self.snapshot = None;
    }

    fn file_config(&self, read: io::Result<ConfigFiles>) -> Result<(String, Config), ErrorReply> {
        let files = read.map_err(|error| self.unreadable(&error))?;
        let config = files.parse().map_err(invalid)?;
        Ok((files.text(), config))
    }

    fn diverged(&self, file: &Config, conflicts: Vec<Conflict>) -> ErrorReply {
        let one = match conflicts.as_slice() {
            [one] => one.path.clone(),
            all => format!("{} values", all.len()),
        };
        let message = format!("the configuration file and the running configuration have both changed {one}");
        let (edits, revision) = (diff::diff(&self.state.config, file), Some(self.state.revision));
        ErrorReply { edits, revision, conflicts, ..ErrorReply::new(ErrorCode::Drift, message) }.hint(
            "choose a side: poise config reload --take file:PATH or --take running:PATH for a value, \
            --take file or --take running for everything",
        )
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
        FileTask::Drift(asker) => {
            let (edits, values, conflicts) = (Vec::new(), Vec::new(), Vec::new());
            answer(asker, Ok(Reply::Drift { file: None, edits, values, conflicts }));
        }
        FileTask::Reload { asker, .. } => {
            let error = ErrorReply::new(ErrorCode::NotFound, "poised was started without a configuration file");
            answer(asker, Err(error.hint("start it with --config FILE, or change the configuration by edits")));
        }
    }
}
