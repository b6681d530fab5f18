//! What a client says over TCP, and which answer it wants: an echo of bytes that differ each time,
//! or an HTTP response with the backend's body.
//!
//! Pure: bytes in, verdict out. Used by `exchange`.

use crate::backend::EXCHANGE_BYTES;

/// The longest head that is waited for, in bytes: proxies may add headers.
const HEAD_BYTES_MAX: usize = 4_096;
/// The cookie of persistence.
const COOKIE: &str = "SRV=";
/// What stands in for it where no proxy sets one, as long as poised's.
const COOKIE_STANDIN: &str = "SRV=0123456789abcdef0123456789abcdef0123456789abcdef";

/// How client and backend talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialogue {
    /// The request comes back.
    Echo,
    /// A GET, and a 200 with the known body.
    Http {
        /// Length of that body.
        body_bytes: usize,
        /// Whether the request says that it is the last.
        last: bool,
    },
}

/// What an answer is so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not whole yet.
    More,
    /// Whole and right.
    Right,
    /// Not the answer that was due.
    Wrong,
}

impl Dialogue {
    /// The request number `sequence` of a client, in place of what `out` held.
    pub(super) fn request(self, client: usize, sequence: u64, cookie: Option<&str>, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Self::Echo => {
                out.extend_from_slice(&(client as u64).to_le_bytes());
                out.extend_from_slice(&sequence.to_le_bytes());
                out.resize(EXCHANGE_BYTES, b'.');
            }
            Self::Http { last, .. } => {
                out.extend_from_slice(b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n");
                if let Some(cookie) = cookie {
                    out.extend_from_slice(format!("Cookie: a=b; {cookie}; c=d\r\n").as_bytes());
                }
                out.extend_from_slice(if last { b"Connection: close\r\n\r\n" } else { b"\r\n" });
            }
        }
    }

    /// Whether the peer is to close after the answer.
    pub(super) fn is_last(self) -> bool {
        matches!(self, Self::Http { last: true, .. })
    }

    /// What `answer` is to `request`.
    pub(super) fn judge(self, request: &[u8], answer: &[u8]) -> Verdict {
        match self {
            Self::Echo if answer.len() < request.len() => Verdict::More,
            Self::Echo if answer == request => Verdict::Right,
            Self::Echo => Verdict::Wrong,
            Self::Http { body_bytes, .. } => judge_response(answer, body_bytes),
        }
    }
}

fn judge_response(answer: &[u8], body_bytes: usize) -> Verdict {
    let Some((head, body)) = split(answer) else {
        return if answer.len() < HEAD_BYTES_MAX { Verdict::More } else { Verdict::Wrong };
    };
    if !head.starts_with(b"HTTP/1.1 200 ") || length(head) != Some(body_bytes) {
        return Verdict::Wrong;
    }
    match body.len() {
        len if len < body_bytes => Verdict::More,
        len if len == body_bytes && body.iter().all(|byte| *byte == b'x') => Verdict::Right,
        _ => Verdict::Wrong,
    }
}

/// The cookie to bring from now on: the one that a response sets, or its stand-in.
pub(super) fn cookie(answer: &[u8]) -> String {
    let set = split(answer).and_then(|(head, _)| values(head, "set-cookie").find(|set| set.starts_with(COOKIE)));
    set.and_then(|set| set.split(';').next()).unwrap_or(COOKIE_STANDIN).to_owned()
}

fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    Some((&answer[..end], &answer[end + 4..]))
}

fn length(head: &[u8]) -> Option<usize> {
    values(head, "content-length").next()?.parse().ok()
}

fn values<'a>(head: &'a [u8], wanted: &'a str) -> impl Iterator<Item = &'a str> {
    head.split(|byte| *byte == b'\n').filter_map(move |line| {
        let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        name.eq_ignore_ascii_case(wanted).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests;
