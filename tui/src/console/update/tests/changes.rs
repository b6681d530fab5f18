//! Confirm windows, leases, ramps, the history and the way back.

use poise_ipc::message::{
    Author, LayerAct, LayerEnd, LayerEnded, LayerNews, Reply, Verb, WindowAct, WindowEvent, WindowNews,
};
use poise_ipc::status::Configured;

use super::*;
use crate::console::fixture::{aftermath, commits, forecast, layer, name, window};
use crate::console::state::draft::Values;
use crate::console::state::overlay::{Answer, Proposal};

/// A console that was told that a window is open.
fn waiting() -> Bench {
    let mut bench = Bench::live(SIZE);
    let at_ms = NOW_MS + 31_000;
    let news = WindowNews { what: WindowEvent::Opened, window: window(60_000, at_ms) };
    bench.tell(event(at_ms, EventBody::Window(Box::new(news))));
    bench
}

/// A console with a lease on `app-2`.
fn leased() -> Bench {
    let mut bench = Bench::live(SIZE);
    let mut status = status(412, 31);
    status.layers = vec![layer(NOW_MS + 31_000)];
    let backend = status.groups[0].backends.iter_mut().find(|b| b.name == name("app-2")).unwrap();
    (backend.weight, backend.effective_weight) = (20, 20);
    backend.configured = Some(Configured { weight: 100, state: AdminState::Enabled });
    bench.tell(event(NOW_MS + 31_000, EventBody::Snapshot(Box::new(status))));
    bench
}

fn sent(bench: &Bench) -> Vec<Verb> {
    let verb = |effect: &Effect| match effect {
        Effect::Send(request) => Some(request.verb.clone()),
        _ => None,
    };
    bench.effects.iter().filter_map(verb).collect()
}

fn said(bench: &Bench) -> &str {
    bench.state.message.as_ref().map_or("", |(_, text)| text)
}

#[test]
fn a_window_is_kept_or_taken_back_after_a_question_and_with_its_revision() {
    for (key, act) in [("K", WindowAct::Confirm), ("b", WindowAct::Back)] {
        let mut bench = waiting();
        bench.press(key);
        assert!(sent(&bench).is_empty());
        bench.press("y");
        let Some(Verb::Window(query)) = sent(&bench).pop() else { panic!("nothing was asked") };
        assert_eq!((query.act, query.revision), (act, Some(412)));
    }
}

#[test]
fn the_question_goes_when_the_window_ends_and_nobody_answers_another_one() {
    let mut bench = waiting();
    bench.press("K");
    let by = Author::new(0, "root", 1);
    let news = WindowNews { what: WindowEvent::Confirmed { by }, window: window(60_000, NOW_MS + 31_000) };
    bench.tell(event(NOW_MS + 32_000, EventBody::Window(Box::new(news))));
    assert!(bench.state.overlay.is_none() && said(&bench).contains("confirmed by root"));
    bench.press("y K");
    assert!(sent(&bench).is_empty() && said(&bench).contains("nothing waits"));
}

#[test]
fn a_window_counts_down_although_nothing_is_heard() {
    let bench = waiting();
    let next_ms = bench.state.next_age_ms().expect("it counts down");
    assert!(next_ms <= bench.now_ms + 1_000, "{next_ms} at {}", bench.now_ms);
}

#[test]
fn a_commit_asks_for_a_window_with_a_wire_and_a_reason() {
    let mut bench = Bench::live(SIZE);
    bench.press("+ c w t r I N C Enter y");
    let (_, apply) = bench.sent_commits().pop().expect("a commit was sent");
    assert_eq!(apply.window.confirm_within_ms, Some(30_000));
    assert_eq!(apply.window.trips, ["5xx>1%".parse().unwrap()]);
    assert_eq!(apply.reason.as_deref(), Some("INC"));
    bench.applied(413);
    assert_eq!(bench.state.wish.reason(), None, "a reason is that of one commit");
    // A wire needs a time to confirm in.
    let mut bench = Bench::live(SIZE);
    bench.press("+ c t y");
    assert_eq!(bench.sent_commits().pop().unwrap().1.window.confirm_within_ms, Some(60_000));
}

