//! The emitter against a terminal: what arrives is what was meant, at every colour level.

use proptest::prelude::*;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::Emitter;
use super::pen::{Ink, Pen};
use crate::console::caps::{Caps, Level};

const LEVELS: [Level; 4] = [Level::Never, Level::Ansi16, Level::Ansi256, Level::True];
const SYMBOLS: [&str; 12] = [" ", " ", " ", " ", "a", "b", "7", "#", "é", "█", "東", "|"];

fn color() -> impl Strategy<Value = Color> {
    prop_oneof![
        4 => Just(Color::Reset),
        2 => prop::sample::select(vec![Color::Red, Color::Green, Color::DarkGray, Color::White]),
        1 => any::<u8>().prop_map(Color::Indexed),
        1 => any::<(u8, u8, u8)>().prop_map(|(r, g, b)| Color::Rgb(r, g, b)),
    ]
}

fn modifier() -> impl Strategy<Value = Modifier> {
    let known = vec![
        Modifier::empty(),
        Modifier::empty(),
        Modifier::BOLD,
        Modifier::DIM,
        Modifier::REVERSED,
        Modifier::UNDERLINED,
        Modifier::BOLD.union(Modifier::REVERSED),
        Modifier::ITALIC,
        Modifier::SLOW_BLINK,
    ];
    prop::sample::select(known)
}

type Spec = Vec<(usize, Color, Color, Modifier)>;

fn cells(count: usize) -> impl Strategy<Value = Spec> {
    prop::collection::vec((0..SYMBOLS.len(), color(), color(), modifier()), count)
}

fn buffer(width: u16, height: u16, spec: &Spec) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    for y in 0..height {
        let mut x = 0;
        while x < width {
            let (symbol, fg, bg, mods) = spec[usize::from(y * width + x) % spec.len()];
            let symbol = if x + 1 == width && SYMBOLS[symbol].width() == 2 { "x" } else { SYMBOLS[symbol] };
            let cell = &mut buffer[(x, y)];
            cell.set_symbol(symbol);
            (cell.fg, cell.bg, cell.modifier) = (fg, bg, mods);
            x += u16::try_from(symbol.width().max(1)).unwrap();
        }
    }
    buffer
}

/// The second screen: mostly the first one, so that differences are small.
fn mixed(a: &Spec, b: &Spec, keep: &[bool]) -> Spec {
    a.iter().zip(b).zip(keep).map(|((a, b), keep)| if *keep { *a } else { *b }).collect()
}

fn ink(color: vt100::Color) -> Ink {
    match color {
        vt100::Color::Default => Ink::Default,
        vt100::Color::Idx(n) if n < 16 => Ink::Basic(n),
        vt100::Color::Idx(n) => Ink::Indexed(n),
        vt100::Color::Rgb(r, g, b) => Ink::Rgb(r, g, b),
    }
}

fn look(cell: &vt100::Cell) -> Pen {
    let mut mods = Modifier::empty();
    for (on, flag) in [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ] {
        mods.set(flag, on);
    }
    Pen { fg: ink(cell.fgcolor()), bg: ink(cell.bgcolor()), mods }
}

fn assert_shown(parser: &vt100::Parser, wanted: &Buffer, caps: Caps) -> Result<(), TestCaseError> {
    for y in 0..wanted.area.height {
        let mut x = 0;
        while x < wanted.area.width {
            let cell: &Cell = &wanted[(x, y)];
            let shown = parser.screen().cell(y, x).expect("inside the screen");
            let width = u16::try_from(cell.symbol().width().max(1)).unwrap();
            let text = if shown.has_contents() { shown.contents() } else { " " };
            let symbol = if caps.ascii && !cell.symbol().is_ascii() { "?" } else { cell.symbol() };
            prop_assert_eq!(text, symbol, "at {},{}", x, y);
            let meant = Pen::new(cell.fg, cell.bg, cell.modifier, caps.level);
            let seen = look(shown);
            if symbol == " " {
                prop_assert_eq!(meant.for_blank(seen), seen, "at {},{}", x, y);
            } else {
                prop_assert_eq!(meant, seen, "at {},{}", x, y);
            }
            x += width;
        }
    }
    Ok(())
}

