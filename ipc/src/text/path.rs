//! Where a reader stands in a configuration, as a chain of keys on the stack.
//!
//! Becomes text only when there is a fault to report, so that reading a thousand good backends
//! builds no path at all.

use std::fmt;

/// Characters of a foreign key that a path repeats.
const KEY_SHOWN_MAX: usize = 80;

/// A path such as `groups.app.backends.app-1.weight`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    key: &'a str,
}

impl<'a> Path<'a> {
    /// The path that `text` spells; the empty text is the configuration itself.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { parent: None, key: text }
    }

    /// The path of what `key` names below this one.
    pub(crate) fn child(&'a self, key: &'a str) -> Self {
        Self { parent: Some(self), key }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else { return f.write_str(self.key) };
        parent.fmt(f)?;
        if parent.parent.is_some() || !parent.key.is_empty() {
            f.write_str(".")?;
        }
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !self.key.is_empty() && self.key.len() <= KEY_SHOWN_MAX && self.key.chars().all(bare) {
            return f.write_str(self.key);
        }
        write!(f, "{:?}", self.key.chars().take(KEY_SHOWN_MAX).collect::<String>())
    }
}
