//! The health log and the card of a backend: what is asked of the daemon, when, and what becomes of it.

use poise_ipc::health::WhyAnswer;
use poise_ipc::message::{ErrorCode, ErrorReply, EventBody, LogFilter, LogLevel, LogQuery, Reply, ServerMessage, Verb};
use poise_ipc::status::{CheckRow, EjectionStatus, Health, PassiveCause, RecorderStatus};

use crate::console::fixture::{Bench, NOW_MS, check_row, event, probed};
use crate::console::msg::{Effect, Msg};
use crate::console::state::log::{Look, Row};
use crate::console::state::overlay::{Answer, Card, Overlay};
use crate::console::state::screen::Screen;

const SIZE: (u16, u16) = (80, 24);

#[test]
fn verdicts_are_subscribed_only_while_the_log_is_in_front() {
    let mut bench = Bench::live(SIZE);
    let topics = |bench: &Bench| {
        bench.effects.iter().rev().find_map(|e| match e {
            Effect::Send(r) => match &r.verb {
                Verb::Subscribe(s) => Some(s.topics.contains(&poise_ipc::message::Topic::Checks)),
                _ => None,
            },
            _ => None,
        })
    };
    bench.press("3");
    assert_eq!((bench.state.screen, topics(&bench)), (Screen::Health, Some(true)));
    bench.press("2");
    assert_eq!(topics(&bench), Some(false));
    bench.effects.clear();
    bench.press("1 2 1");
    assert_eq!(topics(&bench), None, "nothing is asked again without need");
}

#[test]
fn an_upward_move_pauses_the_log_and_end_follows_again() {
    let mut bench = Bench::live(SIZE);
    bench.press("3");
    bench.answer();
    assert_eq!(bench.state.log.len(), 6);
    bench.press("Up");
    assert!(matches!(bench.state.log.look, Look::Paused { cursor: 5, .. }));
    let before: Vec<_> = bench.state.log.page(16).into_iter().cloned().collect();
    bench.tell(event(NOW_MS, EventBody::Checked(check_row(6, "app-6", false, 13))));
    bench.tell(event(NOW_MS, EventBody::Checked(check_row(7, "app-1", true, 1))));
    assert_eq!(bench.state.log.page(6), before.iter().collect::<Vec<_>>(), "nothing moves under the eye");
    assert_eq!(bench.state.log.new_count, 1);
    bench.press("End");
    assert_eq!(bench.state.log.look, Look::Follow);
    assert_eq!(bench.state.log.page(16).iter().map(|r| (r.seq, r.count)).next_back(), Some((7, 1)));
    bench.press("e");
    assert!(matches!(bench.state.log.look, Look::Paused { cursor: 6, .. }));
    bench.press("E E");
    assert!(matches!(bench.state.log.look, Look::Paused { cursor: 4, .. }), "{:?}", bench.state.log.look);
}

/// The question about the log that was asked last, with its number.
fn asked(bench: &Bench) -> Option<(u64, LogQuery)> {
    bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::Send(request) => match &request.verb {
            Verb::Logs(query) => Some((request.id, query.clone())),
            _ => None,
        },
        _ => None,
    })
}

/// The daemon's log: every fifth row a failure, the hundredth a change of health.
fn row(seq: u64) -> CheckRow {
    let transition = seq.is_multiple_of(100).then_some(Health::Down);
    CheckRow { transition, ..check_row(seq, "app-1", !seq.is_multiple_of(5), 1) }
}

/// Answers all questions about a log of so many rows, until nothing more is asked.
fn serve(bench: &mut Bench, rows: u64) -> usize {
    let mut count = 0;
    while let Some((id, query)) = asked(bench) {
        bench.effects.clear();
        let before = query.before_seq.unwrap_or(u64::MAX).min(rows + 1);
        let found = (1..before).rev().map(row).filter(|row| query.filter.takes(row));
        let mut found: Vec<_> = found.take(query.limit as usize).collect();
        found.reverse();
        bench.reply(id, Reply::Logs { rows: found, lost_total: 0, recorder: RecorderStatus::default() });
        count += 1;
        assert!(count < 20, "it asks for ever");
    }
    count
}

fn cursor(bench: &Bench) -> u64 {
    match bench.state.log.look {
        Look::Paused { cursor, .. } => cursor,
        Look::Follow => 0,
    }
}

fn logged(rows: u64) -> Bench {
    let mut bench = Bench::live(SIZE);
    bench.press("3");
    assert_eq!(serve(&mut bench, rows), 1);
    bench
}

