//! Days in UTC and the names of their files.
//!
//! Days become dates by the calendar arithmetic of Howard Hinnant's `civil_from_days`. No clock is
//! read here.

/// A day in milliseconds.
pub(super) const DAY_MS: u64 = 86_400_000;

/// The day of a moment, counted from the epoch, in UTC.
pub const fn day_of(at_ms: u64) -> u64 {
    at_ms / DAY_MS
}

/// A day as in `2026-11-22`.
pub(super) fn text(day: u64) -> String {
    // Years begin in March here, so that a leap day is the last of its year.
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{:02}", day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

/// The day that a text like `2026-11-22` names.
pub(super) fn parse(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let (year, shifted_month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * shifted_month + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let found = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    // Days that do not exist come out as others.
    (self::text(found) == text).then_some(found)
}

#[cfg(test)]
mod tests {
    //! Every day has one name, and only days have one.

    use super::*;

    #[test]
    fn a_day_is_named_and_found_again() {
        assert_eq!(text(0), "1970-01-01");
        assert_eq!(text(day_of(1_795_356_128_122)), "2026-11-22");
        for day in (0..200_000).step_by(13) {
            assert_eq!(parse(&text(day)), Some(day));
        }
    }

    #[test]
    fn what_is_no_day_is_none() {
        for text in ["2026-02-29", "2026-13-01", "2026-1-01", "1969-12-31", "x", "2026-11-22.db", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
