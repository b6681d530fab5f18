//! The access log as HAProxy's `option httplog` writes it, without a syslog header.
//!
//! `client:port [date] frontend backend/server TR/Tw/Tc/Tr/Ta status bytes - - tsc
//! actconn/feconn/beconn/srv_conn/retries srv_queue/backend_queue "request"`. Times are
//! milliseconds, -1 where a phase was not reached. `actconn` and `feconn` are the connections of
//! the listener, `beconn` and `srv_conn` the requests of the backend. Called by `Entry::write`.

use std::io::Write as _;

use poise_ipc::persistence::PersistenceVerdict;

use super::escape::{self, Out};
use super::termination::{Stage, state};
use super::{Entry, time};

pub(super) fn write(entry: &Entry<'_>, out: &mut Vec<u8>) {
    // A `Vec` takes all that is written to it.
    let _ = write!(out, "{}:{} [", entry.client, entry.peer.port());
    time::haproxy(entry.at_ms, out);
    // HAProxy marks a frontend that speaks TLS so.
    let tls = if entry.tls.is_some() { "~" } else { "" };
    out.text("] ").text(entry.listener).text(tls).text(" ");
    out.text(entry.group.unwrap_or(entry.listener)).text("/").text(entry.backend.unwrap_or("<NOSRV>")).text(" ");
    times(entry, out);
    match entry.status {
        Some(status) => out.text(" ").number(status.into()),
        None => out.text(" -1"),
    };
    out.text(" ").number(entry.bytes_out).text(" - - ");
    for letter in state(entry.cause, entry.stage).into_iter().chain(cookie(entry)) {
        out.push(letter as u8);
    }
    counts(entry, out);
    out.text(" \"");
    match entry.asked {
        None => out.extend_from_slice(b"<BADREQ>"),
        Some(line) => {
            escape::haproxy(out, line.method);
            out.push(b' ');
            escape::haproxy(out, line.target);
            out.text(" ").text(line.version.word());
        }
    }
    out.text("\"\n");
}

fn times(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let millis = |us: u64| us / 1_000;
    let request = (entry.stage > Stage::Request || entry.asked.is_some()).then_some(millis(entry.times.head_us));
    let reached = entry.times.queue_us.unwrap_or(0) + entry.times.connect_us.unwrap_or(0);
    let response = entry.times.first_byte_us.map(|us| millis(us.saturating_sub(reached)));
    let phases = [request, entry.times.queue_us.map(millis), entry.times.connect_us.map(millis), response];
    for phase in phases {
        match phase {
            Some(ms) => out.number(ms).text("/"),
            None => out.text("-1/"),
        };
    }
    out.number(millis(entry.times.head_us + entry.times.total_us));
}

fn counts(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let load = entry.load;
    out.text(" ");
    for count in [load.listener, load.listener, load.backend, load.backend] {
        out.number(count).text("/");
    }
    out.number(entry.retries.into()).text(" 0/").number(load.queued);
}

/// What the client's cookie was, and what the response did with it.
fn cookie(entry: &Entry<'_>) -> [char; 2] {
    let came = match entry.bond {
        None => return ['-', '-'],
        Some(PersistenceVerdict::New) => 'N',
        Some(PersistenceVerdict::Kept) => 'V',
        Some(PersistenceVerdict::Forged | PersistenceVerdict::Unknown) => 'I',
        Some(PersistenceVerdict::IdleExpired) => 'E',
        Some(PersistenceVerdict::LifeExpired) => 'O',
        Some(PersistenceVerdict::Moved | PersistenceVerdict::Refused) => 'D',
    };
    [came, if entry.binds { 'I' } else { 'N' }]
}
