//! What keys and news do to the state; above all what they never do.

mod changes;
mod health;
mod log;
mod screens;

use poise_ipc::edit::Edit;
use poise_ipc::message::{ErrorCode, ErrorReply, EventBody, Role, ServerMessage, Verb};
use poise_ipc::model::AdminState;
use proptest::prelude::*;

use crate::console::fixture::{Bench, NOW_MS, connected, counters, event, status};
use crate::console::key::Key;
use crate::console::msg::{Effect, Msg};
use crate::console::state::LinkState;
use crate::console::state::balance::Sort;
use crate::console::state::overlay::{Field, Overlay, Question};
use crate::console::state::screen::Screen;

const SIZE: (u16, u16) = (80, 24);

fn asks(bench: &Bench) -> Option<&Question> {
    match &bench.state.overlay {
        Some(Overlay::Ask(ask)) => Some(&ask.question),
        _ => None,
    }
}

fn refuse(bench: &mut Bench, error: ErrorReply) {
    let (id, _) = bench.sent_commits().pop().expect("a commit was sent");
    bench.tell(Msg::Server(Box::new(ServerMessage::Error { id, error })));
}

#[test]
fn a_weight_is_staged_committed_with_its_revision_and_then_gone_from_the_draft() {
    let mut bench = Bench::live(SIZE);
    bench.press("Down + + } c");
    assert!(matches!(asks(&bench), Some(Question::Commit { sent: false, .. })));
    assert!(bench.sent_commits().is_empty());
    bench.press("y");
    let (_, apply) = bench.sent_commits().pop().unwrap();
    assert_eq!(apply.if_revision, Some(412));
    assert_eq!(apply.edits, [Edit::weight(&"app/app-2".parse().unwrap(), 112)]);
    bench.applied(413);
    assert!(bench.state.draft.is_empty() && bench.state.overlay.is_none());
    let saved = bench.effects.iter().rev().find_map(|e| match e {
        Effect::SaveDraft { draft, .. } => Some(draft.staged.is_empty()),
        _ => None,
    });
    assert_eq!(saved, Some(true), "the draft on disk goes with it");
}

#[test]
fn type_ahead_does_not_answer_a_dialog() {
    let mut bench = Bench::live(SIZE);
    bench.press("+ c");
    // Before the dialog was seen, and within 300 ms after.
    bench.tell(Msg::Key(Key::Char('y')));
    bench.tell(Msg::Painted);
    bench.now_ms += 299;
    bench.tell(Msg::Key(Key::Char('y')));
    assert!(bench.sent_commits().is_empty());
    bench.now_ms += 1;
    bench.tell(Msg::Key(Key::Char('y')));
    assert_eq!(bench.sent_commits().len(), 1);
}

#[test]
fn enter_and_esc_cancel_because_cancel_has_the_focus() {
    for answer in ["Enter", "Esc", "q", "C-c"] {
        let mut bench = Bench::live(SIZE);
        bench.press("+ c");
        bench.press(answer);
        assert!(bench.state.overlay.is_none() && bench.sent_commits().is_empty() && bench.state.draft.len() == 1);
    }
}

#[test]
fn undo_and_redo_walk_the_draft() {
    let mut bench = Bench::live(SIZE);
    bench.press("+ } o");
    assert_eq!(bench.state.draft.edits().len(), 2);
    bench.press("u u");
    assert_eq!(bench.state.draft.edits(), [Edit::weight(&"app/app-1".parse().unwrap(), 101)]);
    bench.press("U U");
    let mine = bench.state.draft.get(1).unwrap().mine;
    assert_eq!((mine.weight, mine.state), (111, AdminState::Draining));
    bench.press("u u u u");
    assert!(bench.state.draft.is_empty());
}

#[test]
fn a_drain_is_soft_or_hard_and_the_same_key_takes_it_back() {
    let mut bench = Bench::live(SIZE);
    for (key, wanted) in [("o", AdminState::Draining), ("a", AdminState::DrainingHard)] {
        bench.press(key);
        assert_eq!(bench.state.draft.get(1).unwrap().mine.state, wanted);
    }
    bench.press("a");
    assert!(bench.state.draft.is_empty());
}

