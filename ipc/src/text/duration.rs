//! Durations: `"1m 30s"` to milliseconds and back, in one unit.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::fault::quoted;
use crate::fault::Fault;

/// Units for printing, longest first, in milliseconds.
const UNITS: [(u32, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];

/// Reads a duration as operators write it, as in `2s`, `100ms` or `1h 30m`.
///
/// # Errors
/// A fault without path when the text is no duration of whole milliseconds within a century.
pub fn duration(text: &str) -> Result<Duration, Fault> {
    let read = humantime::parse_duration(text).map_err(|_| {
        let fault = Fault::new("", format!("{} is no duration", quoted(text))).allowed("a number and a unit");
        match text.trim().parse::<u64>() {
            Ok(number) => fault.hint(format!("write \"{number}s\" or \"{number}ms\"")),
            Err(_) => fault.hint("write it as in \"2s\", \"500ms\", \"15m\" or \"1h\""),
        }
    })?;
    if read.subsec_nanos() % 1_000_000 != 0 {
        return Err(
            Fault::new("", format!("{} is finer than a millisecond", quoted(text))).allowed("whole milliseconds")
        );
    }
    Ok(read)
}

/// Reads a duration in milliseconds within `range`.
pub(super) fn read(text: &str, range: &RangeInclusive<u32>) -> Result<u32, Fault> {
    let ms = duration(text).map_err(|fault| fault.allowed(range_text(range)))?.as_millis();
    match u32::try_from(ms) {
        Ok(ms) if range.contains(&ms) => Ok(ms),
        _ => Err(outside(&quoted(text), range)),
    }
}

/// Whether a number of milliseconds lies within `range`.
pub(super) fn check(ms: u32, range: &RangeInclusive<u32>) -> Result<(), Fault> {
    if range.contains(&ms) { Ok(()) } else { Err(outside(&duration_text(ms), range)) }
}

fn outside(found: &str, range: &RangeInclusive<u32>) -> Fault {
    Fault::new("", format!("{found} is out of range")).allowed(range_text(range))
}

/// A range as in `100ms to 1h`.
pub(super) fn range_text(range: &RangeInclusive<u32>) -> String {
    format!("{} to {}", duration_text(*range.start()), duration_text(*range.end()))
}

/// A duration in the longest unit that leaves no remainder, as in `1500ms`, `90s` or `15m`.
pub fn duration_text(ms: u32) -> String {
    let whole = UNITS.iter().find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit));
    match whole {
        Some((unit, name)) => format!("{}{name}", ms / unit),
        None => format!("{ms}ms"),
    }
}