#[test]
fn a_commit_beside_an_open_window_joins_it() {
    let mut bench = waiting();
    bench.press("+ c w y");
    let (_, apply) = bench.sent_commits().pop().expect("a commit was sent");
    assert!(apply.window.join && apply.window.confirm_within_ms.is_none());
}

#[test]
fn the_commit_dialog_shows_what_the_daemon_expects_or_why_it_would_refuse() {
    let mut bench = Bench::live(SIZE);
    bench.press("+ c");
    let Some(Verb::Plan(query)) = sent(&bench).pop() else { panic!("no forecast was asked for") };
    assert_eq!(query.if_revision, Some(412));
    bench.answer();
    let told = |bench: &Bench| match asks(bench) {
        Some(Question::Commit { forecast: Answer::Told(told), .. }) => Some(told.edits.len()),
        _ => None,
    };
    assert_eq!(told(&bench), Some(1));
    // One that comes late, for a dialog that was closed, changes nothing.
    bench.press("Esc + c");
    let id = bench.state.next_id - 1;
    bench.press("Esc");
    bench.reply(id, Reply::Plan(Box::new(forecast(&query))));
    assert!(bench.state.overlay.is_none());
    bench.press("c");
    let id = bench.state.next_id - 1;
    let error = ErrorReply::new(ErrorCode::Invalid, "the weights are all 0\u{1b}[2J");
    bench.tell(Msg::Server(Box::new(ServerMessage::Error { id, error })));
    let Some(Question::Commit { forecast: Answer::Refused(why), .. }) = asks(&bench) else { panic!("no refusal") };
    assert!(why.contains("the weights are all 0^[[2J"), "{why}");
}

#[test]
fn a_lease_is_typed_shown_and_begun() {
    let mut bench = Bench::live(SIZE);
    bench.press("L x Enter");
    assert!(matches!(&bench.state.overlay, Some(Overlay::Field(Field { error: Some(_), .. }))));
    bench.press("C-u 2 0 m Space d r a i n Space I N C Enter");
    let Some(Question::Commit { what: Proposal::Lease(query), .. }) = asks(&bench) else { panic!("no dialog") };
    let query = query.clone();
    assert_eq!((query.for_ms, query.reason.as_deref()), (1_200_000, Some("INC")));
    assert!(matches!(sent(&bench).pop(), Some(Verb::Plan(_))));
    bench.press("y y");
    let leases: Vec<Verb> = sent(&bench).into_iter().filter(|verb| matches!(verb, Verb::Lease(_))).collect();
    assert_eq!(leases, [Verb::Lease(query)], "it is begun once");
    let id = bench.state.next_id - 1;
    bench.reply(id, Reply::Layer(Box::new(layer(NOW_MS))));
    assert!(bench.state.overlay.is_none());
}

#[test]
fn a_ramp_moves_one_backend_and_its_refusal_keeps_the_console_going() {
    let mut bench = Bench::live(SIZE);
    bench.press("Space Space V");
    assert!(said(&bench).contains("one backend"));
    bench.press("Esc V 0 . . 5 0 Space 1 m Enter");
    assert!(matches!(asks(&bench), Some(Question::Commit { what: Proposal::Ramp(_), .. })));
    bench.press("y");
    let id = bench.state.next_id - 1;
    let error = ErrorReply::new(ErrorCode::Conflict, "a ramp moves it already");
    bench.tell(Msg::Server(Box::new(ServerMessage::Error { id, error })));
    assert!(bench.state.overlay.is_none() && said(&bench).contains("a ramp moves it already"));
}

#[test]
fn layers_are_ended_after_a_question_and_extended_by_a_typed_time() {
    let mut bench = leased();
    bench.press("l x");
    assert!(matches!(asks(&bench), Some(Question::EndLayer(3))));
    bench.press("y");
    let Some(Verb::Layer(query)) = sent(&bench).pop() else { panic!("nothing was asked") };
    assert_eq!((query.id, query.act), (3, LayerAct::Cancel));
    bench.press("l e C-u 1 h Enter");
    let Some(Verb::Layer(query)) = sent(&bench).pop() else { panic!("nothing was asked") };
    assert_eq!(query.act, LayerAct::Extend { for_ms: 3_600_000 });
    bench.press("l w");
    assert!(said(&bench).contains("no steps"));
}

