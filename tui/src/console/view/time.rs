//! Points in time as screens show them: the operator's wall clock.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Hour, minute, second: `14:02:11`; with the date before it when `now_ms` is another day.
pub(super) fn clock(at_ms: u64, now_ms: u64, zone: &TimeZone) -> String {
    let Some((day, time)) = parts(at_ms, zone) else { return "-".to_owned() };
    let same_day = parts(now_ms, zone).is_none_or(|(today, _)| today == day);
    if same_day { time[..8].to_owned() } else { format!("{day} {}", &time[..8]) }
}

/// Hour, minute, second, thousandth: `14:02:11.104`.
pub(super) fn exact(at_ms: u64, zone: &TimeZone) -> String {
    parts(at_ms, zone).map_or_else(|| "-".to_owned(), |(_, time)| time)
}

/// Date and time of day.
fn parts(at_ms: u64, zone: &TimeZone) -> Option<(String, String)> {
    let at = Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
    let local = zone.to_datetime(at);
    let (date, time) = (local.date(), local.time());
    let day = format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    Some((day, format!("{hour:02}:{minute:02}:{second:02}.{:03}", time.millisecond())))
}
