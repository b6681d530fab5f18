//! The health log reaches as far as the daemon's, and nothing of it is lost: filters, pages both ways,
//! links that come and go.

use poise_ipc::message::{ErrorCode, ErrorReply, EventBody, LogLevel, LogQuery, Reply, Role, ServerMessage, Verb};
use poise_ipc::status::{CheckRow, RecorderStatus};

use crate::console::fixture::{Bench, NOW_MS, check_row, connected, event, log_rows};
use crate::console::msg::{Effect, Msg};
use crate::console::state::RECENT_MAX;
use crate::console::state::log::{Look, Row};

const SIZE: (u16, u16) = (80, 24);

/// Takes the queries of the log that were sent.
fn queries(bench: &mut Bench) -> Vec<(u64, LogQuery)> {
    let sent = std::mem::take(&mut bench.effects);
    let query = |effect: Effect| match effect {
        Effect::Send(request) => match request.verb {
            // The newest transitions are another pane's.
            Verb::Logs(query) if query.filter.only != LogLevel::Transitions || query.limit != RECENT_MAX => {
                Some((request.id, query))
            }
            _ => None,
        },
        _ => None,
    };
    sent.into_iter().filter_map(query).collect()
}

fn query(bench: &mut Bench) -> (u64, LogQuery) {
    let mut queries = queries(bench);
    assert_eq!(queries.len(), 1, "{queries:?}");
    queries.pop().expect("one query")
}

/// What a daemon answers whose log is `all`.
fn give(bench: &mut Bench, (id, query): (u64, LogQuery), all: impl DoubleEndedIterator<Item = CheckRow>) {
    let before = query.before_seq.unwrap_or(u64::MAX);
    let mut rows: Vec<_> =
        all.rev().filter(|row| row.seq < before && query.filter.takes(row)).take(query.limit as usize).collect();
    rows.reverse();
    bench.reply(id, Reply::Logs { rows, lost_total: 0, recorder: RecorderStatus::default() });
}

/// Passes with a failure at every number in `failures`.
fn rows(last: u64, failures: &'static [u64]) -> impl DoubleEndedIterator<Item = CheckRow> {
    (1..=last).map(|seq| check_row(seq, "app-4", !failures.contains(&seq), 1))
}

fn open() -> Bench {
    let mut bench = Bench::live(SIZE);
    bench.press("3");
    bench
}

#[test]
fn a_filter_that_stands_is_the_daemons_and_one_being_typed_is_not() {
    let mut bench = open();
    bench.answer();
    bench.press("/ a p p / a p p - 4 Space 5 0 3");
    assert!(queries(&mut bench).is_empty(), "typing filters what is there");
    assert_eq!(bench.state.log.shown_count(), 2);
    bench.press("Enter");
    let subscribed = bench.effects.iter().any(|effect| {
        matches!(effect, Effect::Send(request) if matches!(&request.verb, Verb::Subscribe(subscribe) if subscribe.filter.text.as_deref() == Some("503")))
    });
    assert!(subscribed, "what comes is filtered by the daemon, too");
    let (_, sent) = query(&mut bench);
    assert_eq!(sent.filter.text.as_deref(), Some("503"));
    assert_eq!(sent.filter.backend.as_ref().map(poise_ipc::Name::as_str), Some("app-4"));
}

#[test]
fn words_of_states_ask_for_no_less_than_they_show() {
    let mut bench = open();
    for (text, only) in [("d o w n", LogLevel::Transitions), ("f a i l", LogLevel::All)] {
        bench.answer();
        bench.press(&format!("/ C-u s t a t e : {text} Enter"));
        let (id, sent) = query(&mut bench);
        assert_eq!(sent.filter.only, only);
        give(&mut bench, (id, sent), log_rows().into_iter());
        assert!(bench.state.log.shown_count() > 0, "{text}");
    }
}

#[test]
fn memory_is_bounded_while_paging_and_the_end_brings_the_newest_rows_back() {
    let mut bench = open();
    let sent = query(&mut bench);
    give(&mut bench, sent, rows(9_000, &[]));
    for _ in 0..6 {
        bench.press("g");
        let sent = query(&mut bench);
        give(&mut bench, sent, rows(9_000, &[]));
    }
    assert_eq!((bench.state.log.len(), bench.state.log.oldest()), (CheckRow::ROWS_MAX, 2_001));
    assert!(bench.state.log.cut);
    bench.tell(event(NOW_MS, EventBody::Checked(check_row(9_001, "app-4", true, 1))));
    assert_eq!(bench.state.log.newest(), 6_000, "what comes is counted, not shown");
    bench.press("G");
    let sent = query(&mut bench);
    assert_eq!(sent.1.before_seq, None);
    give(&mut bench, sent, rows(9_001, &[]));
    assert_eq!((bench.state.log.newest(), bench.state.log.look), (9_001, Look::Follow));
    assert!(!bench.state.log.cut);
}

