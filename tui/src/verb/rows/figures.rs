//! What every object counts alike: causes and latency, as cells of tables and as JSON.

use std::collections::BTreeMap;

use poise_ipc::cause::Cause;
use poise_ipc::status::{LatencyWindows, Quantiles};

use super::super::text::latency;

/// Causes as a cell: `connect-failed=2,client-closed=5`, or nothing.
pub(in crate::verb) fn causes(causes: &[(Cause, u64)]) -> String {
    causes.iter().map(|(cause, number)| format!("{cause}={number}")).collect::<Vec<_>>().join(",")
}

/// Causes as a JSON object.
pub(in crate::verb) fn by_word(causes: &[(Cause, u64)]) -> BTreeMap<&'static str, u64> {
    causes.iter().map(|&(cause, number)| (cause.word(), number)).collect()
}

/// The windows of latency with the words for them.
pub(in crate::verb) fn windows(latency: &LatencyWindows) -> [(&'static str, Quantiles); 3] {
    [("10 s", latency.seconds_10), ("1 min", latency.minute_1), ("10 min", latency.minutes_10)]
}

/// A window in a line: `p50 1.2 ms  p90 3.4 ms  p99 8.0 ms  max 9.1 ms  of 1200`.
pub(in crate::verb) fn window(window: &Quantiles) -> String {
    let Quantiles { count, p50_us, p90_us, p99_us, max_us } = *window;
    if count == 0 {
        return "no responses".to_owned();
    }
    let [p50, p90, p99, max] = [p50_us, p90_us, p99_us, max_us].map(latency);
    format!("p50 {p50}  p90 {p90}  p99 {p99}  max {max}  of {count}")
}
