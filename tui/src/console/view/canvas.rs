//! Where views paint: text at a place, cut to an area, in the look of a role.

use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::theme::{self, Role};
use crate::console::caps::Caps;
use crate::console::layout::Area;

/// A buffer with what the terminal can show.
pub(super) struct Canvas<'a> {
    pub(super) buffer: &'a mut Buffer,
    pub(super) caps: Caps,
}

impl Canvas<'_> {
    /// How a role looks.
    pub(super) fn style(&self, role: Role) -> Style {
        theme::style(role, self.caps)
    }

    /// Paints `text` in line `line` of `area` from column `column` on, cut at the area's edge; says the column after it.
    pub(super) fn text(&mut self, area: Area, (column, line): (u16, u16), text: &str, role: Role) -> u16 {
        self.styled(area, (column, line), text, self.style(role))
    }

    /// The same in a look of its own.
    pub(super) fn styled(&mut self, area: Area, (column, line): (u16, u16), text: &str, style: Style) -> u16 {
        if line >= area.height || column >= area.width {
            return column;
        }
        let room = usize::from(area.width - column);
        let (end, _) = self.buffer.set_stringn(area.x + column, area.y + line, text, room, style);
        end - area.x
    }

    /// Paints `text` so that it ends before column `end`.
    pub(super) fn right(&mut self, area: Area, (end, line): (u16, u16), text: &str, role: Role) {
        let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
        self.text(area, (end.saturating_sub(width), line), text, role);
    }

    /// Paints `text` within `width` columns; what is cut ends in a mark, so that nobody takes it for the whole.
    pub(super) fn fitted(&mut self, area: Area, (column, line): (u16, u16), width: u16, text: &str) {
        let room = usize::from(width.min(area.width.saturating_sub(column)));
        if text.width() <= room {
            self.text(area, (column, line), text, Role::Plain);
        } else if room > 0 {
            let cell = Area { width: column + width - 1, ..area };
            let end = self.text(cell, (column, line), text, Role::Plain);
            self.text(area, (end, line), if self.caps.ascii { "~" } else { "…" }, Role::Muted);
        }
    }

    /// A horizontal rule over line `line` of `area`.
    pub(super) fn rule(&mut self, area: Area, line: u16) {
        let stroke = if self.caps.ascii { "-" } else { "─" };
        self.text(area, (0, line), &stroke.repeat(usize::from(area.width)), Role::Muted);
    }

    /// Makes an area blank.
    pub(super) fn clear(&mut self, area: Area) {
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                self.buffer[(x, y)].reset();
            }
        }
    }

    /// A box with a title; gives the area inside, one column of air at both sides.
    pub(super) fn frame(&mut self, area: Area, title: &str, note: &str) -> Area {
        self.clear(area);
        if area.width < 4 || area.height < 3 {
            return area;
        }
        let strokes =
            if self.caps.ascii { ["+", "-", "+", "|", "+", "+"] } else { ["┌", "─", "┐", "│", "└", "┘"] };
        let across = strokes[1].repeat(usize::from(area.width - 2));
        self.text(area, (0, 0), &format!("{}{across}{}", strokes[0], strokes[2]), Role::Plain);
        self.text(area, (0, area.height - 1), &format!("{}{across}{}", strokes[4], strokes[5]), Role::Plain);
        for line in 1..area.height - 1 {
            self.text(area, (0, line), strokes[3], Role::Plain);
            self.text(area, (area.width - 1, line), strokes[3], Role::Plain);
        }
        let top = Area { width: area.width - 2, height: 1, ..area };
        let end = self.text(top, (2, 0), &format!(" {title} "), Role::Accent);
        let width = u16::try_from(note.width() + 2).unwrap_or(u16::MAX);
        if !note.is_empty() && end + width < top.width {
            self.text(top, (top.width - width, 0), &format!(" {note} "), Role::Muted);
        }
        Area { x: area.x + 2, y: area.y + 1, width: area.width - 4, height: area.height - 2 }
    }

    /// A line of input with its cursor.
    pub(super) fn input(&mut self, area: Area, (column, line): (u16, u16), input: &tui_input::Input) -> u16 {
        let safe = crate::safe::line(input.value());
        // The cursor takes a cell of its own behind the text.
        let room = usize::from(area.width.saturating_sub(column + 1));
        let skip = input.visual_scroll(room);
        let shown: String = safe.chars().skip(skip).collect();
        let end = self.text(area, (column, line), &shown, Role::Plain);
        let at = column + u16::try_from(input.visual_cursor().saturating_sub(skip)).unwrap_or(0);
        if at < area.width && line < area.height {
            let cell = &mut self.buffer[(area.x + at, area.y + line)];
            cell.modifier.insert(Modifier::REVERSED);
        }
        end.max(at + 1)
    }
}