#[test]
fn what_a_lease_holds_is_no_base_of_an_edit_and_no_conflict() {
    let mut bench = leased();
    bench.press("Down +");
    let staged = bench.state.draft.get(2).expect("app-2 is staged");
    let enabled = AdminState::Enabled;
    assert_eq!(staged.base, Values { weight: 100, state: enabled });
    assert_eq!(staged.mine, Values { weight: 101, state: enabled });
    // Its end brings the configured weight back into force; the draft is on the same revision.
    let mut ended = status(412, 32);
    let how = LayerEnd::Expired;
    ended.layers_ended = vec![LayerEnded { layer: layer(NOW_MS), at_ms: NOW_MS, how }];
    bench.tell(event(NOW_MS + 32_000, EventBody::Layer(Box::new(LayerNews::Ended(ended.layers_ended[0].clone())))));
    bench.tell(event(NOW_MS + 32_000, EventBody::Snapshot(Box::new(ended))));
    bench.press("c");
    assert!(matches!(asks(&bench), Some(Question::Commit { .. })));
}

#[test]
fn the_history_is_asked_for_once_and_grows_with_every_commit() {
    let mut bench = Bench::live(SIZE);
    bench.press("6");
    bench.answer();
    assert_eq!(bench.state.changes.commits().len(), 5);
    bench.press("1 6");
    assert!(!sent(&bench).iter().any(|verb| matches!(verb, Verb::History { .. })));
    let mut next = commits()[0].clone();
    next.revision = 413;
    bench.tell(event(NOW_MS + 40_000, EventBody::Committed(next)));
    assert_eq!(bench.state.changes.selected().map(|commit| commit.revision), Some(413), "the newest is followed");
    bench.press("Down");
    let mut next = commits()[0].clone();
    next.revision = 414;
    bench.tell(event(NOW_MS + 41_000, EventBody::Committed(next)));
    assert_eq!(bench.state.changes.selected().map(|commit| commit.revision), Some(412), "what is read stays");
}

#[test]
fn a_revision_comes_back_by_the_edits_that_the_daemon_found() {
    let mut bench = Bench::live(SIZE);
    bench.press("6");
    bench.answer();
    bench.press("z");
    assert!(said(&bench).contains("is running"), "{}", said(&bench));
    bench.press("Down z");
    assert!(matches!(sent(&bench).pop(), Some(Verb::ConfigAt { revision: 411 })));
    bench.answer();
    let what = Proposal::Return { words: "rollback to 411".to_owned() };
    assert!(matches!(asks(&bench), Some(Question::Commit { what: now, .. }) if *now == what));
    // Nothing is sent before the daemon has said what it takes.
    bench.press("y");
    assert!(bench.sent_commits().is_empty());
    bench.answer();
    bench.press("y");
    let (_, apply) = bench.sent_commits().pop().expect("a commit was sent");
    assert_eq!(apply.edits, commits()[0].inverse);
    assert_eq!((apply.if_revision, apply.reason.as_deref()), (Some(412), Some("rollback to 411")));
    bench.applied(413);
    assert!(bench.state.overlay.is_none());
}

#[test]
fn one_value_of_a_commit_comes_back_alone() {
    let mut bench = Bench::live(SIZE);
    bench.press("6");
    bench.answer();
    bench.press("Down Enter Down z");
    let Some(Verb::Plan(query)) = sent(&bench).pop() else { panic!("no forecast was asked for") };
    let poise_ipc::message::Planned::Edits(edits) = query.wanted else { panic!("edits are asked about") };
    assert_eq!(edits, [Edit::set("groups.app.backends.app-4.weight", "70")]);
}

#[test]
fn a_conflict_says_who_changed_it_and_why() {
    let mut bench = Bench::live(SIZE);
    bench.press("+");
    let mut other = commits()[0].clone();
    other.revision = 413;
    other.reason = Some("INC-50".to_owned());
    other.edits = vec![Edit::set("groups.app.backends.app-1.weight", "70")];
    bench.tell(event(NOW_MS + 40_000, EventBody::Committed(other)));
    let path = "groups.app.backends.app-1";
    let commit = bench.state.changes.last_at(path, 412).expect("it was heard");
    assert_eq!((commit.revision, commit.reason.as_deref()), (413, Some("INC-50")));
    assert!(bench.state.changes.last_at(path, 413).is_none());
}

