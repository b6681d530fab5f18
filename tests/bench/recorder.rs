//! What three days of health log cost: a hundred backends, probed every 2 s, each with twenty episodes
//! of coming and going, through the log and the recorder as in the daemon.
//!
//! Prints figures beside their bounds, and fails when one is exceeded, a verdict is missing or a moment
//! is told wrongly. `cargo bench -p poised --bench recorder [-- BACKENDS]`. The size of other numbers
//! of backends is not bounded here.

#![expect(unreachable_pub, reason = "what is shared with a test is public to nobody else")]

#[path = "../support/three_days.rs"]
mod three_days;

use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use poised::recorder::{Limits, Recorder, day_of};
use three_days::{DAY_MS, World};

const BACKENDS: u64 = 100;
const BYTES_MAX: u64 = 64 << 20;
const ANSWER_MAX: Duration = Duration::from_millis(50);
/// Moments of each backend that are asked about.
const MOMENTS: u64 = 100;

fn main() -> io::Result<()> {
    let backends = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(BACKENDS);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis();
    // The days that have just ended: the recorder removes older ones.
    let begin_ms = (day_of(u64::try_from(now).expect("a clock of this era")) - 3) * DAY_MS;
    let folder = tempfile::tempdir()?;
    let limits = Limits { retention_ms: 3 * DAY_MS, bytes_max: BYTES_MAX };
    let begun = Instant::now();
    let mut outcome = World::new(backends, begin_ms, Recorder::open(folder.path(), limits)?).run(MOMENTS);
    let took = begun.elapsed();

    let mut out = io::stdout().lock();
    let per_probe = outcome.bytes as f64 / outcome.probes as f64;
    writeln!(out, "{} probes of {backends} backends over three days, in {took:.1?}", outcome.probes)?;
    writeln!(
        out,
        "  {} rows on disk hold {} verdicts, {} transitions",
        outcome.rows, outcome.counted, outcome.transitions
    )?;
    writeln!(
        out,
        "  {:.1} of {} MiB, {per_probe:.2} bytes a probe",
        outcome.bytes as f64 / 1_048_576.0,
        BYTES_MAX >> 20
    )?;
    writeln!(out, "  {} of {} moments told wrongly, {} rows lost", outcome.wrong, outcome.moments, outcome.lost)?;
    let (hour, hour_max) = spread(&mut outcome.hours);
    writeln!(out, "  one hour of one backend: median {hour:.1?}, slowest {hour_max:.1?}, bound {ANSWER_MAX:?}")?;
    let (why, why_max) = spread(&mut outcome.whys);
    writeln!(out, "  how a backend was at a moment: median {why:.1?}, slowest {why_max:.1?}")?;
    assert_eq!((outcome.counted, outcome.wrong, outcome.lost), (outcome.probes, 0, 0));
    assert!(outcome.bytes <= BYTES_MAX && hour_max < ANSWER_MAX);
    Ok(())
}

/// The median and the slowest.
fn spread(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}
