//! The access log as Apache's `combined` format.
//!
//! `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`, times in UTC. Called by
//! `Entry::write`.

use std::io::Write as _;

use super::escape::{self, Out};
use super::{Entry, time};

pub(super) fn write(entry: &Entry<'_>, out: &mut Vec<u8>) {
    // A `Vec` takes all that is written to it.
    let _ = write!(out, "{} - - [", entry.client);
    time::apache(entry.at_ms, out);
    out.text("] \"");
    match entry.asked {
        None => out.push(b'-'),
        Some(line) => {
            escape::apache(out, line.method);
            out.push(b' ');
            escape::apache(out, line.target);
            out.text(" ").text(line.version.word());
        }
    }
    // Apache says 408 or 400 for what was never told; 499 is what nginx made usual for it.
    out.text("\" ").number(entry.status.unwrap_or(UNTOLD).into()).text(" ");
    match entry.bytes_out {
        0 => out.push(b'-'),
        bytes => drop(out.number(bytes)),
    }
    quoted(out, entry.referer);
    quoted(out, entry.agent);
    out.push(b'\n');
}

/// Status of a request whose client was told nothing.
const UNTOLD: u16 = 499;

fn quoted(out: &mut Vec<u8>, outside: &[u8]) {
    out.text(" \"");
    escape::apache(out, if outside.is_empty() { b"-" } else { outside });
    out.push(b'"');
}