#[test]
fn a_filter_is_the_daemons_once_it_is_typed_and_searches_the_whole_log() {
    let mut bench = logged(9_000);
    bench.press("/ f a");
    assert_eq!(asked(&bench), None, "nobody is asked for every letter");
    bench.press("i l Enter");
    let wanted = LogFilter { text: Some("fail".to_owned()), ..LogFilter::default() };
    assert_eq!(asked(&bench).map(|(_, query)| query.filter), Some(wanted.clone()));
    let subscribed = |effect: &Effect| match effect {
        Effect::Send(request) => match &request.verb {
            Verb::Subscribe(subscribe) => Some(subscribe.filter.clone()),
            _ => None,
        },
        _ => None,
    };
    assert_eq!(bench.effects.iter().rev().find_map(subscribed), Some(wanted));
    serve(&mut bench, 9_000);
    assert_eq!((bench.state.log.len(), bench.state.log.oldest()), (1_000, 4_005), "a thousand failures");
    bench.press("Esc");
    assert_eq!(asked(&bench).map(|(_, query)| query.filter), Some(LogFilter::default()));
}

#[test]
fn going_up_fetches_what_is_older_until_the_log_begins() {
    let mut bench = logged(2_500);
    bench.press("Home");
    assert_eq!(cursor(&bench), 1_501);
    assert_eq!(serve(&mut bench, 2_500), 1, "one page, and no more before one looks further");
    assert_eq!((bench.state.log.oldest(), cursor(&bench)), (501, 1_501), "nothing moves under the eye");
    bench.press("Home");
    serve(&mut bench, 2_500);
    bench.press("Home Up PageUp");
    assert_eq!((serve(&mut bench, 2_500), cursor(&bench), bench.state.log.len()), (0, 1, 2_500));
}

#[test]
fn what_is_kept_is_bounded_and_end_brings_the_newest_back() {
    let mut bench = logged(20_000);
    for _ in 0..8 {
        bench.press("Home");
        serve(&mut bench, 20_000);
    }
    let log = &bench.state.log;
    assert_eq!((log.len(), log.oldest(), log.newest()), (CheckRow::ROWS_MAX, 11_001, 15_000));
    // What comes now is counted and left to the daemon.
    bench.tell(event(NOW_MS, EventBody::Checked(row(20_001))));
    assert_eq!((bench.state.log.newest(), bench.state.log.new_count), (15_000, 1));
    bench.press("End");
    assert_eq!(serve(&mut bench, 20_001), 1);
    assert_eq!((bench.state.log.newest(), bench.state.log.look), (20_001, Look::Follow));
}

#[test]
fn an_eye_that_rests_at_old_rows_keeps_them_whatever_comes() {
    let mut bench = logged(1_000);
    bench.press("Home");
    serve(&mut bench, 1_000);
    for seq in 1_001..6_000 {
        bench.tell(event(NOW_MS, EventBody::Checked(row(seq))));
    }
    let log = &bench.state.log;
    assert_eq!((log.oldest(), log.len(), log.new_count, log.cut), (1, CheckRow::ROWS_MAX, 4_999, true));
}

#[test]
fn failures_and_changes_are_found_far_beyond_what_is_kept() {
    let mut bench = Bench::live(SIZE);
    bench.press("3");
    let (id, _) = asked(&bench).expect("asked");
    bench.effects.clear();
    // The newest rows are all well; the last change lies thousands of rows back.
    let well = (8_001..9_001).map(|seq| check_row(seq, "app-1", true, 1)).collect();
    bench.reply(id, Reply::Logs { rows: well, lost_total: 0, recorder: RecorderStatus::default() });
    bench.press("T");
    let (_, query) = asked(&bench).expect("asked");
    assert_eq!((query.filter.only, query.before_seq, query.limit), (LogLevel::Transitions, Some(8_001), 1));
    serve(&mut bench, 5_000);
    assert_eq!(cursor(&bench), 5_000);
    assert!(bench.state.log.page(16).iter().any(|row| row.seq == 5_000), "it is in view");
    bench.press("T E");
    assert_eq!(cursor(&bench), 4_895, "from there on as anywhere");
}

#[test]
fn a_search_that_finds_nothing_says_so_and_asks_once() {
    let mut bench = logged(40);
    bench.press("Home");
    serve(&mut bench, 40);
    assert!(bench.state.log.begins);
    bench.press("T");
    assert_eq!(asked(&bench), None);
    assert_eq!(bench.state.message.as_ref().map(|(_, text)| text.as_str()), Some("no further change of health"));
}

#[test]
fn answers_to_questions_of_before_are_dropped() {
    let mut bench = logged(9_000);
    bench.press("Home");
    let (older, _) = asked(&bench).expect("asked");
    bench.effects.clear();
    bench.press("f");
    serve(&mut bench, 9_000);
    let before = bench.state.log.len();
    let rows = (3_001..4_001).map(row).collect();
    bench.reply(older, Reply::Logs { rows, lost_total: 0, recorder: RecorderStatus::default() });
    assert_eq!((bench.state.log.len(), bench.state.log.oldest()), (before, 4_005));
}

