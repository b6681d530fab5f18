//! Bytes of refused messages as hexadecimal digits and ASCII side by side, with a mark below the one
//! at fault.
//!
//! Nothing but digits, spaces, dots, bars and printable ASCII ever leaves here: no terminal takes it
//! for a command. Called by `poise errors` and by the console's screen Errors.

use std::fmt::Write as _;

use poise_ipc::errors::ErrorRow;

/// How much is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Bytes on a line, a multiple of 8.
    pub(crate) width: usize,
    /// Lines before and after the one at fault.
    pub(crate) context: usize,
}

/// The byte at fault, if it is within the excerpt: else something is missing.
pub(crate) fn at_fault(row: &ErrorRow, bytes: &[u8]) -> Option<u8> {
    bytes.get(usize::try_from(row.offset.checked_sub(row.start)?).ok()?).copied()
}

/// What is printable as it is, dots for the rest.
pub(crate) fn ascii(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' }).collect()
}

/// The byte at fault in words.
pub(crate) fn word(row: &ErrorRow, bytes: &[u8]) -> String {
    at_fault(row, bytes).map_or_else(|| "the end".to_owned(), |byte| format!("byte 0x{byte:02x}"))
}

/// The lines round the byte at fault, and a mark below it on both sides.
pub(crate) fn around(row: &ErrorRow, bytes: &[u8], extent: Extent) -> Vec<String> {
    let width = extent.width.max(8);
    let fault = usize::try_from(row.offset.saturating_sub(row.start)).unwrap_or(usize::MAX).min(bytes.len());
    let line_at_fault = fault / width;
    let mut lines = Vec::new();
    for (at, line) in bytes.chunks(width).enumerate() {
        if at.abs_diff(line_at_fault) <= extent.context {
            lines.push(digits(row.start + (at * width) as u64, line, width));
        }
        if at == line_at_fault {
            lines.push(mark(fault % width, width));
        }
    }
    if fault == bytes.len() && fault.is_multiple_of(width) {
        lines.extend([digits(row.start + fault as u64, &[], width), mark(0, width)]);
    }
    lines
}

/// All of some bytes, from the first on.
pub(crate) fn all(bytes: &[u8], width: usize) -> Vec<String> {
    bytes.chunks(width).enumerate().map(|(at, line)| digits((at * width) as u64, line, width)).collect()
}

// Writing to a `String` cannot fail.

fn digits(offset: u64, line: &[u8], width: usize) -> String {
    let mut out = format!("  {offset:06x} ");
    for at in 0..width {
        let gap = if at > 0 && at % 8 == 0 { "  " } else { " " };
        let _ = match line.get(at) {
            Some(byte) => write!(out, "{gap}{byte:02x}"),
            None => write!(out, "{gap}  "),
        };
    }
    let _ = write!(out, "  |{}|", ascii(line));
    out
}

/// Below the digits and below the character.
fn mark(column: usize, width: usize) -> String {
    let digits = 10 + column * 3 + column / 8;
    let character = 10 + width * 3 + (width / 8 - 1) + 2 + column;
    format!("{}^^{}^", " ".repeat(digits), " ".repeat(character - digits - 2))
}
