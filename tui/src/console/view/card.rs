//! The card of a backend: its health now, as of the row that it was opened on, and by a probe just made.
//!
//! Brought up to date while it is open. What came over the wire is made safe by `told`.

use poise_ipc::model::CheckProtocol;
use poise_ipc::status::{BackendStatus, DampingStatus, EjectionStatus, GroupStatus, Health, HealthStatus};

use super::number::{latency, span, wrapped};
use super::theme::Role;
use super::time;
use crate::console::state::State;
use crate::console::state::model::{Condition, Model};
use crate::console::state::overlay::{Answer, Card};
use crate::told::{self, Digits};

/// A line with its look.
type Line = (String, Role);

/// Columns that the words of an entry begin at.
const INDENT: usize = 10;

/// All lines of a card for so many columns, the probe first where one was asked for.
pub(super) fn lines(state: &State, card: &Card, width: u16) -> Vec<Line> {
    let probed = answer(&card.probe, "probing...", |probe| {
        told::probe(&card.path, probe, Digits::Narrow)
            .into_iter()
            .map(|line| marked(line, probe.verdict.failed()))
            .collect()
    });
    let was = answer(&card.why, "asking the daemon...", |why| {
        let at = time::exact(why.at_ms, &state.zone);
        let mut lines = vec![(format!("at {at}: {}", told::why(why)), Role::Plain)];
        lines.extend(
            why.exchange
                .iter()
                .flat_map(|exchange| told::exchange(exchange, Digits::Narrow))
                .map(|line| (line, Role::Muted)),
        );
        lines
    });
    let now = now(state, card);
    let parts: Vec<_> = [probed, now, was].into_iter().filter(|part| !part.is_empty()).collect();
    let lines = parts.join(&(String::new(), Role::Plain));
    lines
        .into_iter()
        .flat_map(|(text, role)| wrapped(text, usize::from(width), INDENT).map(move |text| (text, role)))
        .collect()
}

fn answer<T>(answer: &Answer<T>, waiting: &str, told: impl Fn(&T) -> Vec<Line>) -> Vec<Line> {
    match answer {
        Answer::None => Vec::new(),
        Answer::Asked => vec![(waiting.to_owned(), Role::Muted)],
        Answer::Told(answer) => told(answer),
        Answer::Refused(why) => vec![(why.clone(), Role::Warn)],
    }
}

fn marked(line: String, failed: bool) -> Line {
    let role = if line.starts_with("  |") {
        Role::Muted
    } else if line.ends_with("failed") || (failed && line.starts_with("verdict:")) {
        Role::Fail
    } else {
        Role::Plain
    };
    (line, role)
}

/// What the model knows of it.
fn now(state: &State, card: &Card) -> Vec<Line> {
    let Some((group, backend)) = state.model.as_ref().and_then(|model| find(model, card)) else {
        return vec![("it is no longer configured".to_owned(), Role::Warn)];
    };
    let now_ms = state.now_ms + state.clock_offset_ms;
    let mut lines = vec![health(state, backend, now_ms), check(group)];
    lines.extend(last(state, card, (group, backend), now_ms).map(|text| (text, Role::Plain)));
    lines.extend(backend.health.damping.map(|damping| damped(&damping, now_ms)));
    lines.extend(backend.health.ejection.map(|ejection| ejected(state, &ejection, now_ms)));
    if backend.health.kept {
        lines.push(("kept      min_usable wants so many: it is used although it is unfit".to_owned(), Role::Warn));
    }
    if group.failing_open {
        lines.push((format!("group     fails open: {}", group.fail_open.words()), Role::Warn));
    }
    lines
}

fn find<'a>(model: &'a Model, card: &Card) -> Option<(&'a GroupStatus, &'a BackendStatus)> {
    model.backends().find(|(group, backend)| group.name == card.path.group && backend.name == card.path.backend)
}

