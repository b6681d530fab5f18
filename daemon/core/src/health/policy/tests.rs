//! Every row of the policy table, and the policy against one that asks each backend anew.

use poise_ipc::status::Health;
use proptest::prelude::*;

use super::*;

/// A backend by a letter: `u` up, `d` down, `o` up but kept out, `U`/`D` the same as backups, `g` down and
/// good before, `x` without an address, `0` not wanted.
fn member((at, letter): (usize, char)) -> Member {
    let down = matches!(letter, 'd' | 'D' | 'g');
    let health = if down { Health::Down } else { Health::Up };
    Member {
        takes_new: letter != '0',
        backup: letter.is_ascii_uppercase(),
        reachable: letter != 'x',
        standing: Standing { health, is_out: letter == 'o', unfit_since_ms: u64::from(down) * (at as u64 + 1) },
        was_good: letter == 'g',
    }
}

/// Who is used of such backends: `1` fit, `k` kept, `f` by failing open, `.` not.
fn used(policy: Policy, letters: &str) -> (String, bool) {
    let members: Vec<_> = letters.chars().enumerate().map(member).collect();
    let outlook = decide(policy, &members);
    let serving = members.iter().zip(&outlook.uses).map(|(member, used)| {
        let serves = member.serves(outlook.on_backups);
        match used {
            Use::Fit if serves => '1',
            Use::Kept if serves => 'k',
            Use::Open if serves => 'f',
            _ => '.',
        }
    });
    (serving.collect(), outlook.failing_open)
}

fn fail_open(when: FailOpenWhen, below: Amount, using: FailOpenUse) -> Policy {
    Policy { fail_open: FailOpen { when, below, using }, min_usable: Amount::default() }
}

#[test]
fn every_row_of_the_table_holds() {
    use FailOpenUse::{All, LastKnownGood, Reject};
    use FailOpenWhen::{AllDown, Below, Never};
    let none = Amount::Number(0);
    let two = Amount::Number(2);
    let half = Amount::Percent(50);
    for (policy, letters, expected, open) in [
        // Some, and not fewer than `below`.
        (fail_open(AllDown, none, All), "ud", "1.", false),
        (fail_open(Never, none, All), "ud", "1.", false),
        (fail_open(Below, two, All), "uudd", "11..", false),
        (fail_open(Below, half, Reject), "uudd", "11..", false),
        // None, and a backup is fit.
        (fail_open(AllDown, none, All), "ddU", "..1", false),
        (fail_open(Never, none, All), "ddU", "..1", false),
        (fail_open(Below, two, Reject), "ddU", "..1", false),
        // None, no backup is fit, `never`.
        (fail_open(Never, none, All), "ddD", "...", false),
        // Some, though fewer than `below`, of another `when`.
        (fail_open(AllDown, two, All), "uddd", "1...", false),
        (fail_open(Never, two, All), "uddd", "1...", false),
        // `all`.
        (fail_open(AllDown, none, All), "dd", "ff", true),
        (fail_open(AllDown, none, All), "DD", "ff", true),
        (fail_open(Below, two, All), "uddd", "1fff", true),
        (fail_open(Below, half, All), "uddU", "1ff.", true),
        (fail_open(Below, none, All), "dd", "ff", true),
        // `last-known-good`.
        (fail_open(AllDown, none, LastKnownGood), "dgd", ".f.", true),
        (fail_open(AllDown, none, LastKnownGood), "ddd", "fff", true),
        (fail_open(Below, two, LastKnownGood), "ugd", "1f.", true),
        // `reject`.
        (fail_open(AllDown, none, Reject), "dd", "..", true),
        (fail_open(Below, two, Reject), "uddd", "....", true),
    ] {
        assert_eq!(used(policy, letters), (expected.to_owned(), open), "{policy:?} {letters}");
    }
}

#[test]
fn those_that_failed_last_are_kept_and_no_more_than_are_wanted() {
    let keep = |min_usable| Policy { min_usable, ..Policy::default() };
    assert_eq!(used(keep(Amount::Number(2)), "uddd").0, "1..k");
    assert_eq!(used(keep(Amount::Number(3)), "uddd").0, "1.kk");
    assert_eq!(used(keep(Amount::Percent(50)), "uddd").0, "1..k");
    assert_eq!(used(keep(Amount::Number(2)), "uudd").0, "11..");
    assert_eq!(used(keep(Amount::Number(9)), "dxo0").0, "k.k.", "nobody without an address, and nobody unwanted");
    assert_eq!(used(keep(Amount::Number(1)), "dU").0, "k.", "backups are left aside");
}

#[test]
fn nobody_is_asked_for_where_nobody_is_wanted() {
    assert_eq!(decide(Policy::default(), &[]).none, Cause::NoBackend);
    assert_eq!(decide(Policy::default(), &[member((0, '0'))]).none, Cause::NoBackend);
    let outlook = decide(Policy::default(), &[member((0, 'd'))]);
    assert_eq!((outlook.none, outlook.enough), (Cause::AllDown, false));
    assert!(decide(Policy::default(), &[member((0, 'u'))]).enough);
}

fn anybody() -> impl Strategy<Value = Vec<Member>> {
    let letter = prop::sample::select("uuddoUDgx0".chars().collect::<Vec<_>>());
    prop::collection::vec(letter, 0..8).prop_map(|letters| letters.into_iter().enumerate().map(member).collect())
}

fn a_policy() -> impl Strategy<Value = Policy> {
    let word = |words: &'static [(&'static str, FailOpenWhen)]| prop::sample::select(words).prop_map(|(_, word)| word);
    let using = prop::sample::select(FailOpenUse::WORDS).prop_map(|(_, word)| word);
    let amount = || prop_oneof![(0..5_u16).prop_map(Amount::Number), (0..=100_u8).prop_map(Amount::Percent)];
    (word(FailOpenWhen::WORDS), amount(), using, amount())
        .prop_map(|(when, below, using, min_usable)| Policy { fail_open: FailOpen { when, below, using }, min_usable })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_floor_holds_and_nobody_is_used_without_a_reason((policy, members) in (a_policy(), anybody())) {
        let outlook = decide(policy, &members);
        let rejects = outlook.failing_open && policy.fail_open.using == FailOpenUse::Reject;
        let serving: Vec<_> = members.iter().zip(&outlook.uses).filter(|(m, _)| m.takes_new && !m.backup).collect();
        let used = serving.iter().filter(|(_, used)| **used != Use::Not).count();
        let wanted = policy.min_usable.of(serving.len()).min(serving.iter().filter(|(m, _)| m.reachable).count());
        prop_assert!(rejects || used >= wanted, "{} of {}", used, wanted);
        for (member, used) in members.iter().zip(&outlook.uses) {
            match used {
                Use::Fit => prop_assert!(member.reachable && member.standing.is_fit()),
                Use::Kept => prop_assert!(member.reachable && !member.standing.is_fit() && !member.backup),
                Use::Open => prop_assert!(outlook.failing_open && member.reachable && !member.standing.is_fit()),
                Use::Not => prop_assert!(rejects || !member.reachable || !member.standing.is_fit()),
            }
        }
        prop_assert!(!outlook.failing_open || policy.fail_open.when != FailOpenWhen::Never);
        prop_assert!(!outlook.enough || used > 0 && !outlook.failing_open);
    }
}
