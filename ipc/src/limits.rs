//! Every range and default of the configuration and of the protocol, each with its source.
//!
//! `behaviour.md` ids (S-nn, L-nn) name the reference's value; where poise allows more than the
//! reference, the wider range is the limit and leaving the narrower one is a finding.

use std::ops::RangeInclusive;

use crate::model::{Bandwidth, ByteSize, Count, Mode, RedirectStatus};

/// Characters of a name.
pub const NAME_LEN_MAX: usize = 64;
/// Listeners of one configuration.
pub const LISTENERS_MAX: usize = 1_000;
/// Groups of one configuration.
pub const GROUPS_MAX: usize = 1_000;
/// Backends of one group.
pub const BACKENDS_MAX: usize = 1_000;
/// Routes of one listener.
pub const ROUTES_MAX: usize = 1_000;
/// Certificates of one configuration.
pub const CERTIFICATES_MAX: usize = 1_000;
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
/// Life of a UDP flow without a datagram.
pub const UDP_IDLE_TIMEOUT_MS_DEFAULT: u32 = 30_000;
/// Datagrams of a backend that end a flow; 0: none does.
pub const REPLIES: RangeInclusive<u16> = 0..=u16::MAX;
/// Time to reach a backend.
pub const CONNECT_TIMEOUT_MS: RangeInclusive<u32> = 100..=300_000;
/// Two SYN retransmissions (1 s, 3 s) fit before the next backend is tried.
pub const CONNECT_TIMEOUT_MS_DEFAULT: u32 = 5_000;
/// Time a backend may stay silent while a response is due; then 504 (S-56).
pub const RESPONSE_TIMEOUT_MS: RangeInclusive<u32> = 100..=86_400_000;
/// S-56.
pub const RESPONSE_TIMEOUT_MS_DEFAULT: u32 = 60_000;

/// Silence before TCP asks for a sign of life (RFC 9293 §3.8.4, RFC 1122 §4.2.3.6).
pub const KEEPALIVE_MS: RangeInclusive<u32> = 1_000..=7_200_000;
/// Time that sent bytes may stay unacknowledged (RFC 5482).
pub const USER_TIMEOUT_MS: RangeInclusive<u32> = 1_000..=3_600_000;
/// Who may use a Unix socket that poised listens on.
pub const SOCKET_MODE: RangeInclusive<u16> = 0..=0o777;
/// The daemon's user and its group.
pub const SOCKET_MODE_DEFAULT: Mode = Mode(0o660);
/// Bytes of the path of a Unix socket: `sun_path` holds 108 with the zero at its end (unix(7)).
pub const SOCKET_PATH_LEN_MAX: usize = 107;

/// Connections or flows of a listener, or of one client address.
pub const CONNECTIONS: RangeInclusive<Count> = Count(1)..=Count(10_000_000);
/// New connections or flows per second of one client address.
pub const SOURCE_RATE: RangeInclusive<Count> = Count(1)..=Count(1_000_000);
/// Peak bandwidth of a listener, per direction (S-02).
pub const BANDWIDTH: RangeInclusive<Bandwidth> = Bandwidth(64_000)..=Bandwidth(1_000_000_000_000);
/// Networks of one list.
pub const NETWORKS_MAX: usize = 1_000;
/// Characters of a comment on a network.
pub const COMMENT_LEN_MAX: usize = 100;

/// Time in which a backend that comes back grows to its weight (behaviour.md §4.3: 30 s to 900 s
/// elsewhere).
pub const SLOW_START_MS: RangeInclusive<u32> = 1_000..=3_600_000;
/// Connections or requests that wait for a backend of a group.
pub const QUEUE: RangeInclusive<Count> = Count(0)..=Count(100_000);
/// Enough for a moment's rush, little enough that the last one is served within the timeout.
pub const QUEUE_DEFAULT: Count = Count(1_000);
/// How long one may wait in a queue.
pub const QUEUE_TIMEOUT_MS: RangeInclusive<u32> = 100..=3_600_000;
/// As long as a dial may take.
pub const QUEUE_TIMEOUT_MS_DEFAULT: u32 = 5_000;
/// Time that a drain gives what is open.
pub const DRAIN_TIMEOUT_MS: RangeInclusive<u32> = 0..=604_800_000;
/// 300 s, as elsewhere (behaviour.md §4.5).
pub const DRAIN_TIMEOUT_MS_DEFAULT: u32 = 300_000;

