//! From terminal events to keys.
//!
//! A lone Esc is held for a moment and joined again with what follows it, because a slow link may
//! cut an escape sequence in two: half of an arrow key must not act as Esc and letters. It knows
//! nothing about what keys do.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

pub use crossterm::event::Event;
use crossterm::event::{EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures_core::Stream as _;

use super::key::Key;

/// Time that a lone Esc waits for the rest of a sequence.
pub const ESC_HOLD_MS: u64 = 40;
/// Longest sequence that is joined again.
const SEQUENCE_LEN_MAX: usize = 8;

/// Something the terminal said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Keys, in order.
    Keys(Vec<Key>),
    /// Pasted text.
    Paste(String),
    /// The terminal has another size.
    Resized,
    /// Nothing that matters here.
    Nothing,
}

/// The keyboard.
#[derive(Debug)]
pub struct Input {
    events: EventStream,
    joiner: Joiner,
}

impl Input {
    /// Starts to listen; the terminal must be in raw mode.
    pub fn new() -> Self {
        Self { events: EventStream::new(), joiner: Joiner::default() }
    }

    /// The next event; `None` when the terminal is gone.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<io::Result<Event>> {
        poll_fn(|context| Pin::new(&mut self.events).poll_next(context)).await
    }

    /// What an event means, at a time of the console's clock.
    pub fn hear(&mut self, event: Event, now_ms: u64) -> Heard {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                Heard::Keys(keys(key).into_iter().flatten().flat_map(|key| self.joiner.push(key, now_ms)).collect())
            }
            Event::Paste(text) => Heard::Paste(text),
            Event::Resize(..) => Heard::Resized,
            _ => Heard::Nothing,
        }
    }

    /// When a held key is due, on the console's clock.
    pub fn due_ms(&self) -> Option<u64> {
        self.joiner.due_ms()
    }

    /// The held key, when its time has come.
    pub fn expire(&mut self, now_ms: u64) -> Option<Key> {
        self.joiner.expire(now_ms)
    }
}

impl Default for Input {
    fn default() -> Self {
        Self::new()
    }
}

/// One or two keys: Alt and a character is what a terminal sends for Esc and the character.
fn keys(event: KeyEvent) -> [Option<Key>; 2] {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let key = match event.code {
        KeyCode::Char(c) if control => Some(Key::Ctrl(c.to_ascii_lowercase())),
        KeyCode::Char(c) => Some(Key::Char(c)),
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Esc => Some(Key::Esc),
        KeyCode::Tab => Some(Key::Tab),
        KeyCode::BackTab => Some(Key::BackTab),
        KeyCode::Backspace => Some(Key::Backspace),
        KeyCode::Delete => Some(Key::Delete),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        KeyCode::Left => Some(Key::Left),
        KeyCode::Right => Some(Key::Right),
        KeyCode::PageUp => Some(Key::PageUp),
        KeyCode::PageDown => Some(Key::PageDown),
        KeyCode::Home => Some(Key::Home),
        KeyCode::End => Some(Key::End),
        KeyCode::F(n) => Some(Key::F(n)),
        _ => None,
    };
    let alt = event.modifiers.contains(KeyModifiers::ALT) && matches!(event.code, KeyCode::Char(_));
    [alt.then_some(Key::Esc), key]
}

/// Joins the halves of an escape sequence.
#[derive(Debug, Default)]
struct Joiner {
    held: Held,
    since_ms: u64,
}

#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Esc,
    /// `ESC [` and what followed.
    Control(String),
    /// `ESC O`.
    Single,
}

impl Joiner {
    fn due_ms(&self) -> Option<u64> {
        (!matches!(self.held, Held::Nothing)).then_some(self.since_ms + ESC_HOLD_MS)
    }

    fn expire(&mut self, now_ms: u64) -> Option<Key> {
        let due = self.due_ms().is_some_and(|due_ms| due_ms <= now_ms);
        // Half of a sequence that never came whole is an Esc; its letters never act.
        due.then(|| {
            self.held = Held::Nothing;
            Key::Esc
        })
    }

    fn push(&mut self, key: Key, now_ms: u64) -> Vec<Key> {
        // Nobody may have looked at the clock since: what was held too long stands alone.
        let late = self.expire(now_ms);
        let before = std::mem::take(&mut self.held);
        let mut keys: Vec<Key> = late.into_iter().collect();
        let mut hold = |held: Held| {
            self.held = held;
            self.since_ms = now_ms;
        };
        match (before, key) {
            (before, Key::Esc) => {
                keys.extend(matches!(before, Held::Esc).then_some(Key::Esc));
                hold(Held::Esc);
            }
            (Held::Esc, Key::Char('[')) => hold(Held::Control(String::new())),
            (Held::Esc, Key::Char('O')) => hold(Held::Single),
            (Held::Esc, key) => keys.extend([Key::Esc, key]),
            (Held::Control(mut text), Key::Char(c)) if c.is_ascii_digit() || c == ';' => {
                text.push(c);
                if text.len() < SEQUENCE_LEN_MAX {
                    hold(Held::Control(text));
                }
            }
            (Held::Control(text), Key::Char(end)) => keys.extend(control(&text, end)),
            (Held::Single, Key::Char(end)) => keys.extend(single(end)),
            (_, key) => keys.push(key),
        }
        keys
    }
}

/// The key of `ESC [ text end`; none when no such key is known.
fn control(text: &str, end: char) -> Option<Key> {
    // Modifiers follow a semicolon and do not matter here.
    let number = text.split(';').next().unwrap_or("");
    match (end, number) {
        ('A', _) => Some(Key::Up),
        ('B', _) => Some(Key::Down),
        ('C', _) => Some(Key::Right),
        ('D', _) => Some(Key::Left),
        ('H', _) | ('~', "1" | "7") => Some(Key::Home),
        ('F', _) | ('~', "4" | "8") => Some(Key::End),
        ('Z', _) => Some(Key::BackTab),
        ('~', "3") => Some(Key::Delete),
        ('~', "5") => Some(Key::PageUp),
        ('~', "6") => Some(Key::PageDown),
        _ => None,
    }
}

/// The key of `ESC O end`.
fn single(end: char) -> Option<Key> {
    match end {
        'P' => Some(Key::F(1)),
        'Q' => Some(Key::F(2)),
        'R' => Some(Key::F(3)),
        'S' => Some(Key::F(4)),
        _ => control("", end).filter(|_| "ABCDHF".contains(end)),
    }
}

#[cfg(test)]
mod tests;
