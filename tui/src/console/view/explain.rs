//! Why the shares of a group are as they are: the gap of every backend, then the causes with their evidence.

use poise_ipc::message::BalanceAnswer;

use super::theme::Role;
use crate::console::state::overlay::Answer;
use crate::told::balance as told;

/// A line with its look.
type Line = (String, Role);

/// The lines, and which of them is to be seen for the selected cause.
pub(super) fn lines(answer: &Answer<BalanceAnswer>, selected: usize) -> (Vec<Line>, usize) {
    let answer = match answer {
        Answer::None => return (Vec::new(), 0),
        Answer::Asked => return (vec![("asking the daemon...".to_owned(), Role::Muted)], 0),
        Answer::Refused(why) => return (vec![(why.clone(), Role::Warn)], 0),
        Answer::Told(answer) => answer,
    };
    let mut lines = vec![(told::head(answer), if answer.is_even { Role::Ok } else { Role::Warn })];
    if answer.work == 0 {
        return (lines, 0);
    }
    for backend in &answer.backends {
        let gap = i64::from(backend.observed_ppm) - i64::from(backend.expected_ppm);
        let (expected, observed) = (told::percent(backend.expected_ppm), told::percent(backend.observed_ppm));
        let name = if backend.is_there { backend.backend.to_string() } else { format!("{} (gone)", backend.backend) };
        let terms = told::terms(backend);
        let text = format!("  {name:<16} want {expected:>6} got {observed:>6} {:>6}  {terms}", told::points(gap));
        lines.push((text, Role::Plain));
    }
    let mut seen = 0;
    for (at, cause) in answer.causes.iter().enumerate() {
        let mark = if at == selected { ">" } else { " " };
        let role = if at == selected { Role::Accent } else { Role::Plain };
        let mendable = if cause.mend.is_empty() { "" } else { ", m mends it" };
        lines.push((
            format!("{mark} {}. {}: {} points{mendable}", at + 1, cause.cause, told::size(cause.size_ppm)),
            role,
        ));
        lines.extend(cause.evidence.iter().map(|line| (format!("     {line}"), Role::Muted)));
        lines.push((format!("     to do: {}", cause.remedy), Role::Plain));
        let mend = cause.mend.iter().map(|edit| (format!("     mends: {edit}"), Role::Staged));
        lines.extend(mend);
        if at == selected {
            seen = lines.len() - 1;
        }
    }
    (lines, seen)
}
