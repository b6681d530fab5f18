//! Which line of the terminal shows what, for every size from 1x1 on.
//!
//! Pure arithmetic, shared by `update` (how far a page goes) and `view` (where to paint), so that
//! both always agree. It knows nothing of what is shown.

/// A part of the screen, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub x: u16,
    /// First line.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Lines.
    pub height: u16,
}

impl Area {
    /// The upper `height` lines and the rest.
    pub fn split_top(self, height: u16) -> (Self, Self) {
        let height = height.min(self.height);
        (Self { height, ..self }, Self { y: self.y + height, height: self.height - height, ..self })
    }

    /// All but the lowest `height` lines, and these.
    pub fn split_bottom(self, height: u16) -> (Self, Self) {
        self.split_top(self.height - height.min(self.height))
    }

    /// The left `width` columns and the rest.
    pub fn split_left(self, width: u16) -> (Self, Self) {
        let width = width.min(self.width);
        (Self { width, ..self }, Self { x: self.x + width, width: self.width - width, ..self })
    }

    /// An area of at most this size in the middle of this one.
    #[must_use]
    pub fn centred(self, width: u16, height: u16) -> Self {
        let (width, height) = (width.min(self.width), height.min(self.height));
        Self { x: self.x + (self.width - width) / 2, y: self.y + (self.height - height) / 2, width, height }
    }

    /// Whether nothing fits.
    pub fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

/// Below these, only a status line is shown.
const STATUS_ONLY: (u16, u16) = (24, 4);
/// From these on, Balance has a card at the right.
const CARD: (u16, u16) = (140, 20);
const CARD_WIDTH: u16 = 50;
/// From these on, Balance and Overview have the newest transitions below.
const RECENT: (u16, u16) = (80, 36);
const RECENT_HEIGHT: u16 = 11;

/// The frame around every screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Where we are, on what, and whether it is live.
    pub crumb: Area,
    /// Tabs.
    pub tabs: Area,
    /// What needs a look.
    pub alert: Area,
    /// The screen itself.
    pub body: Area,
    /// About the selected row.
    pub detail: Area,
    /// The last message, or what is staged.
    pub message: Area,
    /// Keys.
    pub footer: Area,
}

/// Whether the terminal is so small that one status line is all there is.
pub fn is_status_only(width: u16, height: u16) -> bool {
    width < STATUS_ONLY.0 || height < STATUS_ONLY.1
}

/// The frame for a terminal of this size; what does not fit is empty.
pub fn frame(width: u16, height: u16) -> Frame {
    let body = Area { x: 0, y: 0, width, height };
    if is_status_only(width, height) {
        return Frame { body, ..Frame::default() };
    }
    let line = |wanted: bool| u16::from(wanted);
    let (crumb, body) = body.split_top(1);
    let (tabs, body) = body.split_top(line(height >= 10));
    let (alert, body) = body.split_top(line(height >= 16));
    let (body, footer) = body.split_bottom(line(height >= 8));
    let (body, message) = body.split_bottom(line(height >= 6));
    let (body, detail) = body.split_bottom(line(height >= 16));
    Frame { crumb, tabs, alert, body, detail, message, footer }
}

/// The parts of the screen Balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Filter, counts, window, order.
    pub summary: Area,
    /// Names of the columns.
    pub heads: Area,
    /// Groups and backends.
    pub list: Area,
    /// The selected backend.
    pub card: Area,
    /// The newest transitions.
    pub recent: Area,
}

/// Lays out Balance.
pub fn balance(width: u16, height: u16) -> Balance {
    let body = frame(width, height).body;
    let (body, card) =
        if width >= CARD.0 && height >= CARD.1 { body.split_left(width - CARD_WIDTH) } else { (body, Area::default()) };
    let (body, recent) = split_recent(body, width, height);
    let (summary, body) = body.split_top(u16::from(body.height >= 6));
    let (heads, list) = body.split_top(u16::from(body.height >= 3));
    Balance { summary, heads, list, card, recent }
}

/// The parts of the screen Overview.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Names of the columns.
    pub heads: Area,
    /// Listeners, then what needs a look.
    pub list: Area,
    /// The newest transitions.
    pub recent: Area,
}

/// Lays out Overview.
pub fn overview(width: u16, height: u16) -> Overview {
    let (body, recent) = split_recent(frame(width, height).body, width, height);
    let (heads, list) = body.split_top(u16::from(body.height >= 3));
    Overview { heads, list, recent }
}

/// The parts of the screen Health log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Filter, counts, whether it follows.
    pub summary: Area,
    /// The rows.
    pub list: Area,
}

/// Lays out the health log.
pub fn health(width: u16, height: u16) -> Health {
    let body = frame(width, height).body;
    let (summary, list) = body.split_top(u16::from(body.height >= 3));
    Health { summary, list }
}

/// The parts of the screen Errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// Filter, counts, whether it follows.
    pub summary: Area,
    /// The rows.
    pub list: Area,
    /// The bytes of the selected one; empty where there is no room.
    pub dump: Area,
}

/// From so many lines on the bytes are shown, in half of them but not more than the second number.
const DUMP: (u16, u16) = (8, 12);

/// Lays out the screen Errors.
pub fn errors(width: u16, height: u16) -> Errors {
    let Health { summary, list } = health(width, height);
    let dump = if list.height >= DUMP.0 { (list.height / 2).min(DUMP.1) } else { 0 };
    let (list, dump) = list.split_bottom(dump);
    Errors { summary, list, dump }
}

/// The parts of the screen Changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Names of the columns.
    pub summary: Area,
    /// The commits.
    pub list: Area,
    /// What the selected one changed; empty where there is no room.
    pub edits: Area,
}

/// Lays out the screen Changes.
pub fn changes(width: u16, height: u16) -> Changes {
    let Errors { summary, list, dump } = errors(width, height);
    Changes { summary, list, edits: dump }
}

fn split_recent(body: Area, width: u16, height: u16) -> (Area, Area) {
    if width >= RECENT.0 && height >= RECENT.1 { body.split_bottom(RECENT_HEIGHT) } else { (body, Area::default()) }
}

#[cfg(test)]
mod tests;
