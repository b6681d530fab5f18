//! Bytes as hexadecimal digits and ASCII side by side, with a mark below the one at fault.
//!
//! Nothing but digits, spaces, dots and printable ASCII ever leaves here.

use std::fmt::Write as _;

use poise_ipc::errors::ErrorRow;

/// Bytes on a line.
const WIDTH: usize = 16;
/// Lines shown before and after the one at fault.
const CONTEXT_LINES: usize = 3;

/// The byte at fault, if it is within the excerpt: else something is missing.
pub(super) fn at_fault(row: &ErrorRow, bytes: &[u8]) -> Option<u8> {
    bytes.get(usize::try_from(row.offset.checked_sub(row.start)?).ok()?).copied()
}

/// What is printable as it is, dots for the rest.
pub(super) fn ascii(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' }).collect()
}

/// The lines round the byte at fault, and a mark below it on both sides.
pub(super) fn around(row: &ErrorRow, bytes: &[u8]) -> String {
    let fault = usize::try_from(row.offset.saturating_sub(row.start)).unwrap_or(usize::MAX).min(bytes.len());
    let line_at_fault = fault / WIDTH;
    let mut out = String::new();
    for (at, line) in bytes.chunks(WIDTH).enumerate() {
        if at.abs_diff(line_at_fault) <= CONTEXT_LINES {
            write_line(&mut out, row.start + (at * WIDTH) as u64, line);
        }
        if at == line_at_fault {
            write_mark(&mut out, fault % WIDTH);
        }
    }
    if fault == bytes.len() && fault.is_multiple_of(WIDTH) {
        write_line(&mut out, row.start + fault as u64, &[]);
        write_mark(&mut out, 0);
    }
    out
}

// Writing to a `String` cannot fail.

fn write_line(out: &mut String, offset: u64, line: &[u8]) {
    let _ = write!(out, "  {offset:06x} ");
    for at in 0..WIDTH {
        let gap = if at == WIDTH / 2 { "  " } else { " " };
        let _ = match line.get(at) {
            Some(byte) => write!(out, "{gap}{byte:02x}"),
            None => write!(out, "{gap}  "),
        };
    }
    let _ = writeln!(out, "  |{}|", ascii(line));
}

/// Below the digits and below the character.
fn write_mark(out: &mut String, column: usize) {
    let digits = 10 + column * 3 + usize::from(column >= WIDTH / 2);
    let character = 10 + WIDTH * 3 + 3 + column;
    let _ = writeln!(out, "{}^^{}^", " ".repeat(digits), " ".repeat(character - digits - 2));
}
