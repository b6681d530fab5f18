//! The command line: which workloads, which peers, how long, and how to print.
//!
//! Reads words only; whether a program exists is asked in `proxy`.

use std::path::PathBuf;
use std::time::Duration;

use crate::proxy::Proxy;
use crate::workload::NAMES;

const USAGE: &str = "\
Measures poised beside HAProxy and nginx: CPU time per unit of work.

Usage: cargo run --release --manifest-path tests/bench/Cargo.toml -- [WORKLOADS] [OPTIONS]

  WORKLOADS         names with commas or blanks between them; all of them unless given
  --rounds N        measured rounds, 1 to 100 [default: 4]; one more goes before them, unmeasured
  --seconds S       length of one measurement, 0.1 to 60 [default: 1]
  --peers LIST      haproxy, haproxy-splice, nginx, or none [default: all three]
  --poised PATH     the poised to measure [default: target/release/poised]
  --realtime        run everything under SCHED_FIFO by `chrt`: calmer figures, starves the machine
  -o table|json     how to print [default: table]
  --list            the workloads, and what each one does
  -h, --help        this text
";

/// Bounds of `--rounds`.
const ROUNDS_MAX: u32 = 100;
/// Bounds of `--seconds`.
const SECONDS_MIN: f64 = 0.1;
const SECONDS_MAX: f64 = 60.0;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    /// Measure.
    Run(Options),
    /// Print this and end.
    Text(String),
}

/// How to measure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    /// Names of workloads, in the order of the table.
    pub(crate) workloads: Vec<&'static str>,
    /// Measured rounds, at least 1.
    pub(crate) rounds: u32,
    /// Length of one measurement.
    pub(crate) length: Duration,
    /// Peers beside poised.
    pub(crate) peers: Vec<Proxy>,
    /// Where poised is, unless in the usual place.
    pub(crate) poised: Option<PathBuf>,
    /// Whether to ask for `SCHED_FIFO`.
    pub(crate) realtime: bool,
    /// Whether to print JSON.
    pub(crate) json: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workloads: NAMES.iter().map(|(name, _)| *name).collect(),
            rounds: 4,
            length: Duration::from_secs(1),
            peers: Proxy::PEERS.to_vec(),
            poised: None,
            realtime: false,
            json: false,
        }
    }
}

/// Reads the command line without the program's name.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub(crate) fn parse(words: &[String]) -> Result<Asked, String> {
    let mut options = Options::default();
    let mut named = Vec::new();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "-h" | "--help" => return Ok(Asked::Text(USAGE.into())),
            "--list" => return Ok(Asked::Text(list())),
            "--realtime" => options.realtime = true,
            _ if word.starts_with('-') => {
                let value = words.next().ok_or_else(|| format!("{word} is not known or lacks a value; see --help"))?;
                set(&mut options, word, value)?;
            }
            _ => named.extend(word.split(',').filter(|name| !name.is_empty())),
        }
    }
    if !named.is_empty() {
        options.workloads = chosen(&named)?;
    }
    Ok(Asked::Run(options))
}

fn set(options: &mut Options, key: &str, value: &str) -> Result<(), String> {
    match key {
        "--rounds" => options.rounds = rounds(value)?,
        "--seconds" => options.length = seconds(value)?,
        "--peers" => options.peers = peers(value)?,
        "--poised" => options.poised = Some(value.into()),
        "-o" | "--output" => options.json = json(value)?,
        _ => return Err(format!("{key} is not known; see --help")),
    }
    Ok(())
}

fn rounds(value: &str) -> Result<u32, String> {
    let rounds = value.parse().ok().filter(|rounds| (1..=ROUNDS_MAX).contains(rounds));
    rounds.ok_or_else(|| format!("--rounds {value}: a number from 1 to {ROUNDS_MAX} is due"))
}

fn seconds(value: &str) -> Result<Duration, String> {
    let seconds = value.parse().ok().filter(|seconds| (SECONDS_MIN..=SECONDS_MAX).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("--seconds {value}: a number from {SECONDS_MIN} to {SECONDS_MAX} is due"))
}

fn peers(value: &str) -> Result<Vec<Proxy>, String> {
    if value == "none" {
        return Ok(Vec::new());
    }
    let named = |name: &str| Proxy::PEERS.into_iter().find(|peer| peer.name() == name);
    let known = || Proxy::PEERS.map(Proxy::name).join(", ");
    let read = |name| named(name).ok_or_else(|| format!("--peers {name}: known are {}, none", known()));
    value.split(',').filter(|name| !name.is_empty()).map(read).collect()
}

fn json(value: &str) -> Result<bool, String> {
    match value {
        "json" => Ok(true),
        "table" => Ok(false),
        _ => Err(format!("-o {value}: table or json is due")),
    }
}

fn chosen(named: &[&str]) -> Result<Vec<&'static str>, String> {
    let known = |name: &&&str| NAMES.iter().any(|(known, _)| known == *name);
    if let Some(odd) = named.iter().find(|name| !known(name)) {
        let all: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
        return Err(format!("{odd} is no workload; known are {}", all.join(", ")));
    }
    Ok(NAMES.iter().map(|(name, _)| *name).filter(|name| named.contains(name)).collect())
}

fn list() -> String {
    let lines: Vec<_> = NAMES.iter().map(|(name, meaning)| format!("{name:<16} {meaning}\n")).collect();
    lines.concat()
}

#[cfg(test)]
mod tests;
