//! Who of a group's backends is used: the policy over what is known of each.
//!
//! A backend *serves* when it is enabled, has weight and is no backup. It is *fit* when its checks do
//! not say down, damping and ejections do not keep it out, and its name has an address. Of those that
//! are not fit, the ones that failed last are *kept* until `min_usable` of those that serve are usable.
//! Then, from the first row that applies:
//!
//! | usable of those that serve | backups | `fail_open` | who is used |
//! |---|---|---|---|
//! | some, and not fewer than `below` | any | any | the usable ones |
//! | none | one is fit | any | the fit backups |
//! | none | none is fit | `never` | nobody |
//! | some, though fewer than `below` | any | `all-down`, `never` | the usable ones |
//! | none, or fewer than `below` | none is fit, or some are usable | `all` | all that serve; all backups where nobody serves |
//! | the same | the same | `last-known-good` | the usable ones, and those that were usable when there were last enough; all where nothing is known of that |
//! | the same | the same | `reject` | nobody |
//!
//! Pure: it keeps no state. The plan calls it and carries the set of the good from one plan to the next.

use std::cmp::Reverse;

use poise_ipc::cause::Cause;
use poise_ipc::model::{Amount, FailOpen, FailOpenUse, FailOpenWhen};

use super::Standing;

/// A backend as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one backend")]
pub struct Member {
    /// The operator wants it to take new work: it is enabled and has weight.
    pub takes_new: bool,
    /// It serves only while the others cannot.
    pub backup: bool,
    /// Its name has an address.
    pub reachable: bool,
    /// What is known of it.
    pub standing: Standing,
    /// It was usable when there were last enough.
    pub was_good: bool,
}

/// The settings that bear on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What is done when too few are usable.
    pub fail_open: FailOpen,
    /// How many stay usable whatever is known of them.
    pub min_usable: Amount,
}

/// Why a backend is used, or that it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Use {
    /// It is not.
    #[default]
    Not,
    /// It is fit.
    Fit,
    /// It is not fit, and `min_usable` keeps it.
    Kept,
    /// It is not fit, and the group fails open.
    Open,
}

/// What comes of it for the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Why each backend is used, in the order of the members.
    pub uses: Vec<Use>,
    /// Too few are usable, and the group does what it was told to do then.
    pub failing_open: bool,
    /// The backups serve, and nobody else.
    pub on_backups: bool,
    /// What to say when nobody is used.
    pub none: Cause,
    /// Whether there are enough, so that those who are usable now are the good ones from now on.
    pub enough: bool,
}

impl Member {
    fn is_fit(&self) -> bool {
        self.reachable && self.standing.is_fit()
    }

    fn serves(&self, backups: bool) -> bool {
        self.takes_new && self.backup == backups
    }
}

/// Decides who is used.
pub fn decide(policy: Policy, members: &[Member]) -> Outlook {
    let mut uses: Vec<Use> = members.iter().map(|m| if m.is_fit() { Use::Fit } else { Use::Not }).collect();
    keep(policy.min_usable, members, &mut uses);
    let usable =
        |backups| members.iter().zip(&uses).filter(|(m, used)| m.serves(backups) && **used != Use::Not).count();
    let (serving, spare) = (usable(false), usable(true));
    let all = members.iter().filter(|member| member.serves(false)).count();
    let none = if members.iter().any(|member| member.takes_new) { Cause::AllDown } else { Cause::NoBackend };
    let on_backups = serving == 0 && (spare > 0 || all == 0 && none == Cause::AllDown);
    let FailOpen { when, below, using } = policy.fail_open;
    let nobody = serving == 0 && spare == 0 && none == Cause::AllDown;
    let failing_open = match when {
        FailOpenWhen::Never => false,
        FailOpenWhen::AllDown => nobody,
        FailOpenWhen::Below => nobody || spare_not_serving(serving, spare) && serving < below.of(all),
    };
    if failing_open {
        open(using, members, &mut uses);
    }
    Outlook { uses, failing_open, on_backups, none, enough: serving > 0 && !failing_open }
}

/// Backups that serve take the place of those who should: the group has not too few then.
const fn spare_not_serving(serving: usize, spare: usize) -> bool {
    serving > 0 || spare == 0
}

/// Keeps as many as are wanted, those that failed last first.
fn keep(min_usable: Amount, members: &[Member], uses: &mut [Use]) {
    let serving = || members.iter().enumerate().filter(|(_, member)| member.serves(false));
    let fit = serving().filter(|(_, member)| member.is_fit()).count();
    let mut unfit: Vec<_> = serving().filter(|(_, member)| member.reachable && !member.is_fit()).collect();
    unfit.sort_by_key(|(at, member)| (Reverse(member.standing.unfit_since_ms), *at));
    let missing = min_usable.of(serving().count()).saturating_sub(fit);
    unfit.into_iter().take(missing).for_each(|(at, _)| uses[at] = Use::Kept);
}

/// Uses those that are not usable, as the policy says.
fn open(using: FailOpenUse, members: &[Member], uses: &mut [Use]) {
    let good = |member: &Member| member.was_good && member.takes_new && member.reachable;
    let known = members.iter().any(good);
    for (member, used) in members.iter().zip(uses) {
        match using {
            FailOpenUse::Reject => *used = Use::Not,
            FailOpenUse::LastKnownGood if known && !good(member) => {}
            FailOpenUse::All | FailOpenUse::LastKnownGood if *used == Use::Not && member.reachable => *used = Use::Open,
            FailOpenUse::All | FailOpenUse::LastKnownGood => {}
        }
    }
}

#[cfg(test)]
mod tests;
