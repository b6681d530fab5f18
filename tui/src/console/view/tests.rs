//! Screens as pictures with style, at every usual size and colour level, and at every size at all.

use std::fmt::Write as _;

use poise_ipc::message::EventBody;
use poise_ipc::model::AdminState;
use poise_ipc::status::Configured;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::view;
use crate::console::caps::{Caps, Level};
use crate::console::emit::Emitter;
use crate::console::fixture::{Bench, NOW_MS, check_row, event, layer, status, window};
use crate::console::msg::Msg;

const SIZES: [(u16, u16); 4] = [(60, 20), (80, 24), (120, 40), (160, 45)];
const LOOKS: [(&str, Caps); 3] = [
    ("colour", Caps { level: Level::Ansi16, ascii: false }),
    ("mono", Caps { level: Level::Never, ascii: false }),
    ("ascii", Caps { level: Level::Never, ascii: true }),
];

/// What is done to a live console before the picture is taken.
const SCENES: [(&str, &str); 27] = [
    ("overview", "1"),
    ("balance", ""),
    ("balance_edited", "Down Down Down } Down m Space Space"),
    ("draining", "a Down Down"),
    ("health", "3"),
    ("certificates", "4"),
    ("health_paused", "3 Up Up"),
    ("health_card", "3 T Enter"),
    ("health_probed", "Down Down Down H"),
    ("commit", "} Down o c"),
    ("diff", "} Down m d"),
    ("help", "?"),
    ("weight", "= 1 2 0 0 Enter"),
    ("settings", "1 i"),
    ("routes", "1 Down Down"),
    ("route_figures", "1 Down f"),
    ("listener_figures", "1 f"),
    ("figures", "f"),
    ("errors", "5"),
    ("errors_paused", "5 Up"),
    ("changes", "6 Down"),
    ("revision", "6 Down Enter"),
    ("rollback", "6 Down z"),
    ("explain", "e"),
    ("confirm", ""),
    ("confirm_keep", "K"),
    ("layers", "Down l"),
];

fn picture(bench: &Bench, caps: Caps) -> Buffer {
    let (width, height) = bench.state.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(&bench.state, caps, &mut buffer);
    buffer
}

/// What stands above the configuration in some scenes: a confirm window that soon ends, and a lease.
fn unsettled(bench: &mut Bench) {
    let at_ms = NOW_MS + 31_000;
    let mut status = status(412, 31);
    status.window = Some(window(9_000, at_ms));
    status.layers = vec![layer(at_ms)];
    let backend = &mut status.groups[0].backends[1];
    (backend.weight, backend.effective_weight) = (20, 20);
    backend.configured = Some(Configured { weight: 100, state: AdminState::Enabled });
    bench.tell(event(at_ms, EventBody::Snapshot(Box::new(status))));
}

fn scene(size: (u16, u16), (name, keys): (&str, &str)) -> Bench {
    let mut bench = Bench::live(size);
    if name.starts_with("confirm") || name == "layers" {
        unsettled(&mut bench);
    }
    for key in keys.split_whitespace() {
        bench.press(key);
        // An answer may lead to the next question.
        bench.answer();
        bench.answer();
    }
    bench
}

fn mark(cell: &Cell) -> char {
    let color = match cell.fg {
        Color::Reset => ' ',
        Color::Red => 'r',
        Color::Green => 'g',
        Color::Yellow => 'y',
        Color::Blue => 'b',
        Color::Magenta => 'm',
        _ => '?',
    };
    match (cell.modifier, color) {
        (m, _) if m.contains(Modifier::REVERSED) => '#',
        (m, ' ') if m.contains(Modifier::BOLD) => '*',
        (m, color) if m.contains(Modifier::BOLD) => color.to_ascii_uppercase(),
        (m, ' ') if m.contains(Modifier::DIM) => '.',
        (_, color) => color,
    }
}

/// Text and style of a picture, line above line: a letter for a colour, upper case when bold, `*`
/// bold, `.` dim, `#` reversed. Lines without any style are left out.
fn dump(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let mut out = String::new();
    for line in buffer.content.chunks(width) {
        let text: String = line.iter().map(Cell::symbol).collect();
        let style: String = line.iter().map(mark).collect();
        let _ = writeln!(out, "|{text}|");
        if !style.trim().is_empty() {
            let _ = writeln!(out, "~{}", style.trim_end());
        }
    }
    out
}

