//! The filter of a list: words that must all hold.
//!
//! `text` is a substring (smart case: a capital makes it exact), `!word` is its opposite,
//! `state:down` looks at the state's word, `weight>50` compares a number. It never fails: what is
//! no such form is plain text.

/// A filter as typed and as understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    inverse: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Text(String),
    State(String),
    Number { key: String, above: bool, bound: f64 },
}

/// What a filter looks at: one row of a list.
pub trait Subject {
    /// Whether the row's text holds `needle`; with `exact`, capitals count.
    fn has_text(&self, needle: &str, exact: bool) -> bool;
    /// Word of its state, lower case.
    fn state(&self) -> &str;
    /// The number of a column: `weight`, `want`, `got`, `dev`, `rps`, `p99`.
    fn number(&self, key: &str) -> Option<f64>;
}

impl Filter {
    /// Reads a filter; empty text lets everything pass.
    pub fn new(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(term).collect();
        Self { text: text.to_owned(), terms }
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Texts that every row which passes has.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter(|term| !term.inverse).filter_map(|term| match &term.test {
            Test::Text(text) => Some(text.as_str()),
            Test::State(_) | Test::Number { .. } => None,
        })
    }

    /// Beginnings of the state that every row which passes has.
    pub fn states(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter(|term| !term.inverse).filter_map(|term| match &term.test {
            Test::State(word) => Some(word.as_str()),
            Test::Text(_) | Test::Number { .. } => None,
        })
    }

    /// Whether a row passes.
    pub fn matches(&self, subject: &impl Subject) -> bool {
        self.terms.iter().all(|term| term.test.holds(subject) != term.inverse)
    }
}

fn term(word: &str) -> Option<Term> {
    let (inverse, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
    if word.is_empty() {
        return None;
    }
    if let Some(state) = word.strip_prefix("state:") {
        return Some(Term { inverse, test: Test::State(state.to_lowercase()) });
    }
    let test = comparison(word).unwrap_or_else(|| Test::Text(word.to_owned()));
    Some(Term { inverse, test })
}

fn comparison(word: &str) -> Option<Test> {
    let at = word.find(['<', '>'])?;
    let (key, rest) = word.split_at(at);
    let bound = rest[1..].parse().ok()?;
    Some(Test::Number { key: key.to_lowercase(), above: rest.starts_with('>'), bound })
}

impl Test {
    fn holds(&self, subject: &impl Subject) -> bool {
        match self {
            Self::Text(needle) => subject.has_text(needle, needle.chars().any(char::is_uppercase)),
            Self::State(word) => subject.state().starts_with(word.as_str()),
            Self::Number { key, above, bound } => {
                subject.number(key).is_some_and(|n| if *above { n > *bound } else { n < *bound })
            }
        }
    }
}

/// Whether `text` holds `needle`; unless `exact`, capitals do not count.
pub fn holds_text(text: &str, needle: &str, exact: bool) -> bool {
    if exact { text.contains(needle) } else { text.to_lowercase().contains(&needle.to_lowercase()) }
}

#[cfg(test)]
mod tests;