/// Bits of an IPv4 address that make a client of source persistence (S-41).
pub const PREFIX_V4: RangeInclusive<u16> = 1..=32;
/// Every address is a client.
pub const PREFIX_V4_DEFAULT: u16 = 32;
/// Bits of an IPv6 address that make a client of source persistence (S-41).
pub const PREFIX_V6: RangeInclusive<u16> = 1..=128;
/// The network that a host chooses its addresses from (RFC 4291 §2.5.1).
pub const PREFIX_V6_DEFAULT: u16 = 64;

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
/// The whole host.
pub const COOKIE_PATH_DEFAULT: &str = "/";
/// Beginnings of names with which browsers keep only Secure cookies (RFC 6265bis section 4.1.3).
pub const COOKIE_PREFIXES_SECURE: [&str; 2] = ["__Secure-", "__Host-"];
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

/// Bytes of an answer that a probe looks at.
pub const CHECK_RECEIVE: RangeInclusive<ByteSize> = ByteSize(1)..=ByteSize(64 << 10);
/// S-40.
pub const CHECK_RECEIVE_DEFAULT: ByteSize = ByteSize(8 << 10);
/// Fields that a probe sends.
pub const CHECK_FIELDS_MAX: usize = 20;
/// Characters of the name of a gRPC service.
pub const SERVICE_LEN_MAX: usize = 255;
/// What an amount of backends may be.
pub const AMOUNT_MAX: u16 = 10_000;

/// What a transition to down adds to the score of a backend that comes and goes (RFC 2439 section 4.2
/// counts so).
pub const FLAP_PENALTY: u16 = 1_000;
/// Time in which the score halves.
pub const FLAP_HALF_LIFE_MS: RangeInclusive<u32> = 1_000..=86_400_000;
/// A third of what routers use: backends are mended in minutes.
pub const FLAP_HALF_LIFE_MS_DEFAULT: u32 = 300_000;
/// Scores from which on, or below which, something happens.
pub const FLAP_SCORE: RangeInclusive<u16> = 100..=20_000;
/// The third failure within a few minutes.
pub const FLAP_SUPPRESS_DEFAULT: u16 = 2_500;
/// A little less than one failure.
pub const FLAP_REUSE_DEFAULT: u16 = 900;
/// Longest time that a backend is kept out.
pub const FLAP_SUPPRESS_MS_MAX: RangeInclusive<u32> = 1_000..=86_400_000;
/// Four half-lives.
pub const FLAP_SUPPRESS_MS_MAX_DEFAULT: u32 = 1_200_000;

/// Failures in a row that eject a backend; 0: they do not count.
pub const PASSIVE_COUNT: RangeInclusive<u16> = 0..=1_000;
/// What others take as well.
pub const PASSIVE_COUNT_DEFAULT: u16 = 5;
/// Time of an ejection.
pub const EJECTION_MS: RangeInclusive<u32> = 100..=86_400_000;
/// What others take as well.
pub const EJECTION_MS_DEFAULT: u32 = 30_000;
/// What others take as well.
pub const EJECTION_MS_MAX_DEFAULT: u32 = 300_000;

/// Characters of a probe's payload, `send` or `receive`.
pub const PAYLOAD_LEN_MAX: usize = 1_024;

