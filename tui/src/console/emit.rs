//! From two screens to the fewest bytes: what changed, moves of the cursor, changes of the look.
//!
//! Keeps what the terminal shows. An unchanged screen gives no bytes at all; a changed one gives
//! one run of bytes for one write. It writes nothing itself and never asks the terminal anything:
//! answers would get between the operator's keys.

mod cursor;
mod pen;

use std::io::Write as _;
use std::ops::Range;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use self::pen::Pen;
use super::caps::Caps;

/// Unchanged cells of the same look that are cheaper to send again than to step over.
const BRIDGE_MAX: usize = 3;
/// Blanks at the end of a line from which on erasing is shorter.
const ERASE_MIN: usize = 4;
/// Frames longer than this are marked as one, so that terminals that can paint them at once.
const SYNC_ABOVE_BYTES: usize = 512;
/// Runs up to which the order of painting is searched for the shortest way; above, top to bottom.
const ORDERED_RUNS_MAX: usize = 128;
/// Lines that a scroll must save to be worth its own bytes.
const SCROLL_LINES_MIN: usize = 3;

/// A piece of a line to send.
#[derive(Clone, Copy, Debug)]
enum Run {
    /// Cells from one column up to another.
    Cells { y: u16, from: u16, to: u16 },
    /// Everything from a column on is blank.
    Erase { y: u16, from: u16 },
}

impl Run {
    fn start(self) -> (u16, u16) {
        match self {
            Self::Cells { y, from, .. } | Self::Erase { y, from } => (from, y),
        }
    }
}

/// Turns screens into bytes for one terminal.
#[derive(Debug)]
pub struct Emitter {
    caps: Caps,
    /// What the terminal shows; `None` when that is not known.
    shown: Option<Buffer>,
    pen: Pen,
    /// Where the cursor stands; `None` behind the last column, where terminals differ.
    cursor: Option<(u16, u16)>,
    out: Vec<u8>,
}

impl Emitter {
    /// An emitter for a terminal of which nothing is known.
    pub fn new(caps: Caps) -> Self {
        Self { caps, shown: None, pen: Pen::PLAIN, cursor: None, out: Vec::new() }
    }

    /// Forgets what the terminal shows: the next frame paints all of it.
    pub fn invalidate(&mut self) {
        self.shown = None;
    }

    /// The bytes that turn what is shown into `next`; none when nothing changed. `log` are the lines
    /// of a full-width pane whose content may have moved up.
    pub fn frame(&mut self, next: Buffer, log: Option<Range<u16>>) -> &[u8] {
        self.out.clear();
        let shown = match self.shown.take().filter(|shown| shown.area == next.area) {
            Some(shown) => shown,
            None => self.wipe(next.area),
        };
        let shown = match log {
            Some(lines) => self.scroll(shown, &next, lines),
            None => shown,
        };
        let runs = self.runs(&shown, &next);
        self.paint(&next, runs);
        self.shown = Some(next);
        if self.out.len() > SYNC_ABOVE_BYTES {
            self.out.splice(0..0, *b"\x1b[?2026h");
            self.out.extend(b"\x1b[?2026l");
        }
        &self.out
    }

    fn wipe(&mut self, area: Rect) -> Buffer {
        self.out.extend(b"\x1b[m\x1b[H\x1b[2J");
        self.pen = Pen::PLAIN;
        self.cursor = Some((0, 0));
        Buffer::empty(area)
    }

    fn pen_of(&self, cell: &Cell) -> Pen {
        Pen::new(cell.fg, cell.bg, cell.modifier, self.caps.level)
    }

    /// Whether two cells look the same on this terminal.
    fn same(&self, a: &Cell, b: &Cell) -> bool {
        if a == b {
            return true;
        }
        if a.symbol() != b.symbol() {
            return false;
        }
        let (a_pen, b_pen) = (self.pen_of(a), self.pen_of(b));
        a_pen == b_pen || (a.symbol() == " " && a_pen.for_blank(b_pen) == b_pen && b_pen.for_blank(a_pen) == a_pen)
    }

    fn is_blank(&self, cell: &Cell) -> bool {
        cell.symbol() == " " && self.pen_of(cell).is_plain_blank()
    }

    /// Scrolls the lines of a pane if that brings most of them to where they belong.
    fn scroll(&mut self, mut shown: Buffer, next: &Buffer, lines: Range<u16>) -> Buffer {
        let lines = lines.start..lines.end.min(next.area.height);
        let height = usize::from(lines.end.saturating_sub(lines.start));
        let width = usize::from(next.area.width);
        let at = |line: usize| (usize::from(lines.start) + line) * width..(usize::from(lines.start) + line + 1) * width;
        let same = |old: usize, new: usize| {
            let pairs = shown.content[at(old)].iter().zip(&next.content[at(new)]);
            pairs.into_iter().all(|(a, b)| self.same(a, b))
        };
        let fits = |by: &usize| (0..height - by).all(|line| same(line + by, line));
        if height <= SCROLL_LINES_MIN || fits(&0) {
            return shown;
        }
        let Some(by) = (1..=height - SCROLL_LINES_MIN).find(fits) else { return shown };
        if self.pen != Pen::PLAIN {
            self.out.extend(b"\x1b[m");
            self.pen = Pen::PLAIN;
        }
        let (first, last) = (lines.start + 1, lines.end);
        // Writing into a Vec cannot fail.
        let _ = write!(self.out, "\x1b[{first};{last}r\x1b[{last}H");
        self.out.extend(std::iter::repeat_n(b'\n', by));
        self.out.extend(b"\x1b[r");
        self.cursor = Some((0, 0));
        let moved = at(0).start..at(height - 1).end;
        shown.content[moved.clone()].rotate_left(by * width);
        shown.content[moved.end - by * width..moved.end].fill(Cell::EMPTY);
        shown
    }

