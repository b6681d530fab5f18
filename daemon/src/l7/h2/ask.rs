//! What a stream asks, as the head of HTTP/1.1 that asks the same, and back again.
//!
//! It writes what it is given and decides only what HTTP/1 cannot express; whether the result is a
//! request that is served, the scan and the parser of `poise_core::http` say, as for every client.
//! Called by `edge` for requests of clients, and by `backend` for what goes to backends.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Scheme;
use http::{Method, Request};
use poise_core::http::fields::Class;
use poise_core::http::request::RequestHead;

use super::reply;

/// A request that is malformed as HTTP/2 already (RFC 9113 §8.1.1): its stream is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Appends the head that asks what `asked` asks. `is_whole` says that no body follows. Returns whether
/// the length of the body is known.
///
/// # Errors
/// [`Malformed`].
pub(super) fn write(asked: &Parts, is_whole: bool, out: &mut Vec<u8>) -> Result<bool, Malformed> {
    write_request_line(asked, out)?;
    let has_length = write_fields(&asked.headers, out)?;
    if !is_whole && !has_length {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    } else if is_whole && !has_length && [Method::POST, Method::PUT, Method::PATCH].contains(&asked.method) {
        // Servers may refuse such a method when nothing is said about its body (RFC 9110 §8.6).
        out.extend_from_slice(b"Content-Length: 0\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(has_length)
}

/// The authority stands in the target only where there is a host field too, which the parser then
/// holds against it, or a scheme that it refuses there.
fn write_request_line(asked: &Parts, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let authority = asked.uri.authority().map(http::uri::Authority::as_str);
    let has_host = asked.headers.contains_key(header::HOST);
    out.extend_from_slice(asked.method.as_str().as_bytes());
    out.push(b' ');
    if asked.method == Method::CONNECT {
        out.extend_from_slice(authority.ok_or(Malformed)?.as_bytes());
    } else {
        let path = asked.uri.path_and_query().ok_or(Malformed)?.as_str();
        let fits = path.starts_with('/') || (path == "*" && asked.method == Method::OPTIONS);
        if !fits {
            return Err(Malformed);
        }
        let foreign = asked.uri.scheme().filter(|scheme| ![Scheme::HTTP, Scheme::HTTPS].contains(scheme));
        if let Some(authority) = authority.filter(|_| has_host || foreign.is_some()) {
            out.extend_from_slice(foreign.map_or("http", Scheme::as_str).as_bytes());
            out.extend_from_slice(b"://");
            out.extend_from_slice(authority.as_bytes());
            out.extend_from_slice(if path == "*" { b"" } else { path.as_bytes() });
        } else {
            out.extend_from_slice(path.as_bytes());
        }
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    match authority {
        Some(authority) if !has_host => write_field(&header::HOST, authority.as_bytes(), out),
        _ => {}
    }
    Ok(())
}

/// Returns whether one of them is the length of the body.
fn write_fields(fields: &HeaderMap, out: &mut Vec<u8>) -> Result<bool, Malformed> {
    let (mut has_length, mut has_cookies) = (false, false);
    for (name, value) in fields {
        let value = value.as_bytes();
        // Neither may stand at the ends of a value (RFC 9113 §8.2.1).
        let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        if is_blank(value.first()) || is_blank(value.last()) || is_of_connection(name) {
            return Err(Malformed);
        }
        if *name == header::COOKIE {
            has_cookies = true;
            continue;
        }
        has_length |= *name == header::CONTENT_LENGTH;
        write_field(name, value, out);
    }
    if has_cookies {
        write_cookies(fields, out);
    }
    Ok(has_length)
}

/// A browser may send each cookie in a field of its own (RFC 9113 §8.2.3); HTTP/1 knows one.
fn write_cookies(fields: &HeaderMap, out: &mut Vec<u8>) {
    let mut cookies = fields.get_all(header::COOKIE).iter();
    if let Some(first) = cookies.next() {
        out.extend_from_slice(b"Cookie: ");
        out.extend_from_slice(first.as_bytes());
        for cookie in cookies {
            out.extend_from_slice(b"; ");
            out.extend_from_slice(cookie.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Fields that HTTP/2 does not have (RFC 9113 §8.2.2).
fn is_of_connection(name: &HeaderName) -> bool {
    [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE].contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// The request that `head`, parsed from `bytes`, asks of a backend that has this scheme and is to
/// be called `name` where the client named no host.
///
/// # Errors
/// [`Unsayable`](reply::Unsayable), for a target that HTTP/2 has no form for.
pub(super) fn read(
    head: &RequestHead<'_, '_>,
    bytes: &[u8],
    (scheme, name): (Scheme, &str),
) -> Result<Request<()>, reply::Unsayable> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme);
    let authority = head.authority().unwrap_or(name.as_bytes());
    parts.authority = Some(authority.try_into().map_err(|_| reply::Unsayable)?);
    parts.path_and_query = Some(head.path().try_into().map_err(|_| reply::Unsayable)?);
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method).map_err(|_| reply::Unsayable)?;
    *request.uri_mut() = http::Uri::from_parts(parts).map_err(|_| reply::Unsayable)?;
    *request.version_mut() = http::Version::HTTP_2;
    let fields = head.fields().filter(|(class, ..)| reply::passes(*class) && *class != Class::Host);
    *request.headers_mut() = reply::read_fields(fields.map(|(_, name, value)| (name, value)), bytes)?;
    if head.takes_trailers() {
        request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
    }
    Ok(request)
}

/// Appends one field.
pub(super) fn write_field(name: &HeaderName, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