/// Bytes of a head that a listener may take (L-05).
pub const HEAD_BYTES: RangeInclusive<Count> = Count(1_024)..=Count(65_536);
/// L-05.
pub const HEAD_BYTES_DEFAULT: Count = Count(32 << 10);
/// Fields of a head that a listener may take.
pub const FIELDS: RangeInclusive<Count> = Count(8)..=Count(256);
/// More than any browser sends.
pub const FIELDS_DEFAULT: Count = Count(100);
/// Bytes of a target that a listener may take.
pub const TARGET_BYTES: RangeInclusive<Count> = Count(256)..=Count(32_768);
/// Twice the 8,000 bytes that every server should take (RFC 9110 section 4.1).
pub const TARGET_BYTES_DEFAULT: Count = Count(16 << 10);
/// Bytes of a request's body.
pub const BODY_BYTES: RangeInclusive<ByteSize> = ByteSize(1)..=ByteSize(1 << 40);
/// Bytes per second of a request's body, after some seconds of grace.
pub const BODY_RATE: RangeInclusive<Count> = Count(0)..=Count(1_000_000);
/// Two letters a millisecond of a slow line: less only holds a backend busy.
pub const BODY_RATE_DEFAULT: Count = Count(240);
/// Requests of one HTTP/2 connection under way at once (RFC 9113 section 6.5.2).
pub const STREAMS: RangeInclusive<Count> = Count(1)..=Count(10_000);
/// What RFC 9113 section 6.5.2 recommends as the least.
pub const STREAMS_DEFAULT: Count = Count(100);
/// Time from the first byte of a head to its last.
pub const HEAD_TIMEOUT_MS: RangeInclusive<u32> = 100..=300_000;
/// Enough for a slow line, too little to hold many connections by.
pub const HEAD_TIMEOUT_MS_DEFAULT: u32 = 10_000;

/// Time that a TLS handshake may take.
pub const HANDSHAKE_TIMEOUT_MS: RangeInclusive<u32> = 100..=60_000;
/// Two round trips of the slowest line.
pub const HANDSHAKE_TIMEOUT_MS_DEFAULT: u32 = 5_000;
/// Certificates of one listener.
pub const LISTENER_CERTIFICATES_MAX: usize = 100;
/// Bytes of the path of a file.
pub const FILE_PATH_LEN_MAX: usize = 1_024;
/// Characters of the name of a header field.
pub const HEADER_NAME_LEN_MAX: usize = 64;
/// Characters of a header value that routes match or write.
pub const HEADER_VALUE_LEN_MAX: usize = 1_024;
/// The field that tells backends the id of a request, where requests are logged.
pub const ID_HEADER_DEFAULT: &str = "X-Request-Id";

/// Items of one list of a route: hosts, methods, headers, shares, edits.
pub const ROUTE_ITEMS_MAX: usize = 100;
/// Bytes that a route adds to a head, in all: a head is rewritten in place, with this room to grow.
pub const HEADER_EDITS_LEN_MAX: usize = 2_048;
/// Characters of a path that routes match.
pub const ROUTE_PATH_LEN_MAX: usize = 1_024;
/// Bytes that the compiled expression of a route may take: one that needs more would also be slow.
pub const REGEX_BYTES_MAX: usize = 1 << 20;
/// The same of all routes of a listener together.
pub const REGEX_SET_BYTES_MAX: usize = 16 << 20;
/// Order of a route among others.
pub const ROUTE_PRIORITY: RangeInclusive<u16> = 0..=1_000;
/// Part of a group in a split.
pub const SHARE_WEIGHT: RangeInclusive<u16> = 0..=1_000;
/// The permanent one that every client knows.
pub const REDIRECT_STATUS_DEFAULT: RedirectStatus = RedirectStatus(301);
/// The status codes of redirects (RFC 9110 section 15.4).
pub const REDIRECT_STATUS: [u16; 4] = [301, 302, 307, 308];
/// Causes with a reply of their own, per listener.
pub const REPLIES_MAX: usize = 40;

/// Bytes of one frame or line from a client.
pub const FRAME_LEN_MAX: usize = 1 << 20;
/// Bytes of one frame or line from the daemon: the status of some 30,000 backends as JSON.
pub const REPLY_LEN_MAX: usize = 16 << 20;
/// Edits of one commit.
pub const EDITS_MAX: usize = 10_000;
/// Rows of the health log that `poise logs` shows at the most.
pub const CHECK_ROWS_MAX: usize = 100_000;
/// Rows of one answer to a query of the health log.
pub const CHECK_ROWS_REPLY_MAX: u32 = 1_000;
/// Persistence entries of one answer.
pub const ENTRIES_REPLY_MAX: u32 = 1_000;
