//! Values as text for tables and sentences: times, spans, sizes, and text from outside.
//!
//! Times are RFC 3339 in UTC wherever they appear, so that a row means the same in a ticket, in a
//! pipe and on another machine. JSON carries integers instead; it is made elsewhere.

use std::fmt::Write as _;

use jiff::Timestamp;

pub(super) use poise_ipc::text::moment;

use crate::safe;

/// Text from outside, safe for a terminal and in one line, without losing any of it: the pieces
/// that `safe` would cut are handed to it one by one.
pub(super) fn clean(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while !rest.is_empty() {
        let end = rest.char_indices().nth(safe::LINE_LEN_MAX).map_or(rest.len(), |(at, _)| at);
        out.push_str(&safe::line(&rest[..end]));
        rest = &rest[end..];
    }
    out
}

/// JSON in which everything that is not safe on a terminal is written as `\uXXXX`: such characters stand
/// within strings only, so it means the same.
pub(super) fn escaped(document: String) -> String {
    if document.bytes().all(|byte| byte == b'\n' || (0x20..0x7F).contains(&byte)) {
        return document;
    }
    let mut out = String::with_capacity(document.len());
    let mut bytes = [0; 4];
    for c in document.chars() {
        let text: &str = c.encode_utf8(&mut bytes);
        if c == '\n' || safe::line(text) == text {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Lines of text from outside, each made safe.
pub(super) fn lines<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> String {
    lines.into_iter().fold(String::new(), |mut text, line| {
        text.push_str(&clean(line.as_ref()));
        text.push('\n');
        text
    })
}

/// The day of a moment, as in `2026-11-22`.
pub(super) fn date(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).ok();
    at.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

/// A span in its two largest units, as in `3d 4h` or `850ms`.
pub(crate) fn span(ms: u64) -> String {
    const UNITS: [(u64, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let Some(first) = UNITS.iter().position(|&(unit, _)| ms >= unit) else { return "0ms".to_owned() };
    let (unit, word) = UNITS[first];
    let whole = format!("{}{word}", ms / unit);
    match UNITS.get(first + 1) {
        Some(&(smaller, word)) if smaller > 1 && ms % unit >= smaller => {
            format!("{whole} {}{word}", ms % unit / smaller)
        }
        _ => whole,
    }
}

/// A time of a check or a response, as in `1.3 ms`.
pub(crate) fn latency(us: u64) -> String {
    match us {
        0 => "-".to_owned(),
        1..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

/// A number of bytes, as in `1.2 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|&&(unit, _)| bytes >= unit);
    unit.map_or_else(|| format!("{bytes} B"), |&(unit, word)| format!("{:.1} {word}", bytes as f64 / unit as f64))
}

/// A count with its noun, as in `1 backend` or `3 backends`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