    fn runs(&self, shown: &Buffer, next: &Buffer) -> Vec<Run> {
        let width = usize::from(next.area.width).max(1);
        let lines = shown.content.chunks(width).zip(next.content.chunks(width));
        let mut runs = Vec::new();
        for (y, (old, new)) in (0u16..).zip(lines) {
            if old != new {
                self.line_runs(y, old, new, &mut runs);
            }
        }
        runs
    }

    fn line_runs(&self, y: u16, old: &[Cell], new: &[Cell], runs: &mut Vec<Run>) {
        let column = |x: usize| u16::try_from(x).unwrap_or(u16::MAX);
        let changed = |x: usize| !self.same(&old[x], &new[x]);
        if !(0..new.len()).any(changed) {
            return;
        }
        if old.iter().chain(new).any(is_wide) {
            // What lies under the second half of a wide character is not known: the whole line.
            runs.push(Run::Cells { y, from: 0, to: column(new.len()) });
            return;
        }
        let text_end = new.iter().rposition(|cell| !self.is_blank(cell)).map_or(0, |x| x + 1);
        let tail: Vec<usize> = (text_end..new.len()).filter(|x| changed(*x)).collect();
        let end = if tail.len() < ERASE_MIN { new.len() } else { text_end };
        let mut open: Option<(usize, usize)> = None;
        for x in (0..end).filter(|x| changed(*x)) {
            open = match open {
                Some((from, last)) if self.bridges(new, last, x) => Some((from, x)),
                Some((from, last)) => {
                    runs.push(Run::Cells { y, from: column(from), to: column(last + 1) });
                    Some((x, x))
                }
                None => Some((x, x)),
            };
        }
        if let Some((from, last)) = open {
            runs.push(Run::Cells { y, from: column(from), to: column(last + 1) });
        }
        if end == text_end
            && let Some(from) = tail.first()
        {
            runs.push(Run::Erase { y, from: column(*from) });
        }
    }

    /// Whether the unchanged cells between two changed ones are cheaper sent again.
    fn bridges(&self, line: &[Cell], last: usize, next: usize) -> bool {
        let look = self.pen_of(&line[last]);
        let between = &line[last + 1..next];
        between.len() <= BRIDGE_MAX && between.iter().all(|cell| cell.symbol().is_ascii() && self.pen_of(cell) == look)
    }

    /// Sends the runs, the nearest one next.
    fn paint(&mut self, next: &Buffer, mut runs: Vec<Run>) {
        if runs.len() > ORDERED_RUNS_MAX {
            for run in runs {
                self.paint_run(next, run);
            }
            return;
        }
        while !runs.is_empty() {
            let nearest = (0..runs.len()).min_by_key(|at| cursor::cost(self.cursor, runs[*at].start())).unwrap_or(0);
            let run = runs.remove(nearest);
            self.paint_run(next, run);
        }
    }

    fn paint_run(&mut self, next: &Buffer, run: Run) {
        let start = run.start();
        if self.cursor != Some(start) {
            cursor::go(&mut self.out, self.cursor, start);
        }
        self.cursor = Some(start);
        match run {
            Run::Erase { .. } => {
                self.turn(Pen::PLAIN.for_blank(self.pen));
                self.out.extend(b"\x1b[K");
            }
            Run::Cells { y, from, to } => {
                let mut x = from;
                while x < to {
                    x += self.put(&next[(x, y)]).min(to - x);
                }
                self.cursor = (to < next.area.width).then_some((to, y));
            }
        }
    }

    /// Sends a cell; says how many columns it takes.
    fn put(&mut self, cell: &Cell) -> u16 {
        let look = self.pen_of(cell);
        let symbol = cell.symbol();
        self.turn(if symbol == " " { look.for_blank(self.pen) } else { look });
        let width = if symbol.is_ascii() { 1 } else { symbol.width().clamp(1, 2) };
        if symbol.is_empty() || symbol.chars().any(char::is_control) {
            self.out.push(b' ');
        } else if self.caps.ascii && !symbol.is_ascii() {
            self.out.extend(std::iter::repeat_n(b'?', width));
        } else {
            self.out.extend(symbol.as_bytes());
        }
        if width == 2 { 2 } else { 1 }
    }

    fn turn(&mut self, pen: Pen) {
        self.out.extend(pen.sgr(self.pen).as_bytes());
        self.pen = pen;
    }
}

fn is_wide(cell: &Cell) -> bool {
    !cell.symbol().is_ascii() && cell.symbol().width() != 1
}

#[cfg(test)]
mod tests;