#[test]
fn edits_act_on_all_marked_backends() {
    let mut bench = Bench::live(SIZE);
    bench.press("Space Space o");
    assert_eq!(bench.state.draft.len(), 2);
    // All have it already: the same key takes it back.
    bench.press("o");
    assert!(bench.state.draft.is_empty());
    bench.press("Esc v Down Down v =");
    for digit in "77".chars() {
        bench.tell(Msg::Key(Key::Char(digit)));
    }
    bench.press("Enter");
    assert_eq!(bench.state.draft.len(), 3);
    assert!(bench.state.draft.iter().all(|(_, staged)| staged.mine.weight == 77));
}

#[test]
fn a_weight_out_of_range_keeps_the_field_open_and_says_why() {
    let mut bench = Bench::live(SIZE);
    bench.press("= 1 0 0 1 Enter");
    assert!(matches!(&bench.state.overlay, Some(Overlay::Field(Field { error: Some(_), .. }))));
    bench.press("Backspace Enter");
    assert!(bench.state.overlay.is_none() && bench.state.draft.is_empty(), "100 is what it was");
    bench.press("= - 5 Enter Esc");
    assert!(bench.state.draft.is_empty());
}

#[test]
fn a_read_only_console_stages_nothing_and_gives_up_its_rights() {
    let mut bench = Bench::new(SIZE);
    bench.state.read_only = true;
    bench.tell(connected(Role::Admin));
    assert!(
        bench
            .effects
            .iter()
            .any(|e| matches!(e, Effect::Send(r) if matches!(r.verb, Verb::StepDown { role: Role::View })))
    );
    bench.tell(event(NOW_MS, EventBody::Snapshot(Box::new(status(412, 0)))));
    bench.press("+ } = o m c y");
    assert!(bench.state.draft.is_empty() && bench.sent_commits().is_empty());
    let mut viewer = Bench::new(SIZE);
    viewer.tell(connected(Role::View));
    viewer.tell(event(NOW_MS, EventBody::Snapshot(Box::new(status(412, 0)))));
    viewer.press("+ c y");
    assert!(viewer.state.draft.is_empty() && viewer.sent_commits().is_empty());
}

#[test]
fn a_conflict_keeps_the_draft_and_shows_theirs_beside_mine() {
    let mut bench = Bench::live(SIZE);
    bench.press("+ Down + c y");
    let mut error = ErrorReply::new(ErrorCode::Conflict, "the revision is 413");
    error.revision = Some(413);
    refuse(&mut bench, error);
    assert_eq!(bench.state.draft.len(), 2);
    let mut theirs = status(413, 30);
    theirs.groups[0].backends[0].weight = 7;
    bench.tell(event(NOW_MS + 30_000, EventBody::Snapshot(Box::new(theirs))));
    bench.press("c");
    let Some(Question::Conflict { overlaps, .. }) = asks(&bench) else { panic!("no conflict shown") };
    assert_eq!((overlaps.len(), overlaps[0].theirs.unwrap().weight, overlaps[0].mine.weight), (1, 7, 101));
    // Theirs win unless chosen otherwise; what does not overlap stays.
    bench.press("r");
    assert!(matches!(asks(&bench), Some(Question::Commit { .. })));
    bench.press("y");
    let (_, apply) = bench.sent_commits().pop().unwrap();
    assert_eq!(apply.if_revision, Some(413));
    assert_eq!(apply.edits, [Edit::weight(&"app/app-2".parse().unwrap(), 101)]);
}

#[test]
fn in_a_conflict_mine_can_be_chosen() {
    let mut bench = Bench::live(SIZE);
    bench.press("+");
    let mut theirs = status(413, 30);
    theirs.groups[0].backends[0].weight = 7;
    bench.tell(event(NOW_MS + 30_000, EventBody::Snapshot(Box::new(theirs))));
    bench.press("c Space r y");
    let (_, apply) = bench.sent_commits().pop().unwrap();
    assert_eq!((apply.if_revision, apply.edits.len()), (Some(413), 1));
    assert_eq!(apply.edits[0], Edit::weight(&"app/app-1".parse().unwrap(), 101));
}

