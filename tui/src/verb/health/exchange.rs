//! What went over the wire, for people and for programs: as safe text or as digits, never as it is.

use poise_ipc::health::Exchange;
use serde::Serialize;

use crate::dump;
use crate::safe;
use crate::verb::text::size;

/// Both sides in JSON: in hexadecimal digits, and with dots for what is not printable ASCII.
#[derive(Serialize)]
pub(super) struct ExchangeRow {
    sent: String,
    sent_text: String,
    received: String,
    received_text: String,
    received_bytes: u64,
}

impl From<&Exchange> for ExchangeRow {
    fn from(exchange: &Exchange) -> Self {
        let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        Self {
            sent: digits(&exchange.sent),
            sent_text: dump::ascii(&exchange.sent),
            received: digits(&exchange.received),
            received_text: dump::ascii(&exchange.received),
            received_bytes: exchange.received_bytes,
        }
    }
}

/// Both sides for people.
pub(super) fn lines(exchange: &Exchange) -> Vec<String> {
    let sent = bytes("sent", &exchange.sent, exchange.sent.len() as u64);
    [sent, bytes("received", &exchange.received, exchange.received_bytes)].concat()
}

/// Bytes as lines of text, or as digits where they are none.
fn bytes(what: &str, bytes: &[u8], all: u64) -> Vec<String> {
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
        dump::all(bytes, 16)
    };
    [vec![format!("{what} {}{first}:", size(all))], lines].concat()
}
