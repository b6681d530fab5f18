//! The key map keeps its own rules.

use super::{Action, Key, Keymap, Place};

const SCREENS: [Place; 3] = [Place::Overview, Place::Balance, Place::Health];

/// Last characters of the escape sequences that terminals send.
const FORGED: &str = "[~O0123456789ABCDFHMPQRSZ";

#[test]
fn no_key_does_two_things_in_one_place() {
    let map = Keymap::default();
    for place in [Place::Commit, Place::Conflict, Place::Discard, Place::Quit].into_iter().chain(SCREENS) {
        let mut seen: Vec<Key> = Vec::new();
        for binding in map.bindings() {
            let here =
                binding.places.contains(&place) || (SCREENS.contains(&place) && binding.places.contains(&Place::All));
            for key in binding.keys.iter().filter(|_| here) {
                assert!(!seen.contains(key), "{key} is bound twice at {place:?}");
                seen.push(*key);
            }
        }
    }
}

#[test]
fn no_edit_hangs_on_a_key_that_an_escape_sequence_can_end_in() {
    for binding in Keymap::default().bindings().iter().filter(|b| b.action.edits()) {
        for key in &binding.keys {
            assert!(!matches!(key, Key::Char(c) if FORGED.contains(*c)), "{:?} on {key}", binding.action);
        }
    }
}

#[test]
fn tmux_and_screen_prefixes_and_flow_control_stay_free() {
    for binding in Keymap::default().bindings() {
        assert!(!binding.keys.iter().any(|k| matches!(k, Key::Ctrl('a' | 'b' | 'g' | 'q' | 's' | '\\'))));
    }
}

#[test]
fn the_footer_fits_every_width_and_always_says_how_to_leave() {
    let map = Keymap::default();
    for width in 6..200 {
        for place in SCREENS {
            let line = map.footer(place, true, width);
            assert!(line.len() <= width, "{width}: {line}");
            assert!(line.ends_with("q quit"), "{line}");
        }
    }
}

#[test]
fn committing_needs_other_keys_than_staging() {
    let map = Keymap::default();
    let confirm = |place| map.bindings().iter().find(|b| b.action == Action::Confirm && b.places.contains(&place));
    for (place, opener) in
        [(Place::Commit, Action::Commit), (Place::Discard, Action::Discard), (Place::Quit, Action::Quit)]
    {
        let answer = &confirm(place).expect("a way to say yes").keys;
        let opened = &map.bindings().iter().find(|b| b.action == opener).expect("a way in").keys;
        assert!(answer.iter().all(|key| !opened.contains(key)), "{place:?}");
    }
}

#[test]
fn key_names_read_back() {
    for binding in Keymap::default().bindings() {
        for key in &binding.keys {
            assert_eq!(key.to_string().parse(), Ok(*key));
        }
    }
    assert!("Hyper-x".parse::<Key>().is_err());
}
