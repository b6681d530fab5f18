//! Every range and default of the configuration and of the protocol, each with its source.
//!
//! `behaviour.md` ids (S-nn, L-nn) name the reference's value; where poise allows more than the
//! reference, the wider range is the limit and leaving the narrower one is a finding.

use std::ops::RangeInclusive;

/// Characters of a name.
pub const NAME_LEN_MAX: usize = 64;
/// Listeners of one configuration.
pub const LISTENERS_MAX: usize = 1_000;
/// Groups of one configuration.
pub const GROUPS_MAX: usize = 1_000;
/// Backends of one group.
pub const BACKENDS_MAX: usize = 1_000;
/// Bytes of a configuration text.
pub const CONFIG_LEN_MAX: usize = 4 << 20;

/// Faults told at once; those beyond are counted in the last one.
pub const FAULTS_MAX: usize = 1_000;

/// Configured weight; 0 takes no new connections or requests (S-12).
pub const WEIGHT: RangeInclusive<u16> = 0..=1_000;
/// Weight of a backend that names none.
pub const WEIGHT_DEFAULT: u16 = 100;

/// Idle time of a TCP connection, per direction: 1 s to 24 h (S-57).
pub const IDLE_TIMEOUT_MS: RangeInclusive<u32> = 1_000..=86_400_000;
/// S-57.
pub const TCP_IDLE_TIMEOUT_MS_DEFAULT: u32 = 900_000;
/// Keep-alive time of an idle HTTP client connection.
pub const HTTP_IDLE_TIMEOUT_MS_DEFAULT: u32 = 60_000;
/// Time to reach a backend.
pub const CONNECT_TIMEOUT_MS: RangeInclusive<u32> = 100..=300_000;
/// Two SYN retransmissions (1 s, 3 s) fit before the next backend is tried.
pub const CONNECT_TIMEOUT_MS_DEFAULT: u32 = 5_000;
/// Time a backend may stay silent while a response is due; then 504 (S-56).
pub const RESPONSE_TIMEOUT_MS: RangeInclusive<u32> = 100..=86_400_000;
/// S-56.
pub const RESPONSE_TIMEOUT_MS_DEFAULT: u32 = 60_000;

/// Persistence time: 1 s to 7 d (S-41, S-42, L-18).
pub const PERSISTENCE_TIMEOUT_MS: RangeInclusive<u32> = 1_000..=604_800_000;
/// The reference's form shows 1000 s (S-41, S-42).
pub const PERSISTENCE_TIMEOUT_MS_DEFAULT: u32 = 1_000_000;
/// Longest time of the reference for source persistence (S-41); above it a finding.
pub const SOURCE_TIMEOUT_MS_REFERENCE_MAX: u32 = 3_600_000;
/// Longest time of the reference for inserted cookies (S-42); above it a finding.
pub const COOKIE_TIMEOUT_MS_REFERENCE_MAX: u32 = 86_400_000;
/// S-43.
pub const COOKIE_NAME_DEFAULT: &str = "SERVERID";
/// Characters of a cookie name.
pub const COOKIE_NAME_LEN_MAX: usize = 64;

/// Time between probes of one backend: 100 ms to 1 h (L-11); reference 1 s to 50 s (S-29).
pub const CHECK_INTERVAL_MS: RangeInclusive<u32> = 100..=3_600_000;
/// S-29.
pub const CHECK_INTERVAL_MS_REFERENCE: RangeInclusive<u32> = 1_000..=50_000;
/// S-29.
pub const CHECK_INTERVAL_MS_DEFAULT: u32 = 2_000;
/// Time one probe may take (L-11).
pub const CHECK_TIMEOUT_MS: RangeInclusive<u32> = 10..=300_000;
/// S-28.
pub const CHECK_TIMEOUT_MS_DEFAULT: u32 = 5_000;
/// Consecutive verdicts that turn a backend up or down; reference 2 to 10 (S-30).
pub const CHECK_THRESHOLD: RangeInclusive<u16> = 1..=100;
/// S-30.
pub const CHECK_THRESHOLD_REFERENCE: RangeInclusive<u16> = 2..=10;
/// S-30.
pub const CHECK_THRESHOLD_DEFAULT: u16 = 3;
/// Characters of a check path (L-11); reference 80 (S-25).
pub const CHECK_PATH_LEN_MAX: usize = 2_048;
/// S-25.
pub const CHECK_PATH_LEN_REFERENCE_MAX: usize = 80;
/// Characters of a check host (RFC 1035 §2.3.4).
pub const CHECK_HOST_LEN_MAX: usize = 253;

/// Bytes of an HTTP/1 head, request or response (L-05).
pub const HEAD_LEN_MAX: usize = 32 << 10;
/// Header fields of an HTTP/1 head.
pub const FIELDS_MAX: usize = 100;
/// Bytes of a request target.
pub const TARGET_LEN_MAX: usize = 16 << 10;
/// Time from the first byte of a head to its last.
pub const HEAD_TIMEOUT_MS: u32 = 10_000;

/// Bytes of one frame or line from a client.
pub const FRAME_LEN_MAX: usize = 1 << 20;
/// Bytes of one frame or line from the daemon: the status of some 30,000 backends as JSON.
pub const REPLY_LEN_MAX: usize = 16 << 20;
/// Edits of one commit.
pub const EDITS_MAX: usize = 10_000;
/// Rows of the health log kept in memory.
pub const CHECK_ROWS_MAX: usize = 100_000;
/// Rows of one answer to a query of the health log.
pub const CHECK_ROWS_REPLY_MAX: u32 = 1_000;
