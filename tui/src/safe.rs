//! The one place where text from outside becomes safe to show on a terminal.
//!
//! Names, messages, health answers and file paths pass through here once, where they enter the
//! console's state or a script verb's table. Controls, bidirectional overrides, zero-width and tag
//! characters become visible marks, lengths are capped. It does not quote, translate or wrap.
//! Called by the console's update and by the script verbs.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Characters kept of a text of one line; more than any screen is wide, and a flood stays small.
pub const LINE_LEN_MAX: usize = 512;

/// What an invisible or dangerous character is replaced by: plain ASCII, so that the mark shows on every terminal.
const MARK: char = '?';

/// What stands for the part that was cut away.
const CUT: &str = "...";

/// `text` as one line that is safe to print: at most [`LINE_LEN_MAX`] characters, none of them a
/// control, a bidirectional control, a zero-width character or a tag.
///
/// C0 controls and DEL become caret notation (`^[`, `^J`, `^?`), everything else that must not be
/// printed becomes `?`. A text that is safe already is not copied.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.len() <= LINE_LEN_MAX && text.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(LINE_LEN_MAX));
    for (kept, c) in text.chars().enumerate() {
        if kept == LINE_LEN_MAX - CUT.len() && text.chars().nth(LINE_LEN_MAX).is_some() {
            out.push_str(CUT);
            break;
        }
        push_visible(&mut out, c);
    }
    Cow::Owned(out)
}

/// The same, taking the text: nothing is copied when it was safe.
pub fn owned(text: String) -> String {
    match line(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(safe) => safe,
    }
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\u{0}'..='\u{1f}' => {
            out.push('^');
            out.push(char::from_u32(u32::from(c) + 0x40).unwrap_or(MARK));
        }
        '\u{7f}' => out.push_str("^?"),
        c if is_shown(c) => out.push(c),
        _ => out.push(MARK),
    }
}

/// Whether a character takes cells of its own and changes nothing but them.
fn is_shown(c: char) -> bool {
    // Zero width covers combining marks, joiners, bidirectional controls and variation selectors in
    // the width tables; the ranges below are those that some tables give a width.
    let bidi = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    let other = matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}');
    !bidi && !other && c.width().is_some_and(|cells| cells > 0)
}

#[cfg(test)]
mod tests;