#[test]
fn a_commit_on_an_old_revision_is_rebased_when_nothing_overlaps() {
    let mut bench = Bench::live(SIZE);
    bench.press("+");
    let mut theirs = status(413, 30);
    theirs.groups[0].backends[0].state = AdminState::Draining;
    bench.tell(event(NOW_MS + 30_000, EventBody::Snapshot(Box::new(theirs))));
    bench.press("c y");
    let (_, apply) = bench.sent_commits().pop().unwrap();
    assert_eq!((apply.if_revision, apply.edits.len()), (Some(413), 1), "their admin state is not taken back");
}

#[test]
fn faults_of_a_refused_commit_are_all_shown_and_safe() {
    let mut bench = Bench::live(SIZE);
    bench.press("+ c y");
    let mut error = ErrorReply::new(ErrorCode::Invalid, "the configuration would be invalid");
    error.faults = vec![poise_ipc::fault::Fault::new("groups.app", "bad \u{1b}[31mthing"); 3];
    refuse(&mut bench, error);
    let Some(Overlay::Faults { lines, .. }) = &bench.state.overlay else { panic!("no faults shown") };
    assert!(lines.len() == 3 && lines.iter().all(|line| !line.contains('\u{1b}')));
    assert_eq!(bench.state.draft.len(), 1);
}

#[test]
fn a_lost_link_keeps_draft_and_data_and_says_since_when() {
    let mut bench = Bench::live(SIZE);
    bench.press("+ c y");
    let lost = |reason: &str| Msg::Lost { reason: reason.to_owned(), at_ms: NOW_MS };
    bench.tell(lost("the daemon closed the connection"));
    bench.tell(lost("connection refused"));
    assert_eq!(bench.state.link, LinkState::Stale { since_ms: NOW_MS, reason: "connection refused".to_owned() });
    assert!(bench.state.draft.len() == 1 && bench.state.model.is_some() && bench.state.overlay.is_none());
    bench.press("c");
    assert!(bench.state.overlay.is_none(), "nothing is committed into the void");
    // The commit had been made all the same: after the return nothing is left of the draft.
    bench.tell(connected(Role::Operate));
    let mut after = status(413, 30);
    after.groups[0].backends[0].weight = 101;
    bench.tell(event(NOW_MS + 40_000, EventBody::Snapshot(Box::new(after))));
    assert!(bench.state.draft.is_empty() && bench.state.link == LinkState::Live);
}

#[test]
fn a_restored_draft_is_announced_and_another_daemons_draft_is_not_mixed_in() {
    let mut bench = Bench::live(SIZE);
    bench.press("+");
    let saved = bench.state.draft.saved();
    let mut next = Bench::new(SIZE);
    next.tell(connected(Role::Operate));
    assert!(next.effects.contains(&Effect::LoadDraft { daemon_id: "d1".to_owned() }));
    next.tell(Msg::DraftLoaded(Some(saved.clone())));
    assert_eq!(next.state.draft.saved(), saved);
    let Msg::Connected(mut other) = connected(Role::Operate) else { unreachable!() };
    other.daemon_id = "d2".to_owned();
    next.tell(Msg::Connected(other));
    assert!(next.state.draft.is_empty());
}

#[test]
fn esc_goes_back_the_way_one_came() {
    let mut bench = Bench::live(SIZE);
    bench.press("1 End Enter");
    assert_eq!(bench.state.balance.scope.as_ref().unwrap().as_str(), "static");
    bench.press("Space");
    bench.press("Esc");
    assert_eq!((bench.state.screen, bench.state.balance.marks.len()), (Screen::Balance, 0));
    bench.press("Esc");
    assert_eq!((bench.state.screen, bench.state.balance.scope.clone()), (Screen::Overview, None));
}

