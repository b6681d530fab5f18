//! How a backend was at a moment, in a sentence.

use poise_ipc::health::WhyAnswer;
use poise_ipc::status::{CheckRow, Health};
use poise_ipc::text::moment;

use crate::verb::text::latency;

const DAY_MS: u64 = 86_400_000;
/// Silence after a row that is worth a word, in milliseconds, if the row says nothing of its cadence.
const QUIET_MS: u64 = 60_000;

/// `down since 14:02:11, 3 x fail connect refused; last pass 14:02:05 in 1.2 ms; up again 14:05:40`.
pub(crate) fn why(why: &WhyAnswer) -> String {
    let clock = |at_ms| clock(at_ms, why.at_ms);
    let mut parts = vec![match &why.transition {
        Some(row) => format!("{} since {}, {} x {}", why.health, clock(row.last_ms), row.streak, row.verdict),
        None if why.since_ms > 0 => format!("{} since {}", why.health, clock(why.since_ms)),
        None if why.rows.is_empty() => format!("{}, the log has nothing of it", why.health),
        None if why.rows[0].first_ms > why.at_ms => {
            format!("{}, the log of it begins {}", why.health, clock(why.rows[0].first_ms))
        }
        None => format!("{}, since when the log does not say", why.health),
    }];
    parts.extend(last_other(why).map(|row| {
        let (at, verdict) = (clock(row.last_ms), &row.verdict);
        if verdict.passed() {
            format!("last pass {at} in {}", latency(row.latency_us_mean))
        } else {
            format!("last failure {at}, {verdict}")
        }
    }));
    parts.extend(quiet(why).map(|(from_ms, to_ms)| match to_ms {
        Some(to_ms) => format!("not probed from {} to {}", clock(from_ms), clock(to_ms)),
        None => format!("not probed since {}", clock(from_ms)),
    }));
    parts.extend(why.ended.as_ref().and_then(|row| {
        let to = row.transition?;
        // Of what was before, the log knows nothing.
        let word = if why.health == Health::Unknown { "from" } else { "again" };
        Some(format!("{to} {word} {}", clock(row.last_ms)))
    }));
    parts.join("; ")
}

/// The last row of the other outcome before the transition.
fn last_other(why: &WhyAnswer) -> Option<&CheckRow> {
    let turned = why.transition.as_ref()?;
    let other = |row: &&CheckRow| row.seq < turned.seq && row.verdict.passed() != turned.verdict.passed();
    why.rows.iter().rev().find(other)
}

/// The time around the moment in which no probe was made, where there was such a time.
fn quiet(why: &WhyAnswer) -> Option<(u64, Option<u64>)> {
    let row = why.rows.iter().rev().find(|row| row.first_ms <= why.at_ms)?;
    let cadence_ms = (row.last_ms - row.first_ms).checked_div(u64::from(row.count).saturating_sub(1));
    let quiet_ms = cadence_ms.map_or(QUIET_MS, |cadence_ms| QUIET_MS.max(3 * cadence_ms));
    let next = why.rows.iter().find(|next| next.first_ms > why.at_ms).map(|next| next.first_ms);
    let is_quiet = why.at_ms.saturating_sub(row.last_ms) > quiet_ms;
    is_quiet.then_some((row.last_ms, next))
}

/// The time of a moment, with its date unless that is the day asked about.
fn clock(at_ms: u64, day_of_ms: u64) -> String {
    let whole = moment(at_ms);
    match whole.split_once('T') {
        Some((_, time)) if at_ms / DAY_MS == day_of_ms / DAY_MS => time.chars().take(8).collect(),
        _ => whole,
    }
}
