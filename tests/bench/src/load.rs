//! The load, a process of one kind: exchanges, connections, bulk data, datagrams, idle pairs.
//!
//! A load runs in a closed loop for a given time, checks every answer, prints its tally in one line
//! and ends. Started by `round` through `child`.

mod bulk;
mod datagram;
mod dialogue;
mod exchange;

use std::io::{self, Write};
use std::net::SocketAddrV4;
use std::thread;
use std::time::Duration;

use rustix::io::Result as Outcome;

use crate::tally::Tally;

/// The first word of this role.
pub(crate) const ROLE: &str = "role:load";
/// A load that fails this often gives up: nothing worth measuring comes after.
const FAILURES_MAX: u64 = 1_000;
/// How long idle pairs are held at most; the conductor ends them sooner.
const HOLD_MAX: Duration = Duration::from_mins(1);
/// Longest wait for something to happen: the loop looks at the clock after it.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Small exchanges, one at a time, over connections that stay.
    Exchanges,
    /// A connection for every small exchange.
    Connections,
    /// HTTP requests, one at a time, over connections that stay.
    Requests,
    /// Bytes, as many as come.
    Bulk,
    /// Datagrams of a size, so many in flight per client.
    Datagrams {
        /// In flight per client.
        window: usize,
        /// Length of each, at least 8.
        size_bytes: usize,
    },
    /// One exchange per connection, then silence.
    Idle,
}

/// What a load is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What clients do.
    pub(crate) kind: Kind,
    /// Where the proxy listens.
    pub(crate) target: SocketAddrV4,
    /// How many clients.
    pub(crate) clients: usize,
    /// For how long; idle pairs: to open them all.
    pub(crate) length: Duration,
}

impl Plan {
    /// The words that start it.
    pub(crate) fn words(&self) -> Vec<String> {
        let (kind, window, size_bytes) = match self.kind {
            Kind::Exchanges => ("exchanges", 0, 0),
            Kind::Connections => ("connections", 0, 0),
            Kind::Requests => ("requests", 0, 0),
            Kind::Bulk => ("bulk", 0, 0),
            Kind::Idle => ("idle", 0, 0),
            Kind::Datagrams { window, size_bytes } => ("datagrams", window, size_bytes),
        };
        let numbers = [self.clients as u128, self.length.as_millis(), window as u128, size_bytes as u128];
        let words = [ROLE.into(), kind.into(), self.target.to_string()];
        words.into_iter().chain(numbers.map(|number| number.to_string())).collect()
    }

    /// Reads the words after the role.
    fn parse(words: &[String]) -> Option<Self> {
        let [kind, target, clients, length_ms, window, size_bytes] = words else { return None };
        let kind = match kind.as_str() {
            "exchanges" => Kind::Exchanges,
            "connections" => Kind::Connections,
            "requests" => Kind::Requests,
            "bulk" => Kind::Bulk,
            "idle" => Kind::Idle,
            "datagrams" => Kind::Datagrams { window: window.parse().ok()?, size_bytes: size_bytes.parse().ok()? },
            _ => return None,
        };
        let length = Duration::from_millis(length_ms.parse().ok()?);
        Some(Self { kind, target: target.parse().ok()?, clients: clients.parse().ok()?, length })
    }
}

/// Runs the load that the words name, and prints its tally.
///
/// # Errors
/// What kept it from running.
pub(crate) fn run(words: &[String]) -> Result<(), String> {
    let plan = Plan::parse(words).ok_or("a load was started with words it does not know")?;
    let tally = carry_out(&plan).map_err(|fault| format!("load: {fault}"))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", tally.line()).and_then(|()| out.flush()).map_err(|fault| format!("print: {fault}"))
}

fn carry_out(plan: &Plan) -> Outcome<Tally> {
    match plan.kind {
        Kind::Bulk => bulk::run(plan),
        Kind::Datagrams { window, size_bytes } => datagram::run(plan, window, size_bytes),
        Kind::Exchanges | Kind::Connections | Kind::Requests => exchange::run(plan),
        Kind::Idle => {
            let (tally, held) = exchange::open_idle(plan)?;
            let told = writeln!(io::stdout(), "{}", tally.line());
            if told.is_ok() {
                thread::sleep(HOLD_MAX);
            }
            drop(held);
            Ok(tally)
        }
    }
}

#[cfg(test)]
mod tests;