#[test]
fn the_filter_narrows_while_typing_and_esc_brings_the_old_one_back() {
    let mut bench = Bench::live(SIZE);
    bench.press("/ s t a t e : d o w n");
    assert_eq!(bench.state.balance.shown().collect::<Vec<_>>(), [6]);
    bench.press("Esc");
    assert_eq!(bench.state.balance.shown().count(), 12);
    bench.press("/");
    bench.tell(Msg::Paste("weight>\u{1b}[A100\n".to_owned()));
    assert_eq!(bench.state.balance.filter.text(), "weight>[A100");
}

#[test]
fn a_paste_outside_a_field_does_nothing() {
    let mut bench = Bench::live(SIZE);
    bench.tell(Msg::Paste("+++cyq".to_owned()));
    assert!(bench.state.draft.is_empty() && bench.effects.is_empty());
}

#[test]
fn quitting_asks_when_edits_are_staged() {
    let mut bench = Bench::live(SIZE);
    bench.press("+ q");
    assert!(matches!(asks(&bench), Some(Question::Quit)) && !bench.effects.contains(&Effect::Quit));
    bench.press("y");
    assert!(bench.effects.contains(&Effect::Quit));
    let mut clean = Bench::live(SIZE);
    clean.press("q");
    assert!(clean.effects.contains(&Effect::Quit));
}

#[test]
fn ctrl_c_twice_within_a_second_quits() {
    let mut bench = Bench::live(SIZE);
    bench.press("C-c C-c");
    assert!(bench.effects.contains(&Effect::Quit));
    let mut slow = Bench::live(SIZE);
    slow.press("C-c");
    slow.now_ms += 1_000;
    slow.press("C-c");
    assert!(!slow.effects.contains(&Effect::Quit));
}

#[test]
fn enter_in_the_list_of_keys_runs_the_chosen_one() {
    let mut bench = Bench::live(SIZE);
    bench.press("? r e v e r s e Enter");
    assert!(bench.state.balance.reverse && bench.state.overlay.is_none());
}

#[test]
fn shares_age_without_news_and_then_rest() {
    let mut bench = Bench::live(SIZE);
    let mut turns = 0;
    while let Some(due_ms) = bench.state.next_age_ms() {
        bench.now_ms = due_ms.max(bench.now_ms);
        bench.tell(Msg::Aged);
        turns += 1;
        assert!(turns < 20, "an idle console must come to rest");
    }
    assert!(turns > 5);
}

/// One step of a random operator or daemon.
#[derive(Clone, Debug)]
enum Step {
    Key(Key),
    Soon(Key),
    Counters,
    Snapshot { weight: u16, gone: bool },
    Lose,
    Return,
    Resize(u16, u16),
}

fn key() -> impl Strategy<Value = Key> {
    let named =
        vec![Key::Enter, Key::Esc, Key::Up, Key::Down, Key::Tab, Key::BackTab, Key::End, Key::PageUp, Key::Backspace];
    prop_oneof![
        6 => prop::sample::select("+-}{=omuUXdcy/ v*sStpfFeET123?qrgGjk59".chars().map(Key::Char).collect::<Vec<_>>()),
        2 => prop::sample::select(named),
        1 => any::<char>().prop_map(Key::Char),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => key().prop_map(Step::Key),
        3 => key().prop_map(Step::Soon),
        2 => Just(Step::Counters),
        1 => (0u16..5, any::<bool>()).prop_map(|(weight, gone)| Step::Snapshot { weight, gone }),
        1 => Just(Step::Lose),
        1 => Just(Step::Return),
        1 => (1u16..200, 1u16..60).prop_map(|(width, height)| Step::Resize(width, height)),
    ]
}

