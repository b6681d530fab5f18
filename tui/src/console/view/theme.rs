//! Roles and how they look: a screen says what something means, never a colour.
//!
//! With sixteen colours the terminal's own palette is used and no background is painted, so light
//! and dark both work; with more, the colour-blind safe palette of Okabe and Ito. Without colour
//! bold and dim remain, and every state has its glyph and word besides.

use ratatui::style::{Color, Modifier, Style};

use crate::console::caps::{Caps, Level};
use crate::console::state::model::Condition;

/// What something means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Ok,
    Warn,
    Fail,
    Drain,
    Muted,
    Accent,
    Staged,
    Stale,
}

/// How a role looks on a terminal.
pub(super) fn style(role: Role, caps: Caps) -> Style {
    let attributes = match role {
        Role::Fail | Role::Accent => Modifier::BOLD,
        Role::Warn | Role::Staged if caps.level == Level::Never => Modifier::BOLD,
        Role::Muted | Role::Stale => Modifier::DIM,
        _ => Modifier::empty(),
    };
    let style = Style::new().add_modifier(attributes);
    match color(role, caps.level) {
        Some(color) => style.fg(color),
        None => style,
    }
}

fn color(role: Role, level: Level) -> Option<Color> {
    let many = level >= Level::Ansi256;
    Some(match role {
        _ if level == Level::Never => return None,
        Role::Plain | Role::Muted | Role::Stale | Role::Accent => return None,
        Role::Ok if many => Color::Rgb(0, 158, 115),
        Role::Warn if many => Color::Rgb(230, 159, 0),
        Role::Fail if many => Color::Rgb(213, 94, 0),
        Role::Drain if many => Color::Rgb(86, 180, 233),
        Role::Staged if many => Color::Rgb(204, 121, 167),
        Role::Ok => Color::Green,
        Role::Warn => Color::Yellow,
        Role::Fail => Color::Red,
        Role::Drain => Color::Blue,
        Role::Staged => Color::Magenta,
    })
}

/// The role of a backend's condition.
pub(super) fn role(condition: Condition) -> Role {
    match condition {
        Condition::Up => Role::Ok,
        Condition::Down | Condition::Damped | Condition::Ejected => Role::Fail,
        Condition::Flap | Condition::Unknown => Role::Warn,
        Condition::Drain => Role::Drain,
        Condition::Maintenance => Role::Muted,
    }
}

/// The glyph of a backend's condition.
pub(super) fn glyph(condition: Condition, ascii: bool) -> &'static str {
    match (condition, ascii) {
        (Condition::Up, true) => "+",
        (Condition::Up, false) => "●",
        (Condition::Flap | Condition::Damped | Condition::Ejected, true) => "!",
        (Condition::Flap | Condition::Damped | Condition::Ejected, false) => "▲",
        (Condition::Down, true) => "x",
        (Condition::Down, false) => "✖",
        (Condition::Drain, true) => "~",
        (Condition::Drain, false) => "◐",
        (Condition::Maintenance, true) => "=",
        (Condition::Maintenance, false) => "■",
        (Condition::Unknown, true) => "?",
        (Condition::Unknown, false) => "○",
    }
}
