//! Keys from events, whole and cut in two.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;

use super::{ESC_HOLD_MS, Joiner, keys};
use crate::console::key::Key;

fn push_all(joiner: &mut Joiner, text: &str, gap_ms: u64) -> Vec<Key> {
    let mut now_ms = 1_000;
    let mut out = Vec::new();
    for c in text.chars() {
        now_ms += gap_ms;
        out.extend(joiner.expire(now_ms));
        out.extend(joiner.push(if c == '\u{1b}' { Key::Esc } else { Key::Char(c) }, now_ms));
    }
    out.extend(joiner.expire(now_ms + ESC_HOLD_MS));
    out
}

#[test]
fn a_sequence_cut_in_two_is_one_key() {
    for (text, key) in [
        ("\u{1b}[A", Key::Up),
        ("\u{1b}OB", Key::Down),
        ("\u{1b}[5~", Key::PageUp),
        ("\u{1b}[1;5H", Key::Home),
        ("\u{1b}[Z", Key::BackTab),
        ("\u{1b}OP", Key::F(1)),
    ] {
        assert_eq!(push_all(&mut Joiner::default(), text, 20), [key], "{text:?}");
    }
}

#[test]
fn a_lone_esc_is_an_esc_after_a_moment() {
    let mut joiner = Joiner::default();
    assert!(joiner.push(Key::Esc, 100).is_empty());
    assert_eq!(joiner.due_ms(), Some(140));
    assert_eq!(joiner.expire(139), None);
    assert_eq!(joiner.expire(140), Some(Key::Esc));
    assert_eq!(joiner.due_ms(), None);
}

#[test]
fn esc_and_a_letter_stay_two_keys() {
    assert_eq!(push_all(&mut Joiner::default(), "\u{1b}q", 5), [Key::Esc, Key::Char('q')]);
    assert_eq!(push_all(&mut Joiner::default(), "\u{1b}\u{1b}", 5), [Key::Esc, Key::Esc]);
    let alt = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT);
    assert_eq!(keys(alt), [Some(Key::Esc), Some(Key::Char('q'))]);
}

#[test]
fn control_and_shift_are_told_apart() {
    assert_eq!(keys(KeyEvent::new(KeyCode::Char('L'), KeyModifiers::CONTROL)), [None, Some(Key::Ctrl('l'))]);
    assert_eq!(keys(KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT)), [None, Some(Key::Char('G'))]);
}

proptest! {
    #[test]
    fn an_arrow_key_never_becomes_letters(
        sequence in prop::sample::select(vec!["\u{1b}[A", "\u{1b}OD", "\u{1b}[6~", "\u{1b}[1;2C", "\u{1b}[15~"]),
        gaps in prop::collection::vec(0u64..ESC_HOLD_MS, 8),
    ) {
        let mut joiner = Joiner::default();
        let mut now_ms = 0;
        let mut out = Vec::new();
        for (c, gap_ms) in sequence.chars().zip(gaps) {
            now_ms += gap_ms;
            out.extend(joiner.push(if c == '\u{1b}' { Key::Esc } else { Key::Char(c) }, now_ms));
        }
        prop_assert!(!out.iter().any(|key| matches!(key, Key::Char(_) | Key::Esc)), "{:?}", out);
    }
}
