//! Properties of the text that reaches a terminal.

use proptest::prelude::*;
use unicode_width::UnicodeWidthChar;

use super::{LINE_LEN_MAX, line, owned};

#[test]
fn a_plain_text_passes_uncopied() {
    assert!(matches!(line("app-1 is up"), std::borrow::Cow::Borrowed("app-1 is up")));
    assert_eq!(owned("app-1".to_owned()), "app-1");
}

#[test]
fn controls_become_caret_notation() {
    assert_eq!(line("a\u{1b}[31mb\r\nc\u{7f}"), "a^[[31mb^M^Jc^?");
}

#[test]
fn what_cannot_be_seen_becomes_a_mark() {
    for c in ['\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{e0041}', '\u{ad}', '\u{301}', '\u{fe0f}'] {
        assert_eq!(line(&format!("a{c}b")), "a?b", "{:x}", u32::from(c));
    }
}

#[test]
fn letters_of_every_script_stay() {
    assert_eq!(line("zürich 東京 №5"), "zürich 東京 №5");
}

#[test]
fn a_long_text_is_cut_with_dots() {
    let safe = owned("x".repeat(10_000));
    assert_eq!(safe.len(), LINE_LEN_MAX);
    assert!(safe.ends_with("..."));
    assert_eq!(owned("x".repeat(LINE_LEN_MAX)).len(), LINE_LEN_MAX);
}

proptest! {
    #[test]
    fn nothing_unprintable_survives(text in any::<String>()) {
        let safe = line(&text);
        prop_assert!(safe.chars().all(|c| !c.is_control() && c.width().is_some_and(|cells| cells > 0)));
        prop_assert!(safe.chars().count() <= 2 * LINE_LEN_MAX);
        prop_assert_eq!(line(&safe).into_owned().chars().count().min(LINE_LEN_MAX), safe.chars().count().min(LINE_LEN_MAX));
    }
}