#[test]
fn a_daemon_that_is_read_only_says_so_to_every_key_that_changes() {
    let mut bench = waiting();
    let mut told = status(412, 31);
    told.daemon.read_only = true;
    told.window = Some(window(60_000, NOW_MS + 31_000));
    told.layers = vec![layer(NOW_MS + 31_000)];
    bench.tell(event(NOW_MS + 31_000, EventBody::Snapshot(Box::new(told))));
    for key in ["+", "o", "c", "K", "b", "L", "V", "="] {
        bench.press(key);
        assert!(bench.state.overlay.is_none() && said(&bench).contains("daemon is read-only"), "{key}");
    }
    bench.press("l x");
    assert!(said(&bench).contains("daemon is read-only"));
    assert!(sent(&bench).is_empty());
}

#[test]
fn what_came_of_a_commit_is_asked_for_when_it_is_opened() {
    let mut bench = Bench::live(SIZE);
    bench.press("6");
    bench.answer();
    bench.press("Enter");
    assert_eq!(sent(&bench).pop(), Some(Verb::Aftermath { revision: Some(412) }));
    let id = bench.state.next_id - 1;
    // Another one is looked at by then.
    bench.press("Esc Down Enter");
    bench.reply(id, Reply::Aftermath(Box::new(aftermath(412))));
    let told =
        |bench: &Bench| matches!(&bench.state.overlay, Some(Overlay::Revision { aftermath: Answer::Told(_), .. }));
    assert!(!told(&bench));
    bench.answer();
    assert!(told(&bench));
}

#[test]
fn a_forecast_that_comes_while_the_reason_is_typed_is_not_lost() {
    let mut bench = Bench::live(SIZE);
    bench.press("+ c r");
    bench.answer();
    bench.press("I N C Enter");
    assert!(matches!(asks(&bench), Some(Question::Commit { forecast: Answer::Told(_), .. })));
    // And one that will not come any more is not waited for.
    bench.press("Esc c");
    bench.tell(Msg::Lost { reason: "gone".to_owned(), at_ms: NOW_MS });
    assert!(matches!(asks(&bench), Some(Question::Commit { forecast: Answer::Refused(_), .. })));
}

#[test]
fn a_history_with_a_gap_begins_anew() {
    let mut bench = Bench::live(SIZE);
    bench.press("6");
    bench.answer();
    bench.tell(connected(Role::Operate));
    let asked =
        |effect: &Effect| matches!(effect, Effect::Send(request) if matches!(request.verb, Verb::History { .. }));
    bench.effects.retain(asked);
    let Some(Effect::Send(request)) = bench.effects.pop() else { panic!("the history is asked for again") };
    let commits = [420, 419].map(|revision| poise_ipc::message::Commit { revision, ..commits()[0].clone() });
    bench.reply(request.id, Reply::History { commits: commits.to_vec() });
    let known: Vec<u64> = bench.state.changes.commits().iter().map(|commit| commit.revision).collect();
    assert_eq!(known, [420, 419]);
}

#[test]
fn an_explanation_is_kept_up_to_date_and_its_mend_is_asked_about() {
    let mut bench = Bench::live(SIZE);
    bench.press("e");
    let Some(Verb::Balance(query)) = sent(&bench).pop() else { panic!("nothing was asked") };
    assert_eq!(query.of, name("app"));
    bench.answer();
    bench.tell(event(NOW_MS + 31_000, EventBody::Counters(counters(31))));
    assert!(matches!(sent(&bench).pop(), Some(Verb::Balance(_))), "it moves on with the counters");
    bench.answer();
    bench.press("Down m");
    assert!(said(&bench).contains("no edit mends it"));
    bench.press("Up m");
    let what = Proposal::Return { words: "mend state of app".to_owned() };
    assert!(matches!(asks(&bench), Some(Question::Commit { what: now, .. }) if *now == what));
    bench.answer();
    bench.press("y");
    let (_, apply) = bench.sent_commits().pop().expect("a commit was sent");
    assert_eq!(apply.edits, [Edit::set("groups.app.backends.app-3.state", "\"enabled\"")]);
    assert_eq!(apply.reason.as_deref(), Some("mend state of app"));
}
