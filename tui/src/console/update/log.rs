//! The health log and the daemon: it holds all of it, the console a stretch.
//!
//! What is asked for follows from what is looked at, one question of a kind at a time; an answer to a
//! question that no longer fits is dropped.

use poise_ipc::message::{LogFilter, LogLevel, LogQuery, Verb};
use poise_ipc::status::CheckRow;

use super::super::msg::Effect;
use super::super::state::log::{Look, Row};
use super::super::state::screen::Screen;
use super::super::state::{Asked, LinkState, Paint, State, Tone};
use super::{ask, say};

/// Rows asked for at once.
const ROWS: u32 = 1_000;
/// Numbers that rows asked for towards the end span at first: no more than a reply holds.
const SPAN: u64 = 1_000;
/// And at the most.
const SPAN_MAX: u64 = 1 << 40;

/// Forgets the rows and asks for the newest ones.
pub(super) fn fill(state: &mut State, effects: &mut Vec<Effect>) {
    state.log.clear();
    back_fill(state, effects);
}

/// Fills the log of a subscription: after a lost link the rows stay, and what was missed is asked for.
pub(super) fn begin(state: &mut State, effects: &mut Vec<Effect>) {
    let wanted = Some(state.wanted_rows());
    state.reading.is_refused = false;
    if state.reading.is_resumed && state.reading.filter == wanted {
        back_fill(state, effects);
    } else {
        fill(state, effects);
    }
    (state.reading.is_resumed, state.reading.filter) = (false, wanted);
}

/// Asks for the newest rows, to those that are there.
pub(super) fn back_fill(state: &mut State, effects: &mut Vec<Effect>) {
    let filter = state.wanted_rows();
    query(state, Asked::Log(filter.clone()), (filter, None, ROWS), effects);
}

/// Asks for what the eye is about to need.
pub(super) fn follow(state: &mut State, effects: &mut Vec<Effect>) {
    let is_settled = state.subscribed == Some(Some(state.wanted_rows()));
    if state.screen != Screen::Health || state.link != LinkState::Live || !is_settled {
        return;
    }
    let log = &state.log;
    let height = state.log_height();
    if log.look == Look::Follow && log.cut {
        return fill(state, effects);
    }
    if state.reading.is_refused || is_under_way(state) {
        return;
    }
    if log.wants_older(height) || log.is_thin(height, ROWS as usize) {
        let (filter, oldest) = (state.wanted_rows(), log.oldest());
        query(state, Asked::Older(filter.clone(), oldest), (filter, Some(oldest), ROWS), effects);
    } else if log.wants_newer() {
        newer(state, SPAN, effects);
    }
}

/// Asks for the rows after those kept, within so many numbers.
fn newer(state: &mut State, span: u64, effects: &mut Vec<Effect>) {
    let (filter, newest) = (state.wanted_rows(), state.log.newest());
    let before_seq = Some(newest.saturating_add(1).saturating_add(span));
    query(state, Asked::Newer(filter.clone(), newest, span), (filter, before_seq, ROWS), effects);
}

fn is_under_way(state: &State) -> bool {
    let about = |asked: &Asked| {
        matches!(asked, Asked::Log(_) | Asked::Older(..) | Asked::Newer(..) | Asked::Seek(_) | Asked::Jump(..))
    };
    state.asked.values().any(about)
}

/// Asks for the last row of a kind before what is kept, to look at it.
pub(super) fn seek(state: &mut State, only: LogLevel, effects: &mut Vec<Effect>) {
    if state.log.begins || state.link != LinkState::Live {
        let what = if only == LogLevel::Transitions { "change of health" } else { "failure" };
        return say(state, Tone::Plain, &format!("no further {what}"));
    }
    if !is_under_way(state) {
        let filter = LogFilter { only, ..state.wanted_rows() };
        let oldest = Some(state.log.oldest()).filter(|&seq| seq < u64::MAX);
        query(state, Asked::Seek(filter.clone()), (filter, oldest, 1), effects);
        say(state, Tone::Plain, "looking through the whole log...");
    }
}

