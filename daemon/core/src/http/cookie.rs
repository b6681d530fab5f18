//! Finds the values of one cookie in a `Cookie` field.
//!
//! It neither decodes values nor keeps anything; what a value means is persistence's. Called for
//! each `Cookie` field of a request whose listener persists by cookie.

/// The values of all cookies of this name in one field, in order, without white space or quotes
/// round them. Names compare byte by byte (RFC 6265 §5.4).
pub fn values<'b>(field: &'b [u8], name: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    field.split(|&byte| byte == b';').filter_map(move |pair| {
        let pair = pair.trim_ascii();
        let value = pair.strip_prefix(name)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
        Some(unquoted(value))
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests;
