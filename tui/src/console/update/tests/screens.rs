//! Screens beside Balance: what they ask the daemon for, and where their keys lead.

use poise_ipc::cause::Cause;
use poise_ipc::message::{EventBody, Role, Verb};

use crate::console::fixture::{Bench, NOW_MS, connected, counters, event, status};
use crate::console::msg::{Effect, Msg};
use crate::console::state::model::Model;
use crate::console::state::overlay::Overlay;
use crate::console::state::screen::Screen;

const SIZE: (u16, u16) = (80, 24);

/// The queries of refused messages that were sent and not answered.
fn error_queries(bench: &Bench) -> Vec<u64> {
    let query = |effect: &Effect| match effect {
        Effect::Send(request) => match &request.verb {
            Verb::Errors(query) => Some(query.after_seq),
            _ => None,
        },
        _ => None,
    };
    bench.effects.iter().filter_map(query).collect()
}

/// Counters of a second later in which so much has ended badly.
fn ended_badly(count: u64, seconds: u64) -> Msg {
    let mut counters = counters(seconds);
    counters.listeners[0].counters.causes = vec![(Cause::BadRequest, count)];
    event(NOW_MS + seconds * 1_000, EventBody::Counters(counters))
}

#[test]
fn refused_messages_are_asked_for_while_they_are_shown_and_something_ended_badly() {
    let mut bench = Bench::live(SIZE);
    bench.tell(ended_badly(1, 31));
    assert_eq!(error_queries(&bench), [0; 0], "nobody looks");
    bench.press("5");
    assert_eq!(error_queries(&bench), [0], "all of them at first");
    bench.answer();
    bench.tell(ended_badly(1, 32));
    assert_eq!(error_queries(&bench), [0; 0], "nothing new ended badly");
    bench.tell(ended_badly(2, 33));
    assert_eq!(error_queries(&bench), [3], "only those that are not known");
    bench.tell(ended_badly(3, 34));
    assert_eq!(error_queries(&bench), [3], "one query at a time");
    bench.answer();
    assert_eq!(error_queries(&bench), [3], "and then what came meanwhile");
}

#[test]
fn refused_messages_are_not_asked_for_without_the_right_to_see_them() {
    let mut bench = Bench::new(SIZE);
    bench.tell(connected(Role::View));
    bench.tell(event(NOW_MS, EventBody::Snapshot(Box::new(status(412, 0)))));
    bench.press("5");
    assert_eq!(error_queries(&bench), [0; 0]);
    assert!(bench.state.message.is_none(), "nothing was refused");
}

#[test]
fn a_daemon_that_comes_back_is_asked_for_all_refused_messages_again() {
    let mut bench = Bench::live(SIZE);
    bench.press("5");
    bench.answer();
    assert_eq!(bench.state.errors.len(), 3);
    bench.tell(Msg::Lost { reason: "gone".to_owned(), at_ms: NOW_MS });
    assert_eq!(bench.state.errors.len(), 3, "what is known stays while nobody answers");
    bench.tell(connected(Role::Operate));
    assert_eq!(error_queries(&bench).last(), Some(&0));
}

#[test]
fn every_screen_has_the_keys_that_hold_everywhere() {
    for (at, screen) in (1..).zip(Screen::ALL) {
        let mut bench = Bench::live(SIZE);
        bench.press(&at.to_string());
        assert_eq!(bench.state.screen, *screen);
        bench.press("?");
        assert!(matches!(bench.state.overlay, Some(Overlay::Help { .. })), "{screen:?}");
        bench.press("Esc 2");
        assert_eq!(bench.state.screen, Screen::Balance, "{screen:?}");
    }
}

#[test]
fn enter_on_a_route_opens_its_group_and_esc_comes_back() {
    let mut bench = Bench::live(SIZE);
    bench.press("1 Down Down Enter");
    assert_eq!(
        (bench.state.screen, bench.state.balance.scope.as_ref().map(poise_ipc::Name::as_str)),
        (Screen::Balance, Some("app"))
    );
    bench.press("Esc Down Enter");
    assert_eq!(bench.state.screen, Screen::Overview, "a redirect leads to no group");
    assert!(bench.state.message.is_some());
}

#[test]
fn figures_move_with_the_daemon_and_end_with_their_object() {
    let mut bench = Bench::live((80, 40));
    bench.press("1 Down f");
    let Some(Overlay::Figures { object, .. }) = &bench.state.overlay else { panic!("the figures are open") };
    let object = object.clone();
    let before = bench.state.model.clone().expect("a model");
    bench.tell(event(NOW_MS + 31_000, EventBody::Counters(counters(31))));
    let requests = |model: &Model| model.status().listeners[0].routes[0].counters.requests_total;
    assert!(requests(bench.state.model.as_ref().expect("a model")) > requests(&before));
    let mut status = status(413, 32);
    status.listeners.remove(0);
    bench.tell(event(NOW_MS + 32_000, EventBody::Snapshot(Box::new(status))));
    assert!(matches!(&bench.state.overlay, Some(Overlay::Figures { object: still, .. }) if *still == object));
    bench.press("Esc");
    assert!(bench.state.overlay.is_none());
}
