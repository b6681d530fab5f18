//! The key map: which key does what, where. Data from `assets/keys.toml`, nothing else.
//!
//! Help overlay, footer and the key lines of dialogs are made from it, so that no key works
//! without being shown. It carries out nothing: `update` does.

use std::fmt::Write as _;

use serde::Deserialize;

use super::key::Key;

const TEXT: &str = include_str!("../../../assets/keys.toml");

/// Everything an operator can ask for with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each action is described in the key map, where operators read it")]
pub enum Action {
    Open,
    Settings,
    Figures,
    Back,
    LastScreen,
    Screen,
    Next,
    Previous,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    WeightUp,
    WeightDown,
    WeightUpTen,
    WeightDownTen,
    WeightType,
    Drain,
    DrainHard,
    Maintain,
    Mark,
    Range,
    MarkAll,
    Undo,
    Redo,
    Diff,
    Commit,
    Discard,
    Confirm,
    Keep,
    RollBack,
    Within,
    Trip,
    Reason,
    Lease,
    Ramp,
    Layers,
    EndLayer,
    ExtendLayer,
    HoldLayer,
    Past,
    Explain,
    Mend,
    Filter,
    Sort,
    SortReverse,
    Window,
    Follow,
    Failures,
    NextFailure,
    PreviousFailure,
    NextTransition,
    PreviousTransition,
    Check,
    Pause,
    Refresh,
    Repaint,
    Suspend,
    Help,
    Quit,
}

impl Action {
    /// Whether it changes the draft or commits it: never bound to a key that a split escape sequence can forge.
    pub const fn edits(self) -> bool {
        matches!(
            self,
            Self::WeightUp
                | Self::WeightDown
                | Self::WeightUpTen
                | Self::WeightDownTen
                | Self::WeightType
                | Self::Drain
                | Self::DrainHard
                | Self::Maintain
                | Self::Undo
                | Self::Redo
                | Self::Commit
                | Self::Discard
                | Self::Confirm
                | Self::Keep
                | Self::RollBack
                | Self::Within
                | Self::Trip
                | Self::Reason
                | Self::Lease
                | Self::Ramp
                | Self::EndLayer
                | Self::ExtendLayer
                | Self::HoldLayer
                | Self::Past
                | Self::Mend
        )
    }
}

/// Where a binding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// On every screen, unless the screen binds the key itself.
    All,
    /// On the screen Overview.
    Overview,
    /// On the screen Balance.
    Balance,
    /// On the screen Health log.
    Health,
    /// On the screen Certificates.
    Certificates,
    /// On the screen Errors.
    Errors,
    /// In the commit dialog.
    Commit,
    /// In the dialog that settles a conflict.
    Conflict,
    /// In the dialog that discards the draft.
    Discard,
    /// In the dialog that quits with a draft.
    Quit,
    /// In the dialogs that end a confirm window, a lease or a ramp.
    Ending,
    /// In the dialog that begins a lease or a ramp.
    Begin,
    /// In the list of leases and ramps.
    Layers,
    /// On the screen Changes.
    Changes,
    /// In the list of what a commit changed.
    Revision,
    /// In the explanation of a balance.
    Explain,
}

impl Place {
    /// Whether it is a screen, where the keys that hold everywhere hold too.
    const fn is_screen(self) -> bool {
        match self {
            Self::Overview | Self::Balance | Self::Health | Self::Certificates | Self::Errors | Self::Changes => true,
            Self::All
            | Self::Commit
            | Self::Conflict
            | Self::Discard
            | Self::Quit
            | Self::Ending
            | Self::Begin
            | Self::Layers
            | Self::Revision
            | Self::Explain => false,
        }
    }

    /// Its name in the help.
    pub const fn word(self) -> &'static str {
        match self {
            Self::All => "everywhere",
            Self::Overview => "Overview",
            Self::Balance => "Balance",
            Self::Health => "Health log",
            Self::Certificates => "Certificates",
            Self::Errors => "Errors",
            Self::Commit => "commit dialog",
            Self::Conflict => "conflict dialog",
            Self::Discard => "discard dialog",
            Self::Quit => "quit dialog",
            Self::Ending => "dialogs that end something",
            Self::Begin => "lease and ramp dialogs",
            Self::Layers => "leases and ramps",
            Self::Changes => "Changes",
            Self::Revision => "edits of a commit",
            Self::Explain => "explanation",
        }
    }
}

