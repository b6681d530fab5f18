//! Bytes from outside, made safe for one line of a log and for whoever shows it on a terminal.
//!
//! Each format has an escape that its readers undo; none lets a control character, a line end, a
//! quote or a bidirectional override through. Numbers are written without `fmt`, which costs more
//! than the rest of a line. Called by the formats.

/// Writing a line piece by piece.
pub(super) trait Out {
    /// Appends text of our own.
    fn text(&mut self, text: &str) -> &mut Self;
    /// Appends a number.
    fn number(&mut self, number: u64) -> &mut Self;
    /// Appends a number with leading zeros.
    fn padded(&mut self, number: u64, width: usize) -> &mut Self;
}

/// Digits of the largest number.
const DIGITS_MAX: usize = 20;

impl Out for Vec<u8> {
    fn text(&mut self, text: &str) -> &mut Self {
        self.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.padded(number, 1)
    }

    fn padded(&mut self, mut number: u64, width: usize) -> &mut Self {
        let mut digits = [b'0'; DIGITS_MAX];
        let mut at = DIGITS_MAX;
        while number > 0 {
            at -= 1;
            digits[at] = b"0123456789"[(number % 10) as usize];
            number /= 10;
        }
        self.extend_from_slice(&digits[at.min(DIGITS_MAX - width.min(DIGITS_MAX))..]);
        self
    }
}

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

/// Appends one byte as two hexadecimal digits.
fn hex(out: &mut Vec<u8>, byte: u8, digits: &[u8; 16]) {
    out.extend_from_slice(&[digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
}

/// Appends bytes, each that `is_plain` does not pass as `mark` and two hexadecimal digits.
fn bytes(out: &mut Vec<u8>, bytes: &[u8], escape: (&str, &[u8; 16]), is_plain: impl Fn(u8) -> bool) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| !is_plain(byte)) {
        out.extend_from_slice(&rest[..at]);
        out.text(escape.0);
        hex(out, rest[at], escape.1);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// As HAProxy encodes the request line: `#` and two digits.
pub(super) fn haproxy(out: &mut Vec<u8>, outside: &[u8]) {
    bytes(out, outside, ("#", UPPER), |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'#'));
}

/// As Apache escapes what stands in quotes: `\x` and two digits, with `\"` and `\\`.
pub(super) fn apache(out: &mut Vec<u8>, outside: &[u8]) {
    let is_quoted = |byte: &u8| matches!(byte, b'"' | b'\\');
    for piece in outside.split_inclusive(is_quoted) {
        let (plain, quoted) = match piece.split_last() {
            Some((last, plain)) if is_quoted(last) => (plain, Some(*last)),
            _ => (piece, None),
        };
        bytes(out, plain, ("\\x", LOWER), |byte| matches!(byte, b' '..=b'~'));
        if let Some(quoted) = quoted {
            out.extend_from_slice(&[b'\\', quoted]);
        }
    }
}

/// As a JSON string without its quotes. What is not UTF-8 becomes the replacement character.
pub(super) fn json(out: &mut Vec<u8>, outside: &[u8]) {
    let is_plain = |&byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if outside.iter().all(is_plain) {
        // By far the most: targets and hosts are ASCII.
        out.extend_from_slice(outside);
        return;
    }
    for chunk in outside.utf8_chunks() {
        chunk.valid().chars().for_each(|c| json_char(out, c));
        if !chunk.invalid().is_empty() {
            out.text("\\ufffd");
        }
    }
}

fn json_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
        ' '..='~' => out.push(c as u8),
        _ if is_shown(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.text("\\u");
                let [high, low] = unit.to_be_bytes();
                hex(out, high, LOWER);
                hex(out, low, LOWER);
            }
        }
    }
}

/// Whether a character beyond ASCII may stand as it is: no control, nothing that changes direction
/// or has no width, no tag.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
