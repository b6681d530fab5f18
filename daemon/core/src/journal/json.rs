//! The access log as JSON: one object on a line, everything that is known, absent what is not.
//!
//! Names and their order are fixed; new ones come at the end. Called by `Entry::write`.

use std::io::Write as _;

use poise_ipc::persistence::PersistenceVerdict;

use super::escape::{self, Out};
use super::{Entry, time};

pub(super) fn write(entry: &Entry<'_>, out: &mut Vec<u8>) {
    out.text("{\"ts\":\"");
    time::rfc3339(entry.at_ms, out);
    out.text("\"");
    string(out, ",\"id\":\"", entry.id);
    names(entry, out);
    // A `Vec` takes all that is written to it.
    let _ = write!(out, ",\"peer\":\"{}\",\"client\":\"{}\"", entry.peer, entry.client);
    if let Some(line) = entry.asked {
        string(out, ",\"method\":\"", line.method);
        string(out, ",\"target\":\"", line.target);
        some(out, ",\"host\":\"", line.host);
        out.text(",\"protocol\":\"").text(line.version.word()).text("\"");
    }
    outcome(entry, out);
    times(entry, out);
    out.text(",\"retries\":").number(entry.retries.into());
    let bond = entry.bond.map_or("off", PersistenceVerdict::word);
    out.text(",\"persistence\":\"").text(bond).text("\"");
    if entry.binds {
        out.text(",\"binds\":true");
    }
    some(out, ",\"tls\":\"", entry.tls.unwrap_or_default().as_bytes());
    some(out, ",\"user_agent\":\"", entry.agent);
    some(out, ",\"referer\":\"", entry.referer);
    if entry.times.head_us > 0 {
        out.text(",\"head_us\":").number(entry.times.head_us);
    }
    out.text("}\n");
}

fn names(entry: &Entry<'_>, out: &mut Vec<u8>) {
    string(out, ",\"listener\":\"", entry.listener.as_bytes());
    some(out, ",\"route\":\"", entry.route.unwrap_or_default().as_bytes());
    some(out, ",\"group\":\"", entry.group.unwrap_or_default().as_bytes());
    some(out, ",\"backend\":\"", entry.backend.unwrap_or_default().as_bytes());
}

fn outcome(entry: &Entry<'_>, out: &mut Vec<u8>) {
    if let Some(status) = entry.status {
        out.text(",\"status\":").number(status.into());
    }
    if let Some(cause) = entry.cause {
        out.text(",\"cause\":\"").text(cause.word()).text("\"");
    }
    out.text(",\"bytes_in\":").number(entry.bytes_in);
    out.text(",\"bytes_out\":").number(entry.bytes_out);
}

fn times(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let times = entry.times;
    let phases = [
        (",\"queue_us\":", times.queue_us),
        (",\"connect_us\":", times.connect_us),
        (",\"first_byte_us\":", times.first_byte_us),
        (",\"total_us\":", Some(times.total_us)),
    ];
    for (name, us) in phases {
        if let Some(us) = us {
            out.text(name).number(us);
        }
    }
}

fn string(out: &mut Vec<u8>, name: &str, outside: &[u8]) {
    out.text(name);
    escape::json(out, outside);
    out.text("\"");
}

/// The same, unless it is empty.
fn some(out: &mut Vec<u8>, name: &str, outside: &[u8]) {
    if !outside.is_empty() {
        string(out, name, outside);
    }
}
