//! The draft: edits not yet applied, with undo, and what they would do.
//!
//! A staged edit is tied to a backend's id and remembers the values it replaces, so that neither a
//! re-sort nor another operator's commit can turn it onto something else. The draft applies
//! nothing itself and touches no file.

use std::collections::{BTreeMap, VecDeque};

use poise_ipc::edit::{Edit, setting_path};
use poise_ipc::model::AdminState;
use poise_ipc::name::BackendPath;
use poise_ipc::status::BackendStatus;
use serde::{Deserialize, Serialize};

use super::model::Model;
use super::order::natural;

/// Steps of undo that are kept.
const STEPS_MAX: usize = 200;

/// What an operator can stage on a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// Configured weight.
    pub weight: u16,
    /// Admin state.
    pub state: AdminState,
}

impl Values {
    /// The values of a backend as they are configured, whatever a lease or ramp holds above them.
    pub fn of(backend: &BackendStatus) -> Self {
        let (weight, state) = backend.configured.map_or((backend.weight, backend.state), |own| (own.weight, own.state));
        Self { weight, state }
    }
}

/// Staged values of one backend; never equal to those it replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// Where the backend stands in the configuration.
    pub path: BackendPath,
    /// Values when it was staged.
    pub base: Values,
    /// Values wanted.
    pub mine: Values,
}

impl Staged {
    /// The edits that bring it about.
    fn edits(&self) -> impl Iterator<Item = Edit> {
        let weight = (self.mine.weight != self.base.weight).then(|| Edit::weight(&self.path, self.mine.weight));
        let state = (self.mine.state != self.base.state)
            .then(|| Edit::Set { path: setting_path(&self.path, "state"), value: format!("\"{}\"", self.mine.state) });
        weight.into_iter().chain(state)
    }

    /// Whether `theirs` gives a value that is staged here yet another value.
    fn clashes(&self, theirs: Values) -> bool {
        let Self { base, mine, .. } = self;
        let weight = mine.weight != base.weight && theirs.weight != base.weight && theirs.weight != mine.weight;
        let state = mine.state != base.state && theirs.state != base.state && theirs.state != mine.state;
        weight || state
    }

    /// The same edit on top of `theirs`; where both changed a value, `keep` lets this one win.
    fn onto(self, theirs: Values, keep: bool) -> Self {
        let Self { path, base, mine } = self;
        let wins = |staged: bool, moved: bool| staged && (keep || !moved);
        let weight =
            if wins(mine.weight != base.weight, theirs.weight != base.weight) { mine.weight } else { theirs.weight };
        let state = if wins(mine.state != base.state, theirs.state != base.state) { mine.state } else { theirs.state };
        Self { path, base: theirs, mine: Values { weight, state } }
    }
}

/// One step of undo: what stood there before and after, per backend.
type Step = Vec<(u64, Option<Staged>, Option<Staged>)>;

/// The edits not yet applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The revision they were made on.
    base_revision: u64,
    staged: BTreeMap<u64, Staged>,
    undo: VecDeque<Step>,
    redo: Vec<Step>,
}

/// A draft as it is kept on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDraft {
    /// Version of this form: 1.
    pub version: u8,
    /// The revision the edits were made on.
    pub base_revision: u64,
    /// Staged values by id of the backend.
    pub staged: Vec<(u64, Staged)>,
}

/// A staged edit beside a newer configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The backend.
    pub id: u64,
    /// Where it stands.
    pub path: BackendPath,
    /// Values when it was staged.
    pub base: Values,
    /// Values now; `None` when the backend is gone.
    pub theirs: Option<Values>,
    /// Values wanted.
    pub mine: Values,
}

impl Draft {
    /// Number of backends with staged values.
    pub fn len(&self) -> usize {
        self.staged.len()
    }

    /// Whether nothing is staged.
    pub fn is_empty(&self) -> bool {
        self.staged.is_empty()
    }

    /// The revision the edits were made on.
    pub fn base_revision(&self) -> u64 {
        self.base_revision
    }

    /// Staged values of a backend.
    pub fn get(&self, id: u64) -> Option<&Staged> {
        self.staged.get(&id)
    }

