//! Arguments that stand for values of the configuration: its words and its durations.
//!
//! The words come from the model, so that help, completions and errors know them; durations are
//! written as in the file.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// A parser for the words of a kind, as in `AdminState::WORDS`.
pub(super) fn one_of<T>(words: &'static [(&'static str, T)]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word)).map(|text| {
        let found = words.iter().find(|(word, _)| *word == text);
        found.expect("the parser admits these words only").1
    })
}

/// A duration as in the configuration, such as `5s` or `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    poise_ipc::text::duration(text).map_err(|fault| fault.to_string())
}
