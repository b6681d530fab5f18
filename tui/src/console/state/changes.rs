//! The commits that are known, newest first, and which of them is looked at.
//!
//! A page of the history is asked for when the screen is shown, another when its end is reached.

use poise_ipc::edit::Edit;
use poise_ipc::message::Commit;

/// Commits asked for at once.
pub const PAGE: u32 = 100;
/// Commits kept; those at the end make room.
pub const COMMITS_MAX: usize = 1_000;

/// The history as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    commits: Vec<Commit>,
    /// The revision that is looked at; the newest where there is none.
    selected: Option<u64>,
    top: usize,
    /// Whether the first page was asked for since the link was made.
    pub is_begun: bool,
    /// Whether nothing older is left, or kept.
    pub is_whole: bool,
}

impl Changes {
    /// Takes commits in whatever order; what is known already stays once.
    pub fn take(&mut self, commits: Vec<Commit>) {
        for commit in commits {
            match self.commits.binary_search_by(|known| commit.revision.cmp(&known.revision)) {
                Ok(at) => self.commits[at] = commit,
                Err(at) => self.commits.insert(at, commit),
            }
        }
        if self.commits.len() > COMMITS_MAX {
            self.commits.truncate(COMMITS_MAX);
            self.is_whole = true;
        }
    }

    /// The newest ones come, from this revision on: what is known and does not reach up to it has a gap above
    /// it, and is forgotten.
    pub fn begin(&mut self, oldest: u64) {
        if self.commits.first().is_some_and(|newest| newest.revision + 1 < oldest) {
            self.commits.clear();
            self.is_whole = false;
        }
    }

    /// Forgets everything: another daemon may answer.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Those that are known, newest first.
    pub fn commits(&self) -> &[Commit] {
        &self.commits
    }

    /// A commit of this revision.
    pub fn commit(&self, revision: u64) -> Option<&Commit> {
        self.commits.iter().find(|commit| commit.revision == revision)
    }

    /// The last one of these after `base` that touches a path or what is below it.
    pub fn last_at(&self, path: &str, base: u64) -> Option<&Commit> {
        let touches = |edit: &Edit| within(edit.path(), path) || within(path, edit.path());
        self.commits.iter().take_while(|commit| commit.revision > base).find(|commit| commit.edits.iter().any(touches))
    }

    fn at(&self) -> usize {
        self.selected.and_then(|wanted| self.commits.iter().position(|c| c.revision == wanted)).unwrap_or(0)
    }

    /// The one that is looked at.
    pub fn selected(&self) -> Option<&Commit> {
        self.commits.get(self.at())
    }

    /// Moves the selection; says whether it stands at the end of what is known.
    pub fn move_by(&mut self, delta: isize) -> bool {
        let last = self.commits.len().saturating_sub(1);
        let at = self.at().saturating_add_signed(delta).min(last);
        self.selected = if at == 0 { None } else { self.commits.get(at).map(|commit| commit.revision) };
        at == last
    }

    /// Scrolls so that the selected one is among so many lines; gives the first of them.
    pub fn scroll(&mut self, height: usize) {
        let at = self.at();
        self.top = self.top.min(at).max((at + 1).saturating_sub(height));
    }

    /// The commits on a screen of so many lines.
    pub fn page(&self, height: usize) -> &[Commit] {
        let from = self.top.min(self.commits.len());
        &self.commits[from..self.commits.len().min(from + height)]
    }
}

/// Whether a path stands at another one or below it.
fn within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The value that a commit replaced at the path of one of its edits; none where there was none.
pub fn before<'a>(commit: &'a Commit, path: &str) -> Option<&'a str> {
    commit.inverse.iter().find_map(|edit| match edit {
        Edit::Set { path: set, value } if set == path => Some(value.as_str()),
        _ => None,
    })
}
