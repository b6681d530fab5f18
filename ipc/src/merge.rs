//! Three-way merges: what two sides have made of one configuration, brought together value by value.
//!
//! What only one side has changed is taken; what both have changed alike is agreed; where they differ
//! nothing is guessed: it is a conflict, with the three values, until somebody decides. Used for the
//! operator's file against the running configuration, for `poise edit`, and for drafts of the console.

use serde::{Deserialize, Serialize};

use crate::Config;
use crate::apply::{apply, get};
use crate::diff::diff;
use crate::edit::Edit;
use crate::fault::Fault;

#[cfg(test)]
mod tests;

/// A value that both sides have changed, each in its own way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Where.
    pub path: String,
    /// The value that both began with; absent where there was none.
    pub base: Option<String>,
    /// What the other side made of it; absent where it was removed or reset.
    pub theirs: Option<String>,
    /// What our side made of it.
    pub mine: Option<String>,
}

/// Who is right in a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The other one.
    Theirs,
    /// Ours.
    Mine,
}

/// Two sides brought together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// What leads from our side to the outcome.
    pub edits: Vec<Edit>,
    /// What nobody has decided; the outcome has our value there.
    pub conflicts: Vec<Conflict>,
}

/// Brings together what `theirs` and `mine` have made of `base`. `decide` says who is right at a path.
///
/// # Errors
/// Every fault of the outcome, where the changes of the two sides do not go together, as when one removes
/// a group that the other one begins to use.
pub fn merge(
    base: &Config,
    theirs: &Config,
    mine: &Config,
    decide: impl Fn(&str) -> Option<Side>,
) -> Result<Merged, Vec<Fault>> {
    let (from_them, from_us) = (diff(base, theirs), diff(base, mine));
    let (mut edits, mut conflicts) = (Vec::<Edit>::new(), Vec::<Conflict>::new());
    for edit in from_them {
        let met: Vec<&str> = from_us.iter().map(Edit::path).filter(|path| meet(path, edit.path())).collect();
        // The outermost of them: a whole object that one side has removed, say.
        let Some(path) = met.into_iter().chain([edit.path()]).min_by_key(|path| path.len()).map(str::to_owned) else {
            continue;
        };
        let is_met = from_us.iter().any(|own| meet(own.path(), edit.path()));
        if !is_met {
            edits.push(edit);
        } else if !conflicts.iter().any(|known| known.path == path) && !decided(&edits, &path) {
            let (base, theirs, mine) = (get(base, &path), get(theirs, &path), get(mine, &path));
            match decide(&path) {
                _ if theirs == mine => {}
                Some(Side::Mine) => {}
                Some(Side::Theirs) => {
                    edits.push(theirs.map_or_else(|| Edit::remove(&path), |value| Edit::set(&path, value)));
                }
                None => conflicts.push(Conflict { path, base, theirs, mine }),
            }
        }
    }
    let mut outcome = apply(mine, &edits)?;
    // Some settings move others: what is ours stays as we made it.
    let ours = from_us.into_iter().filter(|own| !edits.iter().any(|edit| meet(own.path(), edit.path())));
    let moved: Vec<Edit> = ours.filter(|own| get(&outcome, own.path()) != get(mine, own.path())).collect();
    if !moved.is_empty() {
        outcome = apply(&outcome, &moved)?;
    }
    Ok(Merged { edits: diff(mine, &outcome), conflicts })
}

/// Whether one of two paths is the other one or leads to it.
fn meet(one: &str, other: &str) -> bool {
    let leads =
        |short: &str, long: &str| long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    leads(one, other) || leads(other, one)
}

/// Whether an edit has settled a path already.
fn decided(edits: &[Edit], path: &str) -> bool {
    edits.iter().any(|edit| edit.path() == path)
}
