//! How a cell looks, reduced to what a colour level may send, and the shortest SGR between two looks.

use std::fmt::Write as _;

use ratatui::style::{Color, Modifier};

use crate::console::caps::Level;

/// A colour as it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ink {
    #[default]
    Default,
    /// One of the sixteen.
    Basic(u8),
    /// One of the 256.
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// How a cell looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pen {
    pub fg: Ink,
    pub bg: Ink,
    pub mods: Modifier,
}

/// Attributes that every terminal of the last decades knows; others are not sent.
const SENT: Modifier =
    Modifier::BOLD.union(Modifier::DIM).union(Modifier::ITALIC).union(Modifier::UNDERLINED).union(Modifier::REVERSED);
/// Attributes that show on a blank.
const ON_BLANK: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED);

impl Pen {
    pub(super) const PLAIN: Self = Self { fg: Ink::Default, bg: Ink::Default, mods: Modifier::empty() };

    /// The look that `level` allows for these colours and attributes.
    pub(super) fn new(fg: Color, bg: Color, mods: Modifier, level: Level) -> Self {
        Self { fg: Ink::new(fg, level), bg: Ink::new(bg, level), mods: mods.intersection(SENT) }
    }

    /// The look for a blank cell: what does not show on it stays as `current` has it, which saves bytes.
    pub(super) fn for_blank(self, current: Self) -> Self {
        if self.mods.contains(Modifier::REVERSED) {
            return self;
        }
        let kept = current.mods.difference(ON_BLANK);
        let fg = if self.mods.contains(Modifier::UNDERLINED) { self.fg } else { current.fg };
        Self { fg, bg: self.bg, mods: self.mods.intersection(ON_BLANK).union(kept) }
    }

    /// Whether a blank of this look is an empty cell.
    pub(super) fn is_plain_blank(self) -> bool {
        self.bg == Ink::Default && !self.mods.intersects(ON_BLANK)
    }

    /// The SGR sequence that turns `from` into this.
    pub(super) fn sgr(self, from: Self) -> String {
        if self == from {
            return String::new();
        }
        let step = self.step(from);
        let anew = self.step(Self::PLAIN);
        let anew = if anew.is_empty() { "\x1b[m".to_owned() } else { format!("\x1b[0;{anew}m") };
        let step = format!("\x1b[{step}m");
        if step.len() < anew.len() { step } else { anew }
    }

    /// Codes that lead from `from` to this, separated by semicolons.
    fn step(self, from: Self) -> String {
        let mut codes = String::new();
        let mut put = |code: &str| {
            let separator = if codes.is_empty() { "" } else { ";" };
            let _ = write!(codes, "{separator}{code}");
        };
        let gone = from.mods.difference(self.mods);
        let mut have = from.mods.difference(gone);
        if gone.intersects(Modifier::BOLD.union(Modifier::DIM)) {
            put("22");
            have = have.difference(Modifier::BOLD.union(Modifier::DIM));
        }
        for (flag, off) in [(Modifier::ITALIC, "23"), (Modifier::UNDERLINED, "24"), (Modifier::REVERSED, "27")] {
            if gone.contains(flag) {
                put(off);
            }
        }
        let on = [
            (Modifier::BOLD, "1"),
            (Modifier::DIM, "2"),
            (Modifier::ITALIC, "3"),
            (Modifier::UNDERLINED, "4"),
            (Modifier::REVERSED, "7"),
        ];
        for (flag, code) in on {
            if self.mods.contains(flag) && !have.contains(flag) {
                put(code);
            }
        }
        if self.fg != from.fg {
            put(&self.fg.code(30));
        }
        if self.bg != from.bg {
            put(&self.bg.code(40));
        }
        codes
    }
}

impl Ink {
    fn new(color: Color, level: Level) -> Self {
        let ink = match color {
            Color::Reset => Self::Default,
            Color::Indexed(n) if n < 16 => Self::Basic(n),
            Color::Indexed(n) => Self::Indexed(n),
            Color::Rgb(r, g, b) => Self::Rgb(r, g, b),
            named => Self::Basic(basic(named)),
        };
        match (level, ink) {
            (Level::Never, _) => Self::Default,
            (Level::Ansi16, Self::Indexed(n)) => nearest_basic(cube_rgb(n)),
            (Level::Ansi16, Self::Rgb(r, g, b)) => nearest_basic((r, g, b)),
            (Level::Ansi256, Self::Rgb(r, g, b)) => nearest_cube((r, g, b)),
            _ => ink,
        }
    }

    /// The code with `base` 30 for the foreground, 40 for the background.
    fn code(self, base: u8) -> String {
        match self {
            Self::Default => (base + 9).to_string(),
            Self::Basic(n) if n < 8 => (base + n).to_string(),
            Self::Basic(n) => (base + 60 + n - 8).to_string(),
            Self::Indexed(n) => format!("{};5;{n}", base + 8),
            Self::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
        }
    }
}

fn basic(color: Color) -> u8 {
    let order = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    order.iter().position(|c| *c == color).and_then(|at| u8::try_from(at).ok()).unwrap_or(7)
}

/// Steps of the 6x6x6 cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn cube_rgb(n: u8) -> (u8, u8, u8) {
    if n >= 232 {
        let grey = 8 + (n - 232) * 10;
        return (grey, grey, grey);
    }
    let at = n.saturating_sub(16);
    (CUBE[usize::from(at / 36)], CUBE[usize::from(at / 6 % 6)], CUBE[usize::from(at % 6)])
}

fn nearest_cube((r, g, b): (u8, u8, u8)) -> Ink {
    let step = |value: u8| (0u8..6).min_by_key(|at| CUBE[usize::from(*at)].abs_diff(value)).unwrap_or(0);
    Ink::Indexed(16 + 36 * step(r) + 6 * step(g) + step(b))
}

/// The basic colour whose bits are those of the strong channels.
fn nearest_basic((r, g, b): (u8, u8, u8)) -> Ink {
    let most = r.max(g).max(b);
    if most < 64 {
        return Ink::Basic(0);
    }
    let bit = |value: u8, bit: u8| if u16::from(value) * 2 > u16::from(most) { bit } else { 0 };
    let bright = if most > 200 { 8 } else { 0 };
    Ink::Basic(bright + bit(r, 1) + bit(g, 2) + bit(b, 4))
}
