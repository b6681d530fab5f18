//! Shares: picks in proportion to weight at any point, for choices beside the exact sequence.
//!
//! A number from the whole range of `u64` is scaled to the sum of the weights and finds its backend
//! by binary search. Numbers spread evenly give shares by weight; how they are spread is the
//! caller's.

/// The backends that take new work, with the running sum of their weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shares(Box<[Share]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    /// Sum of the weights up to and including this one.
    end: u64,
    /// Position in the list of weights.
    at: u16,
}

impl Shares {
    /// The shares of `weights`; those that are 0 have none.
    pub(crate) fn new(weights: impl Iterator<Item = u32>) -> Self {
        let mut end = 0;
        let shares = (0..=u16::MAX).zip(weights).filter(|&(_, weight)| weight > 0).map(|(at, weight)| {
            end += u64::from(weight);
            Share { end, at }
        });
        Self(shares.collect())
    }

    /// How many have a share.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Positions of those who have a share.
    pub(crate) fn positions(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|share| usize::from(share.at))
    }

    /// The position whose share holds `point`.
    pub(crate) fn at(&self, point: u64) -> Option<usize> {
        let total = u128::from(self.0.last()?.end);
        let scaled = (u128::from(point) * total) >> u64::BITS;
        let found = self.0.partition_point(|share| u128::from(share.end) <= scaled);
        self.0.get(found).map(|share| usize::from(share.at))
    }
}

#[cfg(test)]
mod tests;
