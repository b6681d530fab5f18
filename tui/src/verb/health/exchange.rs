//! What went over the wire, for programs: as digits, and as text without what a terminal would obey.

use poise_ipc::health::Exchange;
use serde::Serialize;

use crate::dump;

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
