//! The arithmetic of the report: medians with their spread, and ratios paired by round.
//!
//! Pure; who measured what is not known here. Called by `report`.

/// The middle and the ends of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The middle value; of an even number, the mean of the two in the middle.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
}

/// The spread of `values`, or `None` when there are none. Values that are not numbers are left out.
pub(crate) fn spread(values: &[f64]) -> Option<Spread> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let half = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) };
    Some(Spread { median, min, max })
}

/// `own` over `base`, round by round. A round that either of them lacks, or in which the base is
/// nothing, gives no ratio: what differs between rounds is the machine, not the proxies.
pub(crate) fn paired_ratios(own: &[(u32, f64)], base: &[(u32, f64)]) -> Vec<f64> {
    let of_round = |round: u32| base.iter().find(|(of, _)| *of == round).map(|(_, value)| *value);
    let pair = |(round, value): &(u32, f64)| of_round(*round).filter(|b| *b > 0.0).map(|b| value / b);
    own.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests;
