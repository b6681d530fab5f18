//! What the terminal can show: how many colours, and whether more than ASCII.
//!
//! Decided once at the start from options and environment; a pure function, so that every
//! combination is tested. It asks the terminal nothing.

/// How many colours may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// None; attributes (bold, dim, reverse, underline) stay.
    Never,
    /// The terminal's own sixteen.
    Ansi16,
    /// The palette of 256.
    Ansi256,
    /// Red, green and blue.
    True,
}

/// What `--color` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum ColorChoice {
    /// What the environment says.
    #[default]
    Auto,
    /// No colour.
    Never,
    /// Sixteen colours of the terminal's palette.
    #[value(name = "16")]
    Ansi16,
    /// 256 colours.
    #[value(name = "256")]
    Ansi256,
    /// 24-bit colours.
    True,
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caps {
    /// Colours.
    pub level: Level,
    /// Whether only ASCII may be sent.
    pub ascii: bool,
}

/// Terminals without colour and without more than ASCII.
const PLAIN_TERMS: [&str; 6] = ["dumb", "vt52", "vt100", "vt102", "vt220", "unknown"];

impl Caps {
    /// Decides from options and environment: `--color` before `NO_COLOR` before `TERM`.
    ///
    /// Without a wish sixteen colours are used, which follow the terminal's palette on light and
    /// dark alike.
    pub fn detect(color: ColorChoice, ascii: bool, env: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let plain = term.is_empty() || PLAIN_TERMS.contains(&term.as_str());
        let color =
            if color == ColorChoice::Auto && (plain || set("NO_COLOR").is_some()) { ColorChoice::Never } else { color };
        let level = match color {
            ColorChoice::Ansi256 => Level::Ansi256,
            ColorChoice::True => Level::True,
            ColorChoice::Never => Level::Never,
            ColorChoice::Auto | ColorChoice::Ansi16 => Level::Ansi16,
        };
        // The first of these that is set decides the character set (POSIX 8.2).
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let utf8 = locale.to_lowercase().replace('-', "").contains("utf8");
        Self { level, ascii: ascii || plain || term == "linux" || !utf8 }
    }
}

#[cfg(test)]
mod tests;