#[test]
fn a_failure_that_is_not_kept_is_found_in_all_of_the_log_and_the_way_back_has_no_gap() {
    let mut bench = open();
    let sent = query(&mut bench);
    give(&mut bench, sent, rows(9_000, &[1_234]));
    bench.press("E");
    let found = query(&mut bench);
    assert_eq!((found.1.filter.only, found.1.limit, found.1.before_seq), (LogLevel::Failures, 1, Some(8_001)));
    give(&mut bench, found, rows(9_000, &[1_234]));
    let around = query(&mut bench);
    assert_eq!(around.1.filter.only, LogLevel::All);
    give(&mut bench, around, rows(9_000, &[1_234]));
    assert_eq!(bench.state.log.selected().map(|row| row.seq), Some(1_234));
    let mut seen = vec![1_234];
    for _ in 0..9_000 {
        bench.press("Down");
        for sent in queries(&mut bench) {
            give(&mut bench, sent, rows(9_000, &[1_234]));
        }
        let seq = bench.state.log.selected().expect("a row").seq;
        if seen.last() != Some(&seq) {
            seen.push(seq);
        }
    }
    assert_eq!(seen.last(), Some(&9_000), "the way down leads to the end");
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "no row is passed over");
    assert!(!bench.state.log.cut, "it goes on with what comes");
    assert!(bench.state.log.len() <= CheckRow::ROWS_MAX);
}

#[test]
fn after_a_lost_link_the_rows_stay_and_what_was_missed_comes() {
    let mut bench = open();
    let sent = query(&mut bench);
    give(&mut bench, sent, rows(50, &[]));
    bench.press("Up Up");
    let look = bench.state.log.look;
    bench.tell(Msg::Lost { reason: "gone".to_owned(), at_ms: NOW_MS });
    assert_eq!((bench.state.log.len(), bench.state.log.look), (50, look));
    bench.tell(connected(Role::Operate));
    let sent = query(&mut bench);
    give(&mut bench, sent, rows(60, &[]));
    assert_eq!((bench.state.log.len(), bench.state.log.look, bench.state.log.new_count), (60, look, 10));
}

#[test]
fn a_log_that_began_anew_takes_the_place_of_the_old_one() {
    let mut bench = open();
    let sent = query(&mut bench);
    give(&mut bench, sent, rows(50, &[]));
    bench.tell(Msg::Lost { reason: "gone".to_owned(), at_ms: NOW_MS });
    bench.tell(connected(Role::Operate));
    let sent = query(&mut bench);
    give(&mut bench, sent, rows(7, &[]));
    assert_eq!((bench.state.log.len(), bench.state.log.newest()), (7, 7));
}

#[test]
fn a_refused_page_is_told_asked_for_once_and_what_comes_is_still_shown() {
    let mut bench = open();
    let (id, _) = query(&mut bench);
    let error = ErrorReply::new(ErrorCode::Storage, "read the health log: no such device");
    bench.tell(Msg::Server(Box::new(ServerMessage::Error { id, error })));
    assert!(bench.state.message.as_ref().is_some_and(|(_, text)| text.contains("no such device")));
    bench.tell(event(NOW_MS, EventBody::Checked(check_row(9, "app-4", true, 1))));
    assert!(queries(&mut bench).is_empty());
    assert_eq!(bench.state.log.len(), 1);
}

#[test]
fn rows_under_another_filter_are_dropped_when_they_come_late() {
    let mut bench = open();
    let late = query(&mut bench);
    bench.press("f");
    give(&mut bench, late, rows(50, &[]));
    assert!(bench.state.log.is_empty());
    assert_eq!(query(&mut bench).1.filter.only, LogLevel::Failures);
}

#[test]
fn what_only_the_console_filters_is_read_until_a_screen_is_full_or_memory_is() {
    let mut bench = open();
    let sent = query(&mut bench);
    give(&mut bench, sent, rows(9_000, &[7_600]));
    bench.press("/ ! p a s s Enter");
    let mut pages = 0;
    loop {
        let sent = queries(&mut bench);
        let Some(sent) = sent.into_iter().next() else { break };
        give(&mut bench, sent, rows(9_000, &[7_600]));
        pages += 1;
        assert!(pages < 10, "it asks for ever");
    }
    assert_eq!(bench.state.log.page(5).iter().map(|row| row.seq).collect::<Vec<_>>(), [7_600]);
    assert!(bench.state.log.len() <= CheckRow::ROWS_MAX);
}

#[test]
fn a_page_that_is_refused_while_paging_is_not_asked_for_again_without_a_key() {
    let mut bench = open();
    let sent = query(&mut bench);
    give(&mut bench, sent, rows(9_000, &[]));
    bench.press("g");
    for _ in 0..2 {
        let (id, _) = query(&mut bench);
        let error = ErrorReply::new(ErrorCode::Storage, "read the health log: no such device");
        bench.tell(Msg::Server(Box::new(ServerMessage::Error { id, error })));
        assert!(queries(&mut bench).is_empty(), "a disk that fails is left alone");
        assert_eq!(bench.state.log.len(), 1_000, "what was read stays");
        bench.press("g");
    }
}