fn card(bench: &Bench) -> &Card {
    match &bench.state.overlay {
        Some(Overlay::Card(card)) => card,
        other => panic!("no card: {other:?}"),
    }
}

/// The questions of the card that were sent, by number.
fn questions(bench: &Bench) -> (Option<u64>, Vec<u64>) {
    let (mut why, mut probes) = (None, Vec::new());
    for effect in &bench.effects {
        let Effect::Send(request) = effect else { continue };
        match &request.verb {
            Verb::Why(_) => why = Some(request.id),
            Verb::Probe(_) => probes.push(request.id),
            _ => {}
        }
    }
    (why, probes)
}

#[test]
fn enter_opens_the_card_of_the_rows_backend_as_of_that_row() {
    let mut bench = logged(300);
    bench.press("T Enter");
    let (why, probes) = questions(&bench);
    assert!(probes.is_empty(), "looking probes nothing");
    assert_eq!(card(&bench).path.to_string(), "app/app-1");
    let turned = row(300);
    let answer = WhyAnswer {
        at_ms: turned.last_ms,
        health: Health::Down,
        since_ms: turned.last_ms,
        exchange: None,
        rows: vec![turned.clone()],
        transition: Some(turned),
        ended: None,
    };
    bench.reply(why.expect("asked"), Reply::Why(Box::new(answer)));
    assert!(matches!(&card(&bench).why, Answer::Told(why) if why.health == Health::Down));
    bench.press("Esc");
    assert!(bench.state.overlay.is_none() && bench.state.screen == Screen::Health);
}

#[test]
fn h_probes_once_at_a_time_and_the_card_shows_what_it_found() {
    let mut bench = Bench::live(SIZE);
    bench.press("Down H H H");
    let (_, probes) = questions(&bench);
    assert_eq!(probes.len(), 1, "one at a time");
    bench.reply(probes[0], Reply::Probed(Box::new(probed())));
    assert!(matches!(&card(&bench).probe, Answer::Told(probe) if probe.latency_us == 1_500));
    bench.press("H");
    assert_eq!(questions(&bench).1.len(), 2);
}

#[test]
fn what_the_daemon_refuses_stands_on_the_card() {
    let mut bench = Bench::live(SIZE);
    bench.press("Down H");
    let error = ErrorReply::new(ErrorCode::NotFound, "the group's checks are off");
    let id = questions(&bench).1[0];
    bench.tell(Msg::Server(Box::new(ServerMessage::Error { id, error })));
    assert!(matches!(&card(&bench).probe, Answer::Refused(why) if why.contains("checks are off")));
    // An answer that comes after the card was closed is nobody's.
    let (why, _) = questions(&bench);
    bench.press("Esc");
    let error = ErrorReply::new(ErrorCode::NotFound, "late");
    bench.tell(Msg::Server(Box::new(ServerMessage::Error { id: why.expect("asked"), error })));
    assert!(bench.state.overlay.is_none());
}

#[test]
fn countdowns_move_by_the_second_while_they_are_seen_and_end_by_themselves() {
    let mut bench = Bench::live(SIZE);
    while let Some(due_ms) = bench.state.next_age_ms() {
        bench.now_ms = due_ms;
        bench.tell(Msg::Aged);
    }
    let mut status = bench.state.model.as_ref().expect("live").status().clone();
    let now_ms = bench.now_ms + bench.state.clock_offset_ms;
    status.at_ms = now_ms;
    let ejection = EjectionStatus {
        active: true,
        why: PassiveCause::Timeouts,
        since_ms: now_ms,
        until_ms: now_ms + 2_500,
        streak: 1,
        total: 1,
    };
    status.groups[0].backends[0].health.ejection = Some(ejection);
    bench.tell(event(now_ms, EventBody::Snapshot(Box::new(status))));
    for _ in 0..3 {
        let due_ms = bench.state.next_age_ms().expect("it counts down");
        assert!((1..=1_000).contains(&(due_ms - bench.now_ms)));
        bench.now_ms = due_ms;
        bench.tell(Msg::Aged);
    }
    let shares = bench.state.next_age_ms();
    assert!(shares.is_none_or(|due_ms| due_ms > bench.now_ms + 1_000), "nobody is out any more");
    bench.press("H");
    let sooner = |due_ms: u64| shares.is_none_or(|shares| due_ms < shares);
    assert!(bench.state.next_age_ms().is_some_and(sooner), "a card is live");
    bench.press("Esc");
    assert_eq!(bench.state.next_age_ms(), shares);
}