fn health(state: &State, backend: &BackendStatus, now_ms: u64) -> Line {
    let HealthStatus { since_ms, streak, threshold, transitions_10min, carried, last, .. } = &backend.health;
    let condition = Condition::of(backend);
    let mut parts = vec![if *since_ms > 0 {
        format!("health    {} since {}", condition.word(), time::clock(*since_ms, now_ms, &state.zone))
    } else {
        format!("health    {}", condition.word())
    }];
    parts.extend(last.as_ref().filter(|_| *threshold > 0).map(|last| {
        let kind = if last.verdict.failed() { "failed" } else { "passed" };
        let is_short = *streak < u32::from(*threshold);
        if is_short { format!("{streak}/{threshold} {kind}") } else { format!("{streak} {kind} in a row") }
    }));
    match transitions_10min {
        0 => {}
        1 => parts.push("1 change in 10 min".to_owned()),
        many => parts.push(format!("{many} changes in 10 min")),
    }
    if *carried {
        parts.push("carried over a restart".to_owned());
    }
    (parts.join(", "), super::theme::role(condition))
}

fn check(group: &GroupStatus) -> Line {
    let check = &group.health_check;
    if check.protocol == CheckProtocol::Off {
        return ("check     off: nothing is probed".to_owned(), Role::Muted);
    }
    let what = match check.protocol {
        CheckProtocol::Http | CheckProtocol::Https => format!("{} {} {}", check.protocol, check.method, check.path),
        protocol => protocol.to_string(),
    };
    let (every, within) = (span(check.interval_ms.into()), span(check.timeout_ms.into()));
    let text = format!("check     {what} every {every} within {within}, {} up {} down", check.rise, check.fall);
    (text, Role::Plain)
}

/// The last verdict: that of the log where it has a newer one, since a pass more is no news elsewhere.
fn last(state: &State, card: &Card, (group, backend): (&GroupStatus, &BackendStatus), now_ms: u64) -> Option<String> {
    let known = backend.health.last.as_ref().map(|last| (last.at_ms, &last.verdict, last.latency_us));
    let logged = state.log.newest_of(&card.path).map(|row| (row.last_ms, &row.verdict, row.latency_us_max));
    let (at_ms, verdict, us) = known.into_iter().chain(logged).max_by_key(|(at_ms, ..)| *at_ms)?;
    let usual_ms = at_ms.saturating_add(group.health_check.interval_ms.into());
    let next_ms = backend.health.next_ms.filter(|&next_ms| next_ms > now_ms).unwrap_or(usual_ms);
    let next = if next_ms > now_ms { format!(", next in {}", span(next_ms - now_ms)) } else { String::new() };
    Some(format!("last      {} {verdict} in {} ms{next}", time::exact(at_ms, &state.zone), latency(us)))
}

fn damped(damping: &DampingStatus, now_ms: u64) -> Line {
    let DampingStatus { score, until_ms, total } = damping;
    match until_ms {
        Some(until_ms) => {
            let left = span(until_ms.saturating_sub(now_ms));
            (format!("damped    for {left} more: score {score}, kept out {total} times"), Role::Fail)
        }
        None => (format!("damping   score {score}, kept out {total} times"), Role::Plain),
    }
}

fn ejected(state: &State, ejection: &EjectionStatus, now_ms: u64) -> Line {
    let EjectionStatus { active, why, until_ms, streak, total, .. } = ejection;
    if *active {
        let left = span(until_ms.saturating_sub(now_ms));
        (format!("ejected   for {left} more: {why}, {streak} times in a row, {total} in all"), Role::Fail)
    } else {
        let until = time::clock(*until_ms, now_ms, &state.zone);
        (format!("ejected   until {until}: {why}, {total} times in all"), Role::Plain)
    }
}

/// The title of a card.
pub(super) fn title(card: &Card, model: Option<&Model>) -> String {
    let found = model.and_then(|model| find(model, card));
    let health = found.map_or(Health::Unknown, |(_, backend)| backend.health.health);
    let address = found.map_or_else(String::new, |(_, backend)| format!(" {}", backend.address));
    format!("{}{address} is {health}", card.path)
}
