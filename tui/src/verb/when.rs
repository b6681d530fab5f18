//! Moments as operators type them: how long ago, a time of the day, or a date with a time.
//!
//! Times are in UTC, like all that is printed. A time of the day means the last time that it was so.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::failure::Failure;
use super::text::moment;
use super::words::duration;
use crate::exit::Exit;

const DAY_MS: u64 = 86_400_000;

/// A moment as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// So long ago.
    Ago(Duration),
    /// So many milliseconds after midnight, today or yesterday.
    Clock(u64),
    /// Milliseconds since the epoch.
    At(u64),
}

impl When {
    /// Milliseconds since the epoch.
    pub(super) fn at_ms(self, now_ms: u64) -> u64 {
        match self {
            Self::Ago(ago) => now_ms.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
            Self::Clock(within_ms) => {
                let today = now_ms - now_ms % DAY_MS + within_ms;
                if today > now_ms { today.saturating_sub(DAY_MS) } else { today }
            }
            Self::At(at_ms) => at_ms,
        }
    }
}

/// Reads `2h`, `14:02`, `14:02:05` or `2026-11-23T14:02:05Z`.
pub(super) fn when(text: &str) -> Result<When, String> {
    if let Some(within_ms) = clock(text) {
        return Ok(When::Clock(within_ms));
    }
    // UTC unless it says otherwise.
    let at = text.parse::<Timestamp>().or_else(|_| format!("{text}Z").parse());
    let at_ms = at.ok().and_then(|at| u64::try_from(at.as_millisecond()).ok());
    let ago = || duration(text).map(When::Ago);
    let form = "write it as in 2h, 14:02, 14:02:05 or 2026-11-23T14:02:05Z (UTC)";
    at_ms.map_or_else(ago, |at_ms| Ok(When::At(at_ms))).map_err(|_| form.to_owned())
}

fn clock(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let number = |text: &str, max: u64| {
        let is_short = (1..=2).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
        text.parse().ok().filter(|&number: &u64| is_short && number <= max)
    };
    let seconds = number(hour, 23)? * 3_600 + number(minute, 59)? * 60 + number(second, 59)?;
    parts.next().is_none().then_some(seconds * 1_000)
}

/// When something was that is over or goes on: not ahead of now.
///
/// # Errors
/// When it is ahead; `what` names the option.
pub(super) fn past_ms(what: &str, when: When, now_ms: u64) -> Result<u64, Failure> {
    let at_ms = when.at_ms(now_ms);
    if at_ms <= now_ms {
        return Ok(at_ms);
    }
    let message = format!("{what} is ahead: it is {} now, and {} was asked for", moment(now_ms), moment(at_ms));
    Err(Failure::new(Exit::Usage, message).hint("times are in UTC; a time of the day means the last one"))
}

/// The time now, in milliseconds since the epoch.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
