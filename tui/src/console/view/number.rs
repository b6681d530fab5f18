//! Numbers as screens show them: three significant digits, so that jitter changes no cell.

/// A rate or count: `0`, `4.2`, `372`, `1.24k`, `5.10M`.
pub(super) fn short(value: f64) -> String {
    let steps = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    match steps.iter().find(|(step, _)| value >= *step * 0.9995) {
        Some((step, unit)) => format!("{}{unit}", three(value / step)),
        None if value < 0.05 => "0".to_owned(),
        None if value < 9.95 => format!("{value:.1}"),
        None => format!("{value:.0}"),
    }
}

/// A count, exact below a thousand.
pub(super) fn count(value: u64) -> String {
    if value < 1_000 { value.to_string() } else { short(value as f64) }
}

fn three(value: f64) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// A share in percent or points: `12.5`, `100`.
pub(super) fn percent(value: f64) -> String {
    if value.abs() >= 99.95 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// A deviation in points, with its sign.
pub(super) fn points(value: f64) -> String {
    // A deviation that rounds to nothing has no sign.
    if value.abs() < 0.05 { "0.0".to_owned() } else { format!("{value:+.1}") }
}

/// A latency: `0.4`, `41`, `310` milliseconds, from a second on `1.2s`.
pub(super) fn latency(us: u64) -> String {
    let ms = us as f64 / 1_000.0;
    match ms {
        _ if us == 0 => "-".to_owned(),
        ms if ms < 9.95 => format!("{ms:.1}"),
        ms if ms < 999.5 => format!("{ms:.0}"),
        ms => format!("{:.1}s", ms / 1_000.0),
    }
}

/// A span in words: `350 ms`, `82 s`, `14 min`, `3 h`.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        1_000..=119_999 => format!("{} s", ms / 1_000),
        120_000..=7_199_999 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

/// A text in lines of so many columns, broken between words where that is possible; the later ones begin
/// `indent` columns in.
pub(super) fn wrapped(text: String, width: usize, indent: usize) -> impl Iterator<Item = String> {
    let (mut lines, mut rest) = (Vec::new(), text);
    let width = width.max(2 * indent).max(8);
    // Ends: every turn takes more than the indent off the rest.
    while rest.chars().count() > width {
        let room = rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at);
        let at = rest[..room].rfind(' ').filter(|&at| at > 2 * indent).unwrap_or(room);
        let tail = rest.split_off(at);
        lines.push(std::mem::replace(&mut rest, format!("{:indent$}{}", "", tail.trim_start())));
    }
    lines.push(rest);
    lines.into_iter()
}

#[cfg(test)]
mod tests;
