//! What went over the wire, for people: as safe text or as digits, never as it is.

use poise_ipc::health::Exchange;

use crate::dump;
use crate::safe;
use crate::verb::text::size;

/// Bytes on a line where they are shown as digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digits {
    /// For a card of 60 columns.
    Narrow = 8,
    /// For a terminal.
    Wide = 16,
}

/// Both sides for people.
pub(crate) fn exchange(exchange: &Exchange, digits: Digits) -> Vec<String> {
    let sent = bytes("sent", &exchange.sent, exchange.sent.len() as u64, digits);
    [sent, bytes("received", &exchange.received, exchange.received_bytes, digits)].concat()
}

/// Bytes as lines of text, or as digits where they are none.
fn bytes(what: &str, bytes: &[u8], all: u64, digits: Digits) -> Vec<String> {
    if all == 0 {
        return vec![format!("{what} nothing")];
    }
    let first =
        if (bytes.len() as u64) < all { format!(", the first {}", size(bytes.len() as u64)) } else { String::new() };
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    let lines: Vec<String> = if bytes.iter().all(is_text) {
        let text = String::from_utf8_lossy(bytes).replace('\t', " ");
        text.lines().map(|line| format!("  | {}", safe::line(line)).trim_end().to_owned()).collect()
    } else {
        dump::all(bytes, digits as usize)
    };
    [vec![format!("{what} {}{first}:", size(all))], lines].concat()
}
