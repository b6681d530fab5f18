//! A split: requests shared out between groups in exact proportion to their weights.
//!
//! The sequence is the one that `wrr` uses within a group, with groups in the place of backends; it
//! goes on over edits. It does not look at the groups' health.

use poise_ipc::Name;

use crate::plan::BackendId;
use crate::schedule::{Entrant, Walk};

/// The shared sequence of a split.
#[derive(Debug)]
pub(super) struct Split {
    groups: Box<[Name]>,
    walk: Walk,
}

impl Split {
    /// A split between these groups that goes on where `before` stands.
    pub(super) fn new<'n>(shares: impl Iterator<Item = (&'n Name, u16)>, before: Option<&Self>) -> Self {
        let mut fresh = before.map_or(0, |before| before.groups.len() as u64);
        let known = |group: &Name| before?.groups.iter().position(|other| other == group);
        let (mut groups, mut entrants) = (Vec::new(), Vec::new());
        for (group, weight) in shares {
            let id = known(group).map_or_else(
                || {
                    fresh += 1;
                    fresh
                },
                |at| at as u64,
            );
            groups.push(group.clone());
            entrants.push(Entrant { id: BackendId(id), weight: weight.into() });
        }
        let walk = Walk::new(entrants, before.map(|before| &before.walk));
        Self { groups: groups.into(), walk }
    }

    /// The next in the sequence; `None` if every weight is 0.
    pub(super) fn choose(&self) -> Option<usize> {
        self.walk.next()
    }
}
