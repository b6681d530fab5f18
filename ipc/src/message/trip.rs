//! Trip wires: conditions that take a change back by themselves, as in `5xx>1%` or `app:p99>300ms`.
//!
//! Written the same on the command line, in messages and on screens. The daemon looks at them once a
//! second; what it looks at begins with the change, never before it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Name;

#[cfg(test)]
mod tests;

/// Wires of one window or ramp.
pub const TRIPS_MAX: usize = 16;
/// Ends of requests below which a rate of errors says nothing yet.
pub const TRIP_SAMPLES_MIN: u64 = 20;
/// How far back a wire looks, in milliseconds.
pub const TRIP_WINDOW_MS: u64 = 10_000;

/// A condition under which a change is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Trip {
    /// The group that it looks at; without one, each of the groups that the change touches.
    pub group: Option<Name>,
    /// What it looks at.
    pub limit: Limit,
}

/// What a wire bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Up to so many of a million requests may end with a 5xx, poised's own included.
    Errors {
        /// Parts per million, 0 to 999,999.
        over_ppm: u32,
    },
    /// The 99th percentile of the time to the first byte may be up to this.
    P99 {
        /// Milliseconds, 1 to 60,000.
        over_ms: u32,
    },
    /// At least so many backends must be usable.
    Up {
        /// Backends, 1 to 1000.
        under: u16,
    },
}

/// What a text has to be to be a wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no trip wire; write 5xx>1%, p99>300ms or up<2, for one group alone app:5xx>1%")]
pub struct TripError(String);

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(group) = &self.group {
            write!(f, "{group}:")?;
        }
        write!(f, "{}", self.limit)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Errors { over_ppm } => write!(f, "5xx>{}%", f64::from(over_ppm) / 10_000.0),
            Self::P99 { over_ms } => write!(f, "p99>{over_ms}ms"),
            Self::Up { under } => write!(f, "up<{under}"),
        }
    }
}

impl FromStr for Trip {
    type Err = TripError;

    fn from_str(text: &str) -> Result<Self, TripError> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (group, rest) = match compact.split_once(':') {
            Some((group, rest)) => (Some(group.parse::<Name>().ok()), rest),
            None => (None, compact.as_str()),
        };
        let limit = limit(rest).ok_or_else(|| TripError(text.to_owned()))?;
        match group {
            Some(None) => Err(TripError(text.to_owned())),
            Some(group) => Ok(Self { group, limit }),
            None => Ok(Self { group: None, limit }),
        }
    }
}

fn limit(text: &str) -> Option<Limit> {
    if let Some(rate) = text.strip_prefix("5xx>") {
        return Some(Limit::Errors { over_ppm: ppm(rate.strip_suffix('%')?)? });
    }
    if let Some(time) = text.strip_prefix("p99>") {
        let over_ms = match time.strip_suffix("ms") {
            Some(ms) => ms.parse().ok()?,
            None => time.strip_suffix('s')?.parse::<u32>().ok()?.checked_mul(1_000)?,
        };
        return (1..=60_000).contains(&over_ms).then_some(Limit::P99 { over_ms });
    }
    let under = text.strip_prefix("up<")?.parse().ok()?;
    (1..=1_000).contains(&under).then_some(Limit::Up { under })
}

/// Parts per million of a percentage with up to four digits behind the point, below 100.
fn ppm(percent: &str) -> Option<u32> {
    let (whole, part) = percent.split_once('.').unwrap_or((percent, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) || part.len() > 4 {
        return None;
    }
    let part: u32 = format!("{part:0<4}").parse().ok()?;
    let ppm = whole.parse::<u32>().ok()?.checked_mul(10_000)?.checked_add(part)?;
    (ppm < 1_000_000).then_some(ppm)
}

impl TryFrom<String> for Trip {
    type Error = TripError;

    fn try_from(text: String) -> Result<Self, TripError> {
        text.parse()
    }
}

impl From<Trip> for String {
    fn from(trip: Trip) -> Self {
        trip.to_string()
    }
}
