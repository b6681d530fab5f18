//! The cheapest way for the cursor from one cell to another.
//!
//! Relative moves count on a terminal in raw mode: a line feed keeps the column.

use std::io::Write as _;

/// Longest row of backspaces or line feeds before an escape sequence is shorter.
const REPEAT_MAX: u16 = 3;

fn digits(n: u16) -> usize {
    match n {
        0..=9 => 1,
        10..=99 => 2,
        100..=999 => 3,
        _ => 5,
    }
}

/// Length of `ESC [ n X`, where 1 is left out.
fn sequence_len(n: u16) -> usize {
    if n == 1 { 3 } else { 3 + digits(n) }
}

fn push_sequence(out: &mut Vec<u8>, n: u16, end: char) {
    // Writing into a Vec cannot fail.
    let _ = if n == 1 { write!(out, "\x1b[{end}") } else { write!(out, "\x1b[{n}{end}") };
}

/// One straight move.
#[derive(Clone, Copy)]
enum Leg {
    None,
    Repeat(u8, u16),
    Sequence(u16, char),
    Return,
    /// To the first column, then right.
    ReturnRight(u16),
}

impl Leg {
    fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Repeat(_, n) => usize::from(n),
            Self::Sequence(n, _) => sequence_len(n),
            Self::Return => 1,
            Self::ReturnRight(n) => 1 + sequence_len(n),
        }
    }

    fn push(self, out: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Repeat(byte, n) => out.extend(std::iter::repeat_n(byte, usize::from(n))),
            Self::Sequence(n, end) => push_sequence(out, n, end),
            Self::Return => out.push(b'\r'),
            Self::ReturnRight(n) => {
                out.push(b'\r');
                push_sequence(out, n, 'C');
            }
        }
    }
}

fn vertical(from: u16, to: u16) -> Leg {
    match to.abs_diff(from) {
        0 => Leg::None,
        n if to > from && n <= REPEAT_MAX => Leg::Repeat(b'\n', n),
        n => Leg::Sequence(n, if to > from { 'B' } else { 'A' }),
    }
}

fn horizontal(from: u16, to: u16) -> Leg {
    let straight = match to.abs_diff(from) {
        0 => Leg::None,
        n if to < from && n <= REPEAT_MAX => Leg::Repeat(8, n),
        n => Leg::Sequence(n, if to > from { 'C' } else { 'D' }),
    };
    let around = if to == 0 { Leg::Return } else { Leg::ReturnRight(to) };
    if from != to && around.len() < straight.len() { around } else { straight }
}

fn absolute_len((x, y): (u16, u16)) -> usize {
    match (x, y) {
        (0, 0) => 3,
        (0, y) => 3 + digits(y + 1),
        (x, y) => 4 + digits(y + 1) + digits(x + 1),
    }
}

/// Bytes that the cheapest move takes; from an unknown place only an absolute one works.
pub(super) fn cost(from: Option<(u16, u16)>, to: (u16, u16)) -> usize {
    let absolute = absolute_len(to);
    from.map_or(absolute, |(x, y)| absolute.min(vertical(y, to.1).len() + horizontal(x, to.0).len()))
}

/// Appends the cheapest move.
pub(super) fn go(out: &mut Vec<u8>, from: Option<(u16, u16)>, to: (u16, u16)) {
    if let Some((x, y)) = from {
        let legs = (vertical(y, to.1), horizontal(x, to.0));
        if legs.0.len() + legs.1.len() <= absolute_len(to) {
            legs.0.push(out);
            legs.1.push(out);
            return;
        }
    }
    let (x, y) = (to.0 + 1, to.1 + 1);
    let _ = match to {
        (0, 0) => write!(out, "\x1b[H"),
        (0, _) => write!(out, "\x1b[{y}H"),
        _ => write!(out, "\x1b[{y};{x}H"),
    };
}
