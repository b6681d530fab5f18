//! What the health log takes: bytes for three days of 100 backends that are probed every 2 s, and the
//! time that a question about an hour of one of them takes.
//!
//! Prints a table; it is no test. `cargo bench -p poised --bench recorder`. It needs a minute and some
//! 64 MiB of the folder for temporary files.

#![expect(unreachable_pub, reason = "what tests share is public to nobody else")]

use std::io::{self, Write};
use std::time::{Duration, Instant};

#[path = "../support/flight.rs"]
mod flight;

use flight::{LIMITS, TICKS, hour_of_one, recorder, says, three_days};

const BACKENDS: u64 = 100;
/// Instants that are reconstructed.
const INSTANTS: u64 = 2_000;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let folder = tempfile::tempdir()?;
    let recorder = recorder(folder.path());
    let begun = Instant::now();
    let probes = three_days(&recorder, BACKENDS);
    let status = recorder.status();
    let (bytes, max) = (status.bytes, LIMITS.bytes_max);
    writeln!(out, "probes           {probes:>12}   of {BACKENDS} backends, in {:.1?}", begun.elapsed())?;
    writeln!(out, "bytes on disk    {bytes:>12}   of {max}, {:.2} a probe", per(bytes, probes))?;
    writeln!(out, "rows lost        {:>12}", status.lost_total)?;
    let mut right = 0;
    for n in 0..INSTANTS {
        let tick = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % TICKS;
        right += u64::from(says(&recorder, n % BACKENDS, tick));
    }
    writeln!(out, "instants right   {right:>12}   of {INSTANTS}")?;
    let mut took: Vec<Duration> = (0..BACKENDS).map(|backend| hour_of_one(&recorder, backend)).collect();
    took.sort_unstable();
    writeln!(out, "an hour of one   {:>12.2?}   median; longest {:.2?}", took[took.len() / 2], took[took.len() - 1])
}

#[expect(clippy::cast_precision_loss, reason = "two digits are printed")]
fn per(bytes: u64, probes: u64) -> f64 {
    bytes as f64 / probes as f64
}