fn take(bench: &mut Bench, step: &Step, revision: &mut u64, seconds: &mut u64) {
    match step {
        Step::Key(key) => {
            bench.tell(Msg::Painted);
            bench.now_ms += 400;
            bench.tell(Msg::Key(*key));
        }
        Step::Soon(key) => bench.tell(Msg::Key(*key)),
        Step::Counters => {
            *seconds += 1;
            bench.tell(event(NOW_MS + *seconds * 1_000, EventBody::Counters(counters(*seconds))));
        }
        Step::Snapshot { weight, gone } => {
            *revision += 1;
            let mut news = status(*revision, *seconds);
            news.groups[0].backends[1].weight = *weight;
            if *gone {
                news.groups[0].backends.remove(3);
            }
            bench.tell(event(NOW_MS + *seconds * 1_000, EventBody::Snapshot(Box::new(news))));
        }
        Step::Lose => bench.tell(Msg::Lost { reason: "closed".to_owned(), at_ms: NOW_MS }),
        Step::Return => bench.tell(connected(Role::Operate)),
        Step::Resize(width, height) => bench.tell(Msg::Resize(*width, *height)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn nothing_is_committed_without_its_dialog_and_no_draft_is_lost(steps in prop::collection::vec(step(), 1..120)) {
        let mut bench = Bench::live(SIZE);
        let (mut revision, mut seconds) = (412, 30);
        for step in steps {
            let before = bench.state.clone();
            let commits = bench.sent_commits().len();
            take(&mut bench, &step, &mut revision, &mut seconds);
            // A `Key` comes after its dialog was seen for long enough, a `Soon` only perhaps.
            let seen = |listens: bool| listens || matches!(step, Step::Key(_));
            let asked = matches!(&before.overlay, Some(Overlay::Ask(ask))
                if matches!(ask.question, Question::Commit { sent: false, .. }) && seen(ask.listens(bench.now_ms)));
            if bench.sent_commits().len() > commits {
                let confirmed = matches!(step, Step::Key(Key::Char('y')) | Step::Soon(Key::Char('y')));
                prop_assert!(asked && confirmed, "{:?}", step);
                let (_, apply) = bench.sent_commits().pop().unwrap();
                prop_assert_eq!(apply.edits, before.draft.edits());
                prop_assert_eq!(apply.if_revision, Some(before.draft.base_revision()));
            }
            // Every change of the draft is on its way to the disk.
            if bench.state.draft.saved() != before.draft.saved() && !bench.state.draft.is_empty() {
                let newest = bench.effects.iter().rev().find_map(|e| match e {
                    Effect::SaveDraft { draft, .. } => Some(draft.clone()),
                    _ => None,
                });
                prop_assert_eq!(newest, Some(bench.state.draft.saved()));
            }
            let news = !matches!(step, Step::Key(_) | Step::Soon(_));
            if news {
                // News never turn an edit or a selection onto another backend.
                for (id, staged) in bench.state.draft.iter() {
                    prop_assert_eq!(before.draft.get(id).map(|s| (s.mine, &s.path)), Some((staged.mine, &staged.path)));
                }
                let selected = bench.state.balance.selected;
                prop_assert!(selected.is_none() || selected == before.balance.selected);
            }
            if before.is_frozen() && bench.state.is_frozen() && matches!(step, Step::Counters) {
                prop_assert_eq!(before.balance.lines(), bench.state.balance.lines());
            }
        }
    }

    #[test]
    fn a_re_sort_never_changes_what_an_edit_acts_on(moves in 0usize..12, sorts in 0usize..5, reverse in any::<bool>(), turns in 1u64..5) {
        let mut bench = Bench::live(SIZE);
        for _ in 0..moves {
            bench.press("Down");
        }
        for _ in 0..sorts {
            bench.press("s");
        }
        if reverse {
            bench.press("S");
        }
        let target = bench.state.balance.selected.unwrap();
        prop_assert!(sorts != 0 || bench.state.balance.sort == Sort::Name);
        for second in 0..turns {
            bench.tell(event(NOW_MS + 40_000 + second * 1_000, EventBody::Counters(counters(40 + second * 50))));
        }
        bench.press("}");
        prop_assert_eq!(bench.state.draft.iter().map(|(id, _)| id).collect::<Vec<_>>(), [target]);
    }
}
