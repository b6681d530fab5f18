//! Moments, written in UTC the way that logs and scripts sort them.

use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_millis;

/// The last moment whose year has four digits, in milliseconds since the epoch.
const LAST_MS: u64 = 253_402_300_799_999;

/// A moment in milliseconds since the epoch, as in `2026-11-22T14:02:08.122Z`; a dash for 0, which
/// stands for none, and for what lies beyond the year 9999.
pub fn moment(at_ms: u64) -> String {
    if !(1..=LAST_MS).contains(&at_ms) {
        return "-".to_owned();
    }
    format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at_ms)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_to_the_millisecond_or_not_at_all() {
        assert_eq!(moment(1_795_356_128_122), "2026-11-22T14:02:08.122Z");
        assert_eq!(moment(LAST_MS), "9999-12-31T23:59:59.999Z");
        assert_eq!((moment(0), moment(LAST_MS + 1)), ("-".to_owned(), "-".to_owned()));
    }
}
