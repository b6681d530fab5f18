//! The health log and the daemon: it holds all of it, the console a stretch.
//!
//! What is asked for follows from what is looked at, one question of a kind at a time; an answer to a
//! question that no longer fits is dropped.

use poise_ipc::message::{LogFilter, LogLevel, LogQuery, Verb};
use poise_ipc::status::CheckRow;

use super::super::msg::Effect;
use super::super::state::log::Look;
use super::super::state::screen::Screen;
use super::super::state::{Asked, LinkState, Paint, State, Tone};
use super::{ask, say};

/// Rows asked for at once.
const ROWS: u32 = 1_000;

/// Forgets the rows and asks for the newest ones.
pub(super) fn fill(state: &mut State, effects: &mut Vec<Effect>) {
    state.log.clear();
    back_fill(state, effects);
}

/// Asks for the newest rows, to those that are there.
pub(super) fn back_fill(state: &mut State, effects: &mut Vec<Effect>) {
    let filter = state.log.wanted();
    query(state, Asked::Log(filter.clone()), (filter, None, ROWS), effects);
}

/// Asks for what the eye is about to need.
pub(super) fn follow(state: &mut State, effects: &mut Vec<Effect>) {
    let is_settled = state.subscribed == Some(Some(state.log.wanted()));
    if state.screen != Screen::Health || state.link != LinkState::Live || !is_settled {
        return;
    }
    if state.log.look == Look::Follow && state.log.cut {
        fill(state, effects);
    } else if state.log.wants_older(state.log_height()) && !is_under_way(state) {
        let (filter, oldest) = (state.log.wanted(), state.log.oldest());
        query(state, Asked::Older(filter.clone(), oldest), (filter, Some(oldest), ROWS), effects);
    }
}

fn is_under_way(state: &State) -> bool {
    let about = |asked: &Asked| matches!(asked, Asked::Log(_) | Asked::Older(..) | Asked::Seek(_) | Asked::Jump(..));
    state.asked.values().any(about)
}

/// Asks for the last row of a kind before what is kept, to look at it.
pub(super) fn seek(state: &mut State, only: LogLevel, effects: &mut Vec<Effect>) {
    if state.log.begins || state.link != LinkState::Live {
        let what = if only == LogLevel::Transitions { "change of health" } else { "failure" };
        return say(state, Tone::Plain, &format!("no further {what}"));
    }
    if !is_under_way(state) {
        let filter = LogFilter { only, ..state.log.wanted() };
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
    let wanted = state.log.wanted();
    match asked {
        Asked::Log(filter) if filter == wanted => rows.into_iter().for_each(|row| state.log.take(row)),
        Asked::Older(filter, oldest) if filter == wanted && oldest == state.log.oldest() => {
            state.log.begins = rows.len() < ROWS as usize;
            state.log.extend_back(rows);
        }
        Asked::Seek(filter) => found(state, &filter, rows.first().map(|row| row.seq), effects),
        Asked::Jump(filter, seq) if filter == wanted => {
            state.message = None;
            state.log.jump(rows, seq, state.log_height());
        }
        _ => {}
    }
}

/// Goes to a row that was found far back, with as many rows after it as there is room for.
fn found(state: &mut State, filter: &LogFilter, seq: Option<u64>, effects: &mut Vec<Effect>) {
    let Some(seq) = seq else {
        let what = if filter.only == LogLevel::Transitions { "change of health" } else { "failure" };
        return say(state, Tone::Plain, &format!("no further {what} in the whole log"));
    };
    let (wanted, below) = (state.log.wanted(), u64::from(ROWS) / 2);
    let before_seq = Some(seq.saturating_add(below));
    query(state, Asked::Jump(wanted.clone(), seq), (wanted, before_seq, ROWS), effects);
}
