//! The head of a response of HTTP/1.1 as a stream sends it, and back again.
//!
//! Fields of the connection stay behind: a stream has none. Called by `client` for what goes to
//! clients, and by `backend` for what comes from backends.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use poise_core::http::fields::Class;
use poise_core::http::onward::Returned;
use poise_core::http::response::ResponseHead;

use super::ask::write_field;
use super::usual;

/// A head that cannot be said in HTTP/2. Our own writer makes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsayable;

/// The response that `head`, parsed from `bytes`, says.
///
/// # Errors
/// [`Unsayable`].
pub(super) fn read(head: &ResponseHead<'_, '_>, bytes: &[u8]) -> Result<Response<()>, Unsayable> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).map_err(|_| Unsayable)?;
    let fields = head.fields().filter(|(class, ..)| passes(*class)).map(|(_, name, value)| (name, value));
    *response.headers_mut() = read_fields(fields, bytes)?;
    Ok(response)
}

/// The response that a client is told with `head`, parsed from `bytes`, and how many bytes it counts
/// for.
///
/// # Errors
/// [`Unsayable`].
pub(super) fn tell(
    head: &ResponseHead<'_, '_>,
    bytes: &[u8],
    returned: Returned<'_>,
) -> Result<(Response<()>, usize), Unsayable> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).map_err(|_| Unsayable)?;
    *response.headers_mut() = read_fields(head.kept(returned), bytes)?;
    let mut added = Vec::new();
    head.write_additions(returned, &mut added);
    if !added.is_empty() {
        append(response.headers_mut(), lines(&added), &added)?;
    }
    Ok((response, bytes.len() + added.len()))
}

/// Names and values of the lines of a writer of ours.
fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

/// Fields that stand in `bytes`, which are copied at most once for all of them.
///
/// # Errors
/// [`Unsayable`].
pub(super) fn read_fields<'b>(
    fields: impl Iterator<Item = (&'b [u8], &'b [u8])>,
    bytes: &[u8],
) -> Result<HeaderMap, Unsayable> {
    let mut map = HeaderMap::with_capacity(FIELDS_USUAL);
    append(&mut map, fields, bytes)?;
    Ok(map)
}

fn append<'b>(
    map: &mut HeaderMap,
    fields: impl Iterator<Item = (&'b [u8], &'b [u8])>,
    bytes: &[u8],
) -> Result<(), Unsayable> {
    // Copied for the first that needs it.
    let mut shared = None;
    for (name, value) in fields {
        if let Some((name, value)) = usual::field(name, value) {
            map.append(name, value);
            continue;
        }
        let shared = shared.get_or_insert_with(|| Bytes::copy_from_slice(bytes));
        let name = HeaderName::from_bytes(name).map_err(|_| Unsayable)?;
        let at = value.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
        let value = if value.is_empty() { Bytes::new() } else { shared.slice(at..at + value.len()) };
        map.append(name, HeaderValue::from_maybe_shared(value).map_err(|_| Unsayable)?);
    }
    Ok(())
}

/// Appends the head that says what `response` says, up to what frames its body.
pub(super) fn write(response: &Response<()>, out: &mut Vec<u8>) {
    let status = response.status();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in response.headers() {
        write_field(name, value.as_bytes(), out);
    }
}

/// Room for the fields of a usual response.
const FIELDS_USUAL: usize = 6;

/// Whether fields of this class pass as they are.
pub(super) fn passes(class: Class) -> bool {
    !matches!(class, Class::Connection | Class::Hop | Class::Te | Class::Upgrade | Class::TransferEncoding)
}