fn assert_allowed(bytes: &[u8], caps: Caps) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(bytes);
    for sgr in text.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m')).map(|(codes, _)| codes) {
        if !sgr.chars().all(|c| c.is_ascii_digit() || c == ';') {
            continue;
        }
        let extended = sgr.starts_with("38;") || sgr.contains(";38;") || sgr.starts_with("48;") || sgr.contains(";48;");
        prop_assert!(caps.level >= Level::Ansi256 || !extended, "{}", sgr);
        prop_assert!(caps.level == Level::True || !sgr.contains("8;2;"), "{}", sgr);
        let colour = |code: &str| code.parse().is_ok_and(|n: u8| matches!(n, 30..=49 | 90..=107) && n != 39 && n != 49);
        prop_assert!(caps.level != Level::Never || !sgr.split(';').any(colour), "{}", sgr);
    }
    prop_assert!(!caps.ascii || bytes.is_ascii());
    prop_assert!(!text.contains("\x1b[6n"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_terminal_shows_what_was_meant_at_every_level(
        (width, height) in (1u16..40, 1u16..12),
        first in cells(480),
        other in cells(480),
        keep in prop::collection::vec(prop::bool::weighted(0.8), 480),
        level in prop::sample::select(LEVELS.to_vec()),
        ascii in any::<bool>(),
        log in prop::option::of((0u16..6, 6u16..12)),
    ) {
        let caps = Caps { level, ascii };
        let mut emitter = Emitter::new(caps);
        let size = |n: u16| std::num::NonZeroU16::new(n).unwrap();
        let mut parser = vt100::Parser::new(size(height), size(width), 0);
        let mut second = buffer(width, height, &mixed(&first, &other, &keep));
        if let Some((by, _)) = log {
            // A log that moved: the lines of the first screen, further up.
            let first = buffer(width, height, &first);
            let by = by.min(height);
            for y in by..height {
                for x in 0..width {
                    second[(x, y - by)] = first[(x, y)].clone();
                }
            }
        }
        for screen in [buffer(width, height, &first), second, buffer(width, height, &other)] {
            let bytes = emitter.frame(screen.clone(), log.map(|(_, end)| 0..end)).to_vec();
            parser.process(&bytes);
            assert_allowed(&bytes, caps)?;
            assert_shown(&parser, &screen, caps)?;
            prop_assert!(emitter.frame(screen, None).is_empty(), "an unchanged screen costs nothing");
        }
    }
}

fn text_screen(lines: &[String]) -> Buffer {
    let height = u16::try_from(lines.len()).unwrap();
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, height));
    for (y, line) in (0..height).zip(lines) {
        buffer.set_string(0, y, line, ratatui::style::Style::default());
    }
    buffer
}

fn emitter() -> Emitter {
    Emitter::new(Caps { level: Level::Ansi16, ascii: false })
}

#[test]
fn a_log_that_moves_up_one_line_costs_little_more_than_the_line() {
    let lines =
        |from: usize| (from..from + 20).map(|n| format!("14:01:{n:02}  app/app-{n}  pass 200")).collect::<Vec<_>>();
    let mut emitter = emitter();
    emitter.frame(text_screen(&lines(0)), None);
    let bytes = emitter.frame(text_screen(&lines(1)), Some(2..20)).len();
    // Two lines above the pane are not moved and change, too.
    assert!(bytes < 30 + 2 * 12 + 32, "{bytes}");
}

#[test]
fn two_moving_numbers_a_row_cost_fifteen_bytes_a_row() {
    let rows = |n: usize| {
        let row = |y: usize| {
            format!(
                "   app-{y:<10} + UP       100    8.3    {}.{}   +0.1  |####:      {}{}   41",
                8,
                (n + y) % 10,
                37,
                (n + y) % 10
            )
        };
        (0..12).map(row).collect::<Vec<_>>()
    };
    let mut emitter = emitter();
    emitter.frame(text_screen(&rows(0)), None);
    let bytes = emitter.frame(text_screen(&rows(1)), None).len();
    assert!(bytes <= 12 * 15, "{bytes}");
}

#[test]
fn a_long_frame_is_marked_as_one_and_a_short_one_is_not() {
    let mut emitter = emitter();
    let long = vec!["x".repeat(80); 20];
    let bytes = emitter.frame(text_screen(&long), None).to_vec();
    assert!(bytes.starts_with(b"\x1b[?2026h") && bytes.ends_with(b"\x1b[?2026l"));
    let mut short = long;
    short[3] = "y".repeat(80);
    assert!(!emitter.frame(text_screen(&short), None).starts_with(b"\x1b[?2026h"));
}