fn query(
    state: &mut State,
    asked: Asked,
    (filter, before_seq, limit): (LogFilter, Option<u64>, u32),
    effects: &mut Vec<Effect>,
) {
    ask(state, asked, Verb::Logs(LogQuery { filter, before_seq, limit }), effects);
}

/// Takes rows that were asked for.
pub(super) fn answered(state: &mut State, asked: Asked, rows: Vec<CheckRow>, effects: &mut Vec<Effect>) {
    state.paint(Paint::Now);
    let wanted = state.wanted_rows();
    match asked {
        Asked::Log(filter) if filter == wanted => newest(state, rows),
        Asked::Newer(filter, after, span) if filter == wanted && after == state.log.newest() => {
            forward(state, rows, span, effects);
        }
        Asked::Older(filter, oldest) if filter == wanted && oldest == state.log.oldest() => {
            state.log.begins = rows.len() < ROWS as usize;
            state.log.extend_back(rows);
        }
        Asked::Seek(filter) => found(state, &filter, rows.first().map(|row| row.seq), effects),
        Asked::Jump(filter, seq) if filter == wanted => {
            state.message = None;
            let last = rows.last().map_or(0, Row::seq);
            state.log.jump(rows, seq, state.log_height());
            state.log.cut = last < state.reading.newest;
        }
        _ => {}
    }
}

/// Takes the newest rows, to those that are there if they meet.
fn newest(state: &mut State, rows: Vec<CheckRow>) {
    let kept = state.log.newest();
    let (first, last) = (rows.first().map_or(0, Row::seq), rows.last().map_or(0, Row::seq));
    let is_full = rows.len() >= ROWS as usize;
    state.reading.newest = state.reading.newest.max(last);
    let has_gap = is_full && first > kept + 1;
    // The numbers of a log that has begun anew are smaller.
    let is_other = state.reading.newest < kept;
    if state.log.is_empty() || is_other || (has_gap && state.log.look == Look::Follow) {
        state.log.clear();
        state.log.begins = !is_full;
    }
    state.log.cut |= has_gap && state.log.look != Look::Follow;
    for row in rows {
        state.log.take(row);
    }
}

/// Takes rows towards the end; where few of many pass, ever more of them are looked through at once.
fn forward(state: &mut State, rows: Vec<CheckRow>, span: u64, effects: &mut Vec<Effect>) {
    let kept = state.log.newest();
    let is_clipped = rows.len() >= ROWS as usize && rows.first().is_some_and(|row| row.seq > kept + 1);
    if is_clipped && span > SPAN {
        return newer(state, (span / 8).max(SPAN), effects);
    }
    state.log.extend_forward(rows);
    state.log.cut = kept.saturating_add(span) < state.reading.newest && state.log.newest() < state.reading.newest;
    if state.log.cut && state.log.newest() == kept {
        newer(state, (span * 8).min(SPAN_MAX), effects);
    }
}

/// A verdict as it comes.
pub(super) fn heard(state: &mut State, row: CheckRow) {
    state.reading.newest = state.reading.newest.max(row.seq);
    state.log.take(row);
    if state.screen == Screen::Health {
        state.paint(Paint::Data);
    }
}

/// Rows were refused: those that are there stay, and what comes is shown.
pub(super) fn refused(state: &mut State, sentence: &str) {
    state.reading.is_refused = true;
    say(state, Tone::Alarm, &format!("only what comes is shown: {sentence}"));
}

/// Goes to a row that was found far back, with as many rows after it as there is room for.
fn found(state: &mut State, filter: &LogFilter, seq: Option<u64>, effects: &mut Vec<Effect>) {
    let Some(seq) = seq else {
        let what = if filter.only == LogLevel::Transitions { "change of health" } else { "failure" };
        return say(state, Tone::Plain, &format!("no further {what} in the whole log"));
    };
    let (wanted, below) = (state.wanted_rows(), u64::from(ROWS) / 2);
    let before_seq = Some(seq.saturating_add(below));
    query(state, Asked::Jump(wanted.clone(), seq), (wanted, before_seq, ROWS), effects);
}
