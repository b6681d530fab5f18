//! Latency: quantiles of the time to the first byte of responses, over windows that end now.
//!
//! The daemon makes them from the histograms of its workers; the same form serves listeners,
//! routes, groups and backends.

use serde::{Deserialize, Serialize};

/// Time to the first byte of responses, over windows that end now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyWindows {
    /// The last 10 s.
    pub seconds_10: Quantiles,
    /// The last minute.
    pub minute_1: Quantiles,
    /// The last 10 minutes.
    pub minutes_10: Quantiles,
}

/// Quantiles of a window, in microseconds, each up to 6 % high; 0 without requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Responses in the window.
    pub count: u64,
    /// Median.
    pub p50_us: u64,
    /// 90th percentile.
    pub p90_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// Slowest.
    pub max_us: u64,
}
