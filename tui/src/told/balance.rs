//! The balance of a group as people read it: in the console and from `poise explain balance`.

use poise_ipc::edit::Edit;
use poise_ipc::message::{BackendBalance, BalanceAnswer, Imbalance};

use crate::verb::text::span;

/// What it is about, and whether it is even.
pub(crate) fn head(answer: &BalanceAnswer) -> String {
    let BalanceAnswer { group, scheduler, span_ms, work, pinned, .. } = answer;
    if *work == 0 {
        return format!("group {group}, {scheduler}: no work came in the last {}", span((*span_ms).max(1_000)));
    }
    let gap = size(answer.gap_ppm());
    let verdict = match (answer.is_even, answer.causes.is_empty()) {
        (true, true) => "even".to_owned(),
        (true, false) => format!("{gap} points off, which is even for so little work"),
        (false, _) => format!("{gap} points off"),
    };
    let bound = if *pinned > 0 { format!(", {pinned} of it decided by persistence") } else { String::new() };
    format!("group {group}, {scheduler}, the last {}: {work} of work{bound}; {verdict}", span(*span_ms))
}

/// What each cause adds or takes, the greatest first, those aside that nobody sees.
pub(crate) fn terms(backend: &BackendBalance) -> String {
    let mut terms: Vec<&(Imbalance, i32)> = backend.terms.iter().filter(|(_, part)| part.abs() >= 500).collect();
    terms.sort_by_key(|(_, part)| std::cmp::Reverse(part.abs()));
    terms.iter().map(|(cause, part)| format!("{cause} {}", points(i64::from(*part)))).collect::<Vec<_>>().join(", ")
}

/// An edit as `poise set` takes it.
pub(crate) fn assignment(edit: &Edit) -> String {
    match edit {
        Edit::Set { path, value } => format!("{path} {}", value.trim_matches('"')),
        Edit::Remove { path } => path.clone(),
    }
}

/// A share in percent.
pub(crate) fn percent(ppm: u32) -> String {
    let tenths = (ppm + 500) / 1_000;
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// Points of a hundred with their sign.
pub(crate) fn points(ppm: i64) -> String {
    let tenths = (ppm.abs() + 500) / 1_000;
    let sign = match ppm {
        _ if tenths == 0 => "",
        0.. => "+",
        _ => "-",
    };
    format!("{sign}{}.{}", tenths / 10, tenths % 10)
}

/// Points without a sign.
pub(crate) fn size(ppm: u32) -> String {
    points(i64::from(ppm)).trim_start_matches('+').to_owned()
}
