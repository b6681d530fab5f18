//! The terminal is whole again however the console ends.

use std::path::Path;

use rustix::process::Signal;

use crate::pty::{Console, Setup};

const NOWHERE: &str = "/nonexistent/poised.sock";

fn console(state: &Path, env: &[(&str, &str)]) -> Console {
    let console = Setup { env, ..Setup::new(Path::new(NOWHERE), state) }.start();
    console.is_up();
    console
}

#[test]
fn quitting_with_q_or_ctrl_c_twice_gives_the_terminal_back() {
    let state = tempfile::tempdir().unwrap();
    for keys in ["q", "\u{3}\u{3}"] {
        let mut console = console(state.path(), &[]);
        console.types(keys);
        assert_eq!(console.ends(), 0);
        console.is_whole();
    }
}

#[test]
fn every_signal_that_ends_it_gives_the_terminal_back() {
    let state = tempfile::tempdir().unwrap();
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131)] {
        let mut console = console(state.path(), &[]);
        console.signal(signal);
        assert_eq!(console.ends(), code);
        console.is_whole();
    }
}

#[test]
fn a_panic_in_any_thread_gives_the_terminal_back_and_leaves_a_report() {
    for place in ["loop", "thread"] {
        let state = tempfile::tempdir().unwrap();
        let mut console = console(state.path(), &[("POISE_TEST_PANIC", place)]);
        console.types("\u{1b}[24~");
        assert_eq!(console.ends(), 1);
        console.is_whole();
        console.sees("asked for by a test");
        let report = std::fs::read_to_string(state.path().join("poise/panic.txt")).unwrap();
        assert!(report.contains("asked for by a test"));
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_paints_again_without_asking_it_anything() {
    let state = tempfile::tempdir().unwrap();
    let mut console = console(state.path(), &[]);
    for _ in 0..3 {
        // The stop also ends a message: what it leaves to paint must not reach the shell's screen.
        console.types("p\u{1a}");
        console.is_stopped();
        console.is_whole();
        console.signal(Signal::CONT);
        console.is_up();
    }
    let bytes = console.bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    for away in text.split("\u{1b}[?1049l").skip(1).filter_map(|rest| rest.split_once("\u{1b}[?1049h")) {
        assert_eq!(away.0, "");
    }
    assert!(!bytes.windows(4).any(|w| w == b"\x1b[6n") && !bytes.windows(4).any(|w| w == b"\x1b[5n"));
    console.types("q");
    assert_eq!(console.ends(), 0);
    console.is_whole();
}

#[test]
fn a_stop_signal_from_outside_is_like_ctrl_z() {
    let state = tempfile::tempdir().unwrap();
    let mut console = console(state.path(), &[]);
    console.signal(Signal::TSTP);
    console.is_stopped();
    console.is_whole();
    console.signal(Signal::CONT);
    console.is_up();
    console.types("q");
    assert_eq!(console.ends(), 0);
}

#[test]
fn an_arrow_key_cut_in_two_by_the_link_does_not_quit_or_edit() {
    let state = tempfile::tempdir().unwrap();
    let mut console = console(state.path(), &[]);
    console.types("?");
    console.sees("type to filter");
    // The halves arrive as separate reads; whatever the console makes of them, no letter of them acts.
    console.types("\u{1b}");
    console.types("[A");
    console.types("zzz");
    console.sees("zzz");
    assert!(!console.screen().contains("[A"));
}

#[test]
fn two_hundred_sizes_end_on_the_right_screen() {
    let state = tempfile::tempdir().unwrap();
    let mut console = console(state.path(), &[]);
    let mut seed = 7u32;
    let mut next = |most: u16| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1 + u16::try_from(seed >> 16).unwrap() % most
    };
    for _ in 0..200 {
        console.resize((next(200), next(60)));
    }
    console.resize((60, 20));
    console.wait("the frame of 60x20", |screen| {
        let contents = screen.contents();
        screen.size() == (20.try_into().unwrap(), 60.try_into().unwrap())
            && contents.contains("Balance]")
            && contents.contains("q quit")
    });
    console.types("q");
    assert_eq!(console.ends(), 0);
    console.is_whole();
}

#[test]
fn without_its_terminal_it_ends_at_once() {
    let state = tempfile::tempdir().unwrap();
    let (code, took) = Setup::new(Path::new(NOWHERE), state.path()).start_and_pull_out();
    assert_eq!(code, 129);
    assert!(took.as_millis() < 2_000, "{took:?}");
}

#[test]
fn a_terminal_without_colour_or_more_than_ascii_gets_neither() {
    let state = tempfile::tempdir().unwrap();
    for env in [&[("TERM", "vt100")], &[("LANG", "C")]] {
        let mut console = console(state.path(), env);
        console.types("?");
        console.sees("type to filter");
        console.types("\u{3}");
        console.sees_no("type to filter");
        console.types("q");
        console.ends();
        console.is_whole();
        assert!(console.bytes().is_ascii(), "{env:?}");
    }
    let mut console = console(state.path(), &[("NO_COLOR", "1")]);
    console.types("q");
    console.ends();
    console.is_whole();
    let text = String::from_utf8_lossy(&console.bytes()).into_owned();
    for codes in text.split("\u{1b}[").filter_map(|rest| rest.split_once('m')).map(|(codes, _)| codes) {
        let colour = |code: &str| code.parse().is_ok_and(|n: u8| matches!(n, 30..=38 | 40..=48 | 90..=107));
        assert!(!codes.split(';').any(colour), "{codes}");
    }
}
