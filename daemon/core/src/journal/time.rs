//! Wall time as the formats write it, always in UTC.
//!
//! Days become dates by the calendar arithmetic of Howard Hinnant's `civil_from_days`. No clock is
//! read here. Called by the formats.

use super::escape::Out;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MS: u64 = 86_400_000;

/// A moment, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    year: u64,
    /// From 1.
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    milli: u64,
}

impl Moment {
    /// Of milliseconds since the epoch.
    fn of(at_ms: u64) -> Self {
        let (days, ms) = (at_ms / DAY_MS, at_ms % DAY_MS);
        // Years begin in March here, so that a leap day is the last of its year.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: ms / 3_600_000,
            minute: ms / 60_000 % 60,
            second: ms / 1_000 % 60,
            milli: ms % 1_000,
        }
    }

    fn month_name(&self) -> &'static str {
        usize::try_from(self.month - 1).ok().and_then(|at| MONTHS.get(at)).unwrap_or(&"???")
    }
}

/// `2026-11-22T23:59:59.123Z`.
pub(super) fn rfc3339(at_ms: u64, out: &mut Vec<u8>) {
    let at = Moment::of(at_ms);
    out.padded(at.year, 4).text("-").padded(at.month, 2).text("-").padded(at.day, 2).text("T");
    clock(&at, out);
    out.text(".").padded(at.milli, 3).text("Z");
}

/// `22/Nov/2026:23:59:59.123`, as HAProxy writes it.
pub(super) fn haproxy(at_ms: u64, out: &mut Vec<u8>) {
    let at = Moment::of(at_ms);
    date(&at, out);
    out.text(".").padded(at.milli, 3);
}

/// `22/Nov/2026:23:59:59 +0000`, as Apache writes it.
pub(super) fn apache(at_ms: u64, out: &mut Vec<u8>) {
    date(&Moment::of(at_ms), out);
    out.text(" +0000");
}

fn date(at: &Moment, out: &mut Vec<u8>) {
    out.padded(at.day, 2).text("/").text(at.month_name()).text("/").padded(at.year, 4).text(":");
    clock(at, out);
}

fn clock(at: &Moment, out: &mut Vec<u8>) {
    out.padded(at.hour, 2).text(":").padded(at.minute, 2).text(":").padded(at.second, 2);
}