/// One line of the key map.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// What happens.
    pub action: Action,
    /// By which keys.
    #[serde(deserialize_with = "read_keys")]
    pub keys: Vec<Key>,
    /// Where.
    #[serde(rename = "where")]
    pub places: Vec<Place>,
    /// What the help says.
    pub help: String,
    /// How it appears in the bottom line, if it does.
    #[serde(default)]
    pub footer: Option<Footer>,
}

/// How a binding appears in the bottom line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// The line is filled from the lowest rank on.
    pub rank: u8,
    /// Its word; bindings of one word share it.
    pub text: String,
    /// Shown only while edits are staged.
    #[serde(default)]
    pub staged: bool,
}

fn read_keys<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Key>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    names.iter().map(|name| name.parse()).collect::<Result<_, String>>().map_err(serde::de::Error::custom)
}

/// All bindings, in the order of the help.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keymap {
    bind: Vec<Binding>,
}

impl Default for Keymap {
    fn default() -> Self {
        toml::from_str(TEXT).expect("the key map in assets is read by a test")
    }
}

impl Keymap {
    /// What `key` does at `place`: the place's own binding before one that holds everywhere.
    pub fn action(&self, key: Key, place: Place) -> Option<Action> {
        let at =
            |place| self.bind.iter().find(|b| b.places.contains(&place) && b.keys.contains(&key)).map(|b| b.action);
        at(place).or_else(|| place.is_screen().then(|| at(Place::All))?)
    }

    /// Every binding, in the order of the help.
    pub fn bindings(&self) -> &[Binding] {
        &self.bind
    }

    /// Bindings whose help or keys hold every word of `text`.
    pub fn search(&self, text: &str) -> Vec<&Binding> {
        let text = text.to_lowercase();
        let fits = |binding: &&Binding| {
            let all = format!("{} {}", key_names(&binding.keys), binding.help).to_lowercase();
            text.split_whitespace().all(|word| all.contains(word))
        };
        self.bind.iter().filter(fits).collect()
    }

    /// The keys of a dialog as one line: `Esc cancel   y commit`.
    pub fn dialog_line(&self, place: Place) -> String {
        let mut line = "Esc cancel".to_owned();
        for binding in self.bind.iter().filter(|b| b.places.contains(&place)) {
            let _ = write!(line, "   {} {}", key_names(&binding.keys), binding.help);
        }
        line
    }

    /// The bottom line for a screen: as many entries as fit into `width`, by rank; what quits comes last.
    pub fn footer(&self, place: Place, staged: bool, width: usize) -> String {
        let mut entries: Vec<(u8, &str, Vec<Key>)> = Vec::new();
        for binding in self.bind.iter().filter(|b| b.places.contains(&place) || b.places.contains(&Place::All)) {
            let Some(footer) = binding.footer.as_ref().filter(|f| staged || !f.staged) else { continue };
            match entries.iter_mut().find(|(_, text, _)| *text == footer.text) {
                Some((_, _, keys)) => keys.extend(binding.keys.first()),
                None => entries.push((footer.rank, &footer.text, binding.keys.first().copied().into_iter().collect())),
            }
        }
        entries.sort_by_key(|(rank, ..)| *rank);
        fill(&entries, width)
    }
}

fn fill(entries: &[(u8, &str, Vec<Key>)], width: usize) -> String {
    let mut parts: Vec<String> = entries.iter().map(|(_, text, keys)| format!("{} {text}", key_names(keys))).collect();
    if parts.is_empty() {
        return String::new();
    }
    parts.rotate_left(1);
    let quit = parts.pop().unwrap_or_default();
    let mut line = String::new();
    for part in parts {
        if line.len() + part.len() + quit.len() + 4 <= width {
            line.push_str(&part);
            line.push_str("  ");
        }
    }
    line.push_str(&quit);
    line
}

/// Keys as the help shows them: `+ -`.
pub fn key_names(keys: &[Key]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