    /// Every staged edit, in the order of paths.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Staged)> {
        let mut all: Vec<_> = self.staged.iter().map(|(id, staged)| (*id, staged)).collect();
        all.sort_by(|(_, Staged { path: a, .. }), (_, Staged { path: b, .. })| {
            a.group.cmp(&b.group).then_with(|| natural(a.backend.as_str(), b.backend.as_str()))
        });
        all.into_iter()
    }

    /// The edits to apply.
    pub fn edits(&self) -> Vec<Edit> {
        self.iter().flat_map(|(_, staged)| staged.edits()).collect()
    }

    /// Stages new values for some backends as one step of undo; says whether anything changed.
    pub fn stage(&mut self, model: &Model, ids: &[u64], change: impl Fn(Values) -> Values) -> bool {
        if self.is_empty() {
            self.base_revision = model.status().revision;
        }
        let mut step = Step::new();
        for &id in ids {
            let Some((group, backend)) = model.backend(id) else { continue };
            let before = self.staged.get(&id).cloned();
            let base = before.as_ref().map_or_else(|| Values::of(backend), |staged| staged.base);
            let mine = change(before.as_ref().map_or(base, |staged| staged.mine));
            let path = BackendPath::new(group.name.clone(), backend.name.clone());
            let after = (mine != base).then_some(Staged { path, base, mine });
            if before != after {
                step.push((id, before, after));
            }
        }
        let changed = !step.is_empty();
        if changed {
            self.apply(&step, false);
            self.redo.clear();
            self.remember(step);
        }
        changed
    }

    fn remember(&mut self, step: Step) {
        if self.undo.len() == STEPS_MAX {
            self.undo.pop_front();
        }
        self.undo.push_back(step);
    }

    fn apply(&mut self, step: &Step, backwards: bool) {
        for (id, before, after) in step {
            match if backwards { before } else { after } {
                Some(staged) => self.staged.insert(*id, staged.clone()),
                None => self.staged.remove(id),
            };
        }
    }

    /// Takes the last step back; says whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(step) = self.undo.pop_back() else { return false };
        self.apply(&step, true);
        self.redo.push(step);
        true
    }

    /// Takes the last undo back; says whether there was one.
    pub fn redo(&mut self) -> bool {
        let Some(step) = self.redo.pop() else { return false };
        self.apply(&step, false);
        self.remember(step);
        true
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes out what was committed as `revision`; what was staged since stays, on top of it.
    pub fn committed(&mut self, sent: &SavedDraft, revision: u64) {
        for (id, done) in &sent.staged {
            let Some(staged) = self.staged.get_mut(id) else { continue };
            staged.base = done.mine;
            if staged.mine == staged.base {
                self.staged.remove(id);
            }
        }
        self.base_revision = revision;
        self.undo.clear();
        self.redo.clear();
    }

    /// The form for the disk.
    pub fn saved(&self) -> SavedDraft {
        let staged = self.staged.iter().map(|(id, staged)| (*id, staged.clone())).collect();
        SavedDraft { version: 1, base_revision: self.base_revision, staged }
    }

    /// A draft from the disk.
    pub fn restored(saved: SavedDraft) -> Self {
        let staged = saved.staged.into_iter().filter(|(_, staged)| staged.mine != staged.base).collect();
        Self { base_revision: saved.base_revision, staged, ..Self::default() }
    }

    /// Edits that another commit has given other values since they were staged, or whose backend is gone.
    pub fn overlaps(&self, model: &Model) -> Vec<Overlap> {
        let overlap = |(id, staged): (u64, &Staged)| {
            let theirs = model.backend(id).map(|(_, backend)| Values::of(backend));
            let clash = theirs.is_none_or(|theirs| staged.clashes(theirs));
            clash.then(|| Overlap { id, path: staged.path.clone(), base: staged.base, theirs, mine: staged.mine })
        };
        self.iter().filter_map(overlap).collect()
    }

    /// Drops edits that the newer configuration already contains; says how many.
    pub fn drop_done(&mut self, model: &Model) -> usize {
        let before = self.staged.len();
        self.staged.retain(|id, staged| model.backend(*id).is_none_or(|(_, b)| Values::of(b) != staged.mine));
        before - self.staged.len()
    }

    /// Puts the draft onto the revision of `model`: what does not overlap stays, of what does only
    /// the edits named in `keep`. Undo starts anew.
    pub fn rebase(&mut self, model: &Model, keep: &[u64]) {
        for (id, staged) in std::mem::take(&mut self.staged) {
            let Some((group, backend)) = model.backend(id) else { continue };
            let path = BackendPath::new(group.name.clone(), backend.name.clone());
            let staged = Staged { path, ..staged.onto(Values::of(backend), keep.contains(&id)) };
            if staged.mine != staged.base {
                self.staged.insert(id, staged);
            }
        }
        self.base_revision = model.status().revision;
        self.undo.clear();
        self.redo.clear();
    }
}

#[cfg(test)]
mod tests;
