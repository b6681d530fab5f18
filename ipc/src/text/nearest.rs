//! The known word that a mistyped one most likely meant.
//!
//! A word is offered when few characters differ for its length, or when one of the two begins with
//! the other. Nothing is ever replaced by a guess: this only feeds hints.

/// Characters beyond which no guess is made.
const LEN_MAX: usize = 64;

/// The one of `known` that `word` most likely meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed: Vec<char> = word.to_lowercase().chars().take(LEN_MAX + 1).collect();
    if typed.is_empty() || typed.len() > LEN_MAX {
        return None;
    }
    let rated = known.into_iter().filter_map(|candidate| {
        let meant: Vec<char> = candidate.to_lowercase().chars().collect();
        let edits = distance(&typed, &meant);
        let alike = edits <= typed.len().max(meant.len()).div_ceil(3);
        let begins = typed.len().min(meant.len()) >= 2 && (meant.starts_with(&typed) || typed.starts_with(&meant));
        (alike || begins).then_some((edits, candidate))
    });
    rated.min().map(|(_, candidate)| candidate)
}

/// Insertions, removals, replacements and swaps of neighbours that lead from `a` to `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
