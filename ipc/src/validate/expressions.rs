//! Whether the regular expressions of routes compile, and how large they become.
//!
//! Matching takes time in proportion to the path whatever the expression, so only memory is bounded.
//! Called by `validate::routes`; the daemon compiles what has passed here in the same form.

use regex::bytes::{RegexBuilder, RegexSetBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::ast::ErrorKind;

use crate::fault::Fault;
use crate::limits::{REGEX_BYTES_MAX, REGEX_SET_BYTES_MAX};
use crate::model::{Listener, Route};

/// Characters of an expression that are shown from where it fails.
const SHOWN_MAX: usize = 20;

/// An expression as it is matched against whole paths; its dot takes an encoded line end too.
pub fn anchored(pattern: &str) -> String {
    format!("^(?s:{pattern})$")
}

/// An expression of a route that does not compile, or would be too large.
pub(super) fn judge(path: &str, route: &Route) -> Option<Fault> {
    judge_pattern(&format!("{path}.path_regex"), route.path_regex.as_ref()?)
}

/// An expression that does not compile, or would be too large.
pub(super) fn judge_pattern(path: &str, pattern: &str) -> Option<Fault> {
    // Alone first: anchored, some halves of expressions would be whole.
    if let Err(error) = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern) {
        let (at, what, hint) = explained(&error);
        return Some(Fault::new(path, told(pattern, at, &what)).hint(hint));
    }
    let built = RegexBuilder::new(&anchored(pattern)).unicode(false).size_limit(REGEX_BYTES_MAX).build();
    match built {
        Ok(_) => None,
        Err(regex::Error::CompiledTooBig(_)) => Some(too_large(path)),
        // What swallows the end that anchors it.
        Err(_) => Some(Fault::new(path, told(pattern, 0, "it ends in a comment")).hint("remove (?x)")),
    }
}

/// Expressions that are too large together.
pub(super) fn judge_all(path: &str, listener: &Listener) -> Option<Fault> {
    let patterns: Vec<_> =
        listener.routes.values().filter_map(|route| route.path_regex.as_deref()).map(anchored).collect();
    let few = patterns.len() <= REGEX_SET_BYTES_MAX / REGEX_BYTES_MAX;
    let built = || RegexSetBuilder::new(&patterns).unicode(false).size_limit(REGEX_SET_BYTES_MAX).build();
    if few || built().is_ok() {
        return None;
    }
    let fault = Fault::new(format!("{path}.routes"), "the expressions of its routes are too large together");
    let allowed = format!("up to {} MiB once compiled", REGEX_SET_BYTES_MAX >> 20);
    Some(fault.allowed(allowed).hint("use path_prefix where it will do"))
}

fn too_large(path: &str) -> Fault {
    let fault = Fault::new(path, "the expression is too large once compiled");
    let allowed = format!("up to {} MiB", REGEX_BYTES_MAX >> 20);
    fault.allowed(allowed).hint("use smaller repetitions: x{1000} is x written 1,000 times")
}

fn told(pattern: &str, at: usize, what: &str) -> String {
    let rest: String = pattern.get(at..).unwrap_or_default().chars().take(SHOWN_MAX).collect();
    let rest = if rest.is_empty() { "at its end".to_owned() } else { format!("before {rest}") };
    format!("{pattern} is no regular expression: {what}, at byte {at}, {rest}")
}

/// Where a pattern fails, in what, and what to do.
fn explained(error: &regex_syntax::Error) -> (usize, String, &'static str) {
    match error {
        regex_syntax::Error::Parse(error) => (error.span().start.offset, error.kind().to_string(), hint(error.kind())),
        regex_syntax::Error::Translate(error) => {
            (error.span().start.offset, error.kind().to_string(), "paths are bytes: use [a-z], [0-9], \\xNN")
        }
        _ => (0, "it does not parse".to_owned(), "write it anew"),
    }
}

const fn hint(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::GroupUnclosed => "close the group with ), or write \\( for the character",
        ErrorKind::GroupUnopened => "open the group with (, or write \\) for the character",
        ErrorKind::ClassUnclosed => "close the class with ], or write \\[ for the character",
        ErrorKind::ClassRangeInvalid => "begin the range with its lower end",
        ErrorKind::RepetitionMissing => "put what is repeated before it, or a \\ for the character",
        ErrorKind::RepetitionCountUnclosed
        | ErrorKind::RepetitionCountInvalid
        | ErrorKind::RepetitionCountDecimalEmpty => "write {2}, {2,} or {2,5}, or \\{ for the character",
        ErrorKind::EscapeUnrecognized | ErrorKind::EscapeUnexpectedEof => "write \\\\ for a backslash",
        ErrorKind::UnsupportedBackreference | ErrorKind::UnsupportedLookAround => {
            "there is none, so that matching takes linear time: use a second route"
        }
        _ => "write \\ before a character that stands for itself",
    }
}

#[cfg(test)]
mod tests;
