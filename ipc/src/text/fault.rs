//! Collecting faults: each with its path and the byte where it stands, all of them told at once.
//!
//! Bytes become lines and columns in one pass at the end, in the order of the text.

use std::collections::HashSet;
use std::fmt::Display;

use crate::fault::{Fault, Place};
use crate::limits::FAULTS_MAX;

/// Characters of a found value that a message repeats.
const SHOWN_MAX: usize = 60;

/// The faults of one text or of one list of edits.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<(Option<usize>, Fault)>,
    /// Faults beyond [`FAULTS_MAX`].
    more: usize,
}

impl Faults {
    /// Adds a fault at `path` that stands at byte `at` of the text.
    pub(crate) fn add(&mut self, path: impl Display, at: Option<usize>, fault: Fault) {
        if !self.is_full() {
            self.found.push((at, Fault { path: path.to_string(), ..fault }));
        }
    }

    /// Whether a further fault is only counted; it has been if so.
    pub(crate) fn is_full(&mut self) -> bool {
        let full = self.found.len() >= FAULTS_MAX;
        self.more += usize::from(full);
        full
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The paths that have a fault.
    pub(crate) fn paths(&self) -> HashSet<String> {
        self.found.iter().map(|(_, fault)| fault.path.clone()).collect()
    }

    /// The faults with their places in `text`, in the order of the text.
    pub(crate) fn placed(mut self, text: &str) -> Vec<Fault> {
        self.found.sort_by_key(|(at, _)| at.unwrap_or(usize::MAX));
        let mut walk = Walk { text, byte: 0, place: Place { line: 1, column: 1 } };
        let place = |(at, fault): (Option<usize>, Fault)| match at {
            Some(at) => Fault { place: Some(walk.to(at)), ..fault },
            None => fault,
        };
        let mut faults: Vec<_> = self.found.drain(..).map(place).collect();
        faults.extend(Self::rest(self.more));
        faults
    }

    /// The faults in the order in which they were found.
    pub(crate) fn plain(self) -> Vec<Fault> {
        let rest = Self::rest(self.more);
        self.found.into_iter().map(|(_, fault)| fault).chain(rest).collect()
    }

    fn rest(more: usize) -> Option<Fault> {
        let place = Some(Place { line: 1, column: 1 });
        (more > 0).then(|| Fault { place, ..Fault::new("", format!("{more} more faults are not listed")) })
    }
}

/// A walk through a text that knows the line and the column of where it stands.
struct Walk<'a> {
    text: &'a str,
    byte: usize,
    place: Place,
}

impl Walk<'_> {
    /// Goes on to `byte`, which is never before the last one.
    fn to(&mut self, byte: usize) -> Place {
        let passed = self.text.get(self.byte..).unwrap_or_default();
        for (at, c) in passed.char_indices() {
            if self.byte + at >= byte {
                break;
            }
            match c {
                '\n' => self.place = Place { line: self.place.line + 1, column: 1 },
                _ => self.place.column += 1,
            }
        }
        self.byte = self.byte.max(self.text.floor_char_boundary(byte));
        self.place
    }
}

/// A found text as a message repeats it: quoted, escaped, cut when long.
pub(super) fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(SHOWN_MAX).collect();
    match chars.next() {
        None => format!("{head:?}"),
        Some(_) => format!("{head:?}... ({} characters)", text.chars().count()),
    }
}
