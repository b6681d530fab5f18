//! Fields that most responses have, with the values that they had last: neither checked, copied nor
//! allocated again.
//!
//! Only names whose values are nobody's secret are remembered. A value that is not remembered takes
//! the place of another. Called by `reply`.

use std::cell::RefCell;

use http::header::{self, HeaderName, HeaderValue};

/// Names that are remembered.
const NAMES: usize = 7;
/// Values of one name that are.
const VALUES_PER_NAME: usize = 8;
/// Bytes of a value that is.
const VALUE_BYTES_MAX: usize = 64;

thread_local! {
    /// One for all connections of a worker.
    static KNOWN: RefCell<[[HeaderValue; VALUES_PER_NAME]; NAMES]> =
        const { RefCell::new([const { [const { HeaderValue::from_static("") }; VALUES_PER_NAME] }; NAMES]) };
}

/// A usual field; none if it is not one, or cannot be said.
pub(super) fn field(name: &[u8], value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (row, name) = usual(name)?;
    let (last, len) = (*value.last()?, value.len());
    if len > VALUE_BYTES_MAX {
        return None;
    }
    // Lengths differ in their last digit, dates in their seconds, types in their length.
    let seconds = value.get(len.wrapping_sub("0 GMT".len())).copied().unwrap_or_default();
    let column = (usize::from(last) + usize::from(seconds) + len) % VALUES_PER_NAME;
    KNOWN.with_borrow_mut(|known| {
        let known = &mut known[row][column];
        if known.as_bytes() != value {
            *known = HeaderValue::from_bytes(value).ok()?;
        }
        Some((name, known.clone()))
    })
}

/// The row of a usual name.
fn usual(name: &[u8]) -> Option<(usize, HeaderName)> {
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    Some(match name.len() {
        4 if is("date") => (0, header::DATE),
        4 if is("vary") => (1, header::VARY),
        6 if is("server") => (2, header::SERVER),
        12 if is("content-type") => (3, header::CONTENT_TYPE),
        13 if is("cache-control") => (4, header::CACHE_CONTROL),
        14 if is("content-length") => (5, header::CONTENT_LENGTH),
        16 if is("content-encoding") => (6, header::CONTENT_ENCODING),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
