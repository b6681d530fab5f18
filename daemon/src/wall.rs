//! Wall time, as everything that is stored or shown counts it.
//!
//! The rules get it as an argument; control, records and probes read it here.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch; 0 on a machine whose clock stands before it.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds since the epoch, as cookies count them.
pub(crate) fn now_s() -> u32 {
    u32::try_from(now_ms() / 1_000).unwrap_or(u32::MAX)
}