#[test]
fn screens_look_as_agreed() {
    for (name, keys) in SCENES {
        for (width, height) in SIZES {
            let bench = scene((width, height), (name, keys));
            for (look, caps) in LOOKS {
                insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../../../../tests/console/screens", omit_expression => true }, {
                    insta::assert_snapshot!(format!("{name}_{width}x{height}_{look}"), dump(&picture(&bench, caps)));
                });
            }
        }
    }
}

#[test]
fn a_lost_link_is_seen_at_once_and_dims_what_is_old() {
    let mut bench = scene((80, 24), ("", ""));
    bench.tell(Msg::Lost { reason: "the daemon closed the connection".to_owned(), at_ms: NOW_MS });
    let picture = dump(&picture(&bench, LOOKS[1].1));
    assert!(
        picture.contains("STALE since 14:02:00") && picture.contains("the daemon closed the connection"),
        "{picture}"
    );
}

#[test]
fn no_size_breaks_any_scene() {
    for scene_keys in SCENES {
        let mut bench = scene((80, 24), scene_keys);
        for width in (1..=300).step_by(7).chain(1..24) {
            for height in (1..=100).step_by(9).chain(1..8) {
                bench.tell(Msg::Resize(width, height));
                picture(&bench, LOOKS[2].1);
            }
        }
    }
}

#[test]
fn ascii_screens_hold_nothing_but_ascii_and_mono_screens_no_colour() {
    for (name, keys) in SCENES {
        for size in SIZES {
            let bench = scene(size, (name, keys));
            let ascii = picture(&bench, LOOKS[2].1);
            assert!(ascii.content.iter().all(|cell| cell.symbol().is_ascii()), "{name} {size:?}");
            assert!(
                ascii.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset),
                "{name} {size:?}"
            );
            let reversed =
                |picture: &Buffer| picture.content.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED));
            assert!(
                [
                    "health",
                    "certificates",
                    "diff",
                    "settings",
                    "health_card",
                    "health_probed",
                    "layers",
                    "revision",
                    "explain"
                ]
                .contains(&name)
                    || name.ends_with("figures")
                    || reversed(&ascii),
                "the selected row shows without colour: {name} {size:?}"
            );
        }
    }
}

#[test]
fn a_busy_log_costs_no_more_bytes_than_its_lines_as_text() {
    for (width, height) in &SIZES[1..] {
        let (width, height) = (*width, *height);
        let mut bench = scene((width, height), ("", "3"));
        let mut emitter = Emitter::new(LOOKS[0].1);
        let (mut sent, mut text) = (0, 0);
        for frame in 0..40u64 {
            for row in 0..10 {
                let seq = 100 + frame * 10 + row;
                bench.tell(event(NOW_MS, EventBody::Checked(check_row(seq, "app-1", seq % 3 != 0, 1))));
            }
            let (width, height) = bench.state.size;
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            let log = view(&bench.state, LOOKS[0].1, &mut buffer);
            let newest = buffer.content.chunks(usize::from(width)).rev().skip(3).take(10);
            let lengths = newest.map(|line| line.iter().map(Cell::symbol).collect::<String>().trim_end().len() + 2);
            let lines: usize = lengths.sum();
            let bytes = emitter.frame(buffer, log).len();
            // The first frames fill the screen.
            if frame > 4 {
                (sent, text) = (sent + bytes, text + lines);
            }
        }
        assert!(sent <= text, "{width}x{height}: {sent} bytes for {text} bytes of text");
    }
}

#[test]
fn every_binding_is_in_the_list_of_keys() {
    let bench = scene((80, 200), ("", "?"));
    let text = dump(&picture(&bench, LOOKS[2].1));
    for binding in bench.state.keymap.bindings() {
        assert!(text.contains(&binding.help), "{} is missing", binding.help);
        for key in &binding.keys {
            assert!(text.contains(&key.to_string()), "{key} is missing");
        }
    }
}

#[test]
fn the_same_state_always_gives_the_same_picture() {
    let bench = scene((160, 45), ("", ""));
    assert_eq!(picture(&bench, LOOKS[0].1), picture(&bench, LOOKS[0].1));
}
