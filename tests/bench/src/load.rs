//! The load, a process of one kind: exchanges, HTTP requests, streams, bulk data, datagrams.
//!
//! A load runs for a given time, in a closed loop or at a fixed rate, checks every answer, prints its
//! tally in one line and ends. Started by `round` through `child`.

mod bulk;
mod datagram;
mod dialogue;
mod exchange;
mod streams;
mod wire;

use std::io::{self, Write};
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::tally::Tally;

/// The first word of this role.
pub(crate) const ROLE: &str = "role:load";
/// A load that fails this often gives up: nothing worth measuring comes after.
const FAILURES_MAX: u64 = 1_000;
/// How long idle pairs are held at most; the conductor ends them sooner.
const HOLD_MAX: Duration = Duration::from_mins(1);
/// Longest wait for something to happen: the loop looks at the clock after it.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// The word that stands for no certificate.
const NO_TLS: &str = "-";

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Small exchanges of bytes, one at a time.
    Exchanges(Pace),
    /// HTTP/1 requests, one at a time.
    Http {
        /// When one follows another.
        pace: Pace,
        /// Length of the body that comes back.
        body_bytes: usize,
        /// Whether requests bring a cookie: the one that the proxy set, or one as long.
        cookies: bool,
    },
    /// HTTP/2 requests, so many in flight per client.
    Streams {
        /// In flight per client.
        window: usize,
    },
    /// Bytes, as many as come.
    Bulk,
    /// Datagrams of a size, so many in flight per client.
    Datagrams {
        /// In flight per client.
        window: usize,
        /// Length of each, at least 8.
        size_bytes: usize,
    },
}

/// When one exchange of a client follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once, over the same connection.
    Repeat,
    /// At once, over a new connection.
    Reconnect,
    /// Never: after one exchange the connection is held.
    Rest,
    /// So many per second over all clients, whatever they have in flight.
    Rate {
        /// Exchanges per second.
        per_s: u32,
    },
}

/// Clients of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    /// The certificate that they believe.
    pub(crate) certificate: PathBuf,
    /// Whether a new connection takes up the last one's session.
    pub(crate) resume: bool,
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
    /// What they speak through; the bare socket when `None`.
    pub(crate) tls: Option<Tls>,
}

impl Plan {
    /// The words that start it.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![ROLE.into(), self.target.to_string(), self.clients.to_string()];
        words.push(self.length.as_millis().to_string());
        let certificate = self.tls.as_ref().map_or(NO_TLS.into(), |tls| tls.certificate.display().to_string());
        words.extend([certificate, self.tls.as_ref().is_some_and(|tls| tls.resume).to_string()]);
        match self.kind {
            Kind::Exchanges(pace) => words.extend(["exchanges".into(), pace.word()]),
            Kind::Http { pace, body_bytes, cookies } => {
                words.extend(["http".into(), pace.word(), body_bytes.to_string(), cookies.to_string()]);
            }
            Kind::Streams { window } => words.extend(["streams".into(), window.to_string()]),
            Kind::Bulk => words.push("bulk".into()),
            Kind::Datagrams { window, size_bytes } => {
                words.extend(["datagrams".into(), window.to_string(), size_bytes.to_string()]);
            }
        }
        words
    }

    /// Reads the words after the role.
    fn parse(words: &[String]) -> Option<Self> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let [target, clients, length_ms, certificate, resume, kind @ ..] = words.as_slice() else { return None };
        let kind = match kind {
            ["exchanges", pace] => Kind::Exchanges(Pace::parse(pace)?),
            ["http", pace, body_bytes, cookies] => Kind::Http {
                pace: Pace::parse(pace)?,
                body_bytes: body_bytes.parse().ok()?,
                cookies: cookies.parse().ok()?,
            },
            ["streams", window] => Kind::Streams { window: window.parse().ok()? },
            ["bulk"] => Kind::Bulk,
            ["datagrams", window, size] => {
                Kind::Datagrams { window: window.parse().ok()?, size_bytes: size.parse().ok()? }
            }
            _ => return None,
        };
        let resume = resume.parse().ok()?;
        let tls = (*certificate != NO_TLS).then(|| Tls { certificate: certificate.into(), resume });
        let length = Duration::from_millis(length_ms.parse().ok()?);
        Some(Self { kind, target: target.parse().ok()?, clients: clients.parse().ok()?, length, tls })
    }

    /// Whether its connections are held after one exchange.
    pub(crate) fn rests(&self) -> bool {
        matches!(self.kind, Kind::Exchanges(Pace::Rest) | Kind::Http { pace: Pace::Rest, .. })
    }
}

impl Pace {
    fn word(self) -> String {
        match self {
            Self::Repeat => "repeat".into(),
            Self::Reconnect => "reconnect".into(),
            Self::Rest => "rest".into(),
            Self::Rate { per_s } => per_s.to_string(),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "repeat" => Self::Repeat,
            "reconnect" => Self::Reconnect,
            "rest" => Self::Rest,
            _ => Self::Rate { per_s: word.parse().ok()? },
        })
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

fn carry_out(plan: &Plan) -> io::Result<Tally> {
    match plan.kind {
        Kind::Bulk => Ok(bulk::run(plan)?),
        Kind::Datagrams { window, size_bytes } => Ok(datagram::run(plan, window, size_bytes)?),
        Kind::Streams { window } => streams::run(plan, window),
        Kind::Exchanges(_) | Kind::Http { .. } if plan.rests() => {
            let (tally, held) = exchange::open_idle(plan)?;
            let told = writeln!(io::stdout(), "{}", tally.line());
            if told.is_ok() {
                thread::sleep(HOLD_MAX);
            }
            drop(held);
            Ok(tally)
        }
        Kind::Exchanges(_) | Kind::Http { .. } => exchange::run(plan),
    }
}

#[cfg(test)]
mod tests;
