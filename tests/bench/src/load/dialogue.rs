//! What a client says over TCP, and which answer it wants: an echo of bytes that differ each time,
//! or an HTTP response with the backend's body.
//!
//! Pure: bytes in, verdict out. Used by `exchange`.

use crate::backend::{BODY, EXCHANGE_BYTES};

/// The longest answer that is waited for, in bytes: proxies may add headers.
pub(super) const ANSWER_BYTES_MAX: usize = 4_096;

/// How client and backend talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialogue {
    /// The request comes back.
    Echo,
    /// A GET, and a 200 with the known body.
    Http,
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
    pub(super) fn request(self, client: usize, sequence: u64, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Self::Echo => {
                out.extend_from_slice(&(client as u64).to_le_bytes());
                out.extend_from_slice(&sequence.to_le_bytes());
                out.resize(EXCHANGE_BYTES, b'.');
            }
            Self::Http => out.extend_from_slice(b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"),
        }
    }

    /// What `answer` is to `request`.
    pub(super) fn judge(self, request: &[u8], answer: &[u8]) -> Verdict {
        match self {
            Self::Echo if answer.len() < request.len() => Verdict::More,
            Self::Echo if answer == request => Verdict::Right,
            Self::Echo => Verdict::Wrong,
            Self::Http => judge_response(answer),
        }
    }
}

fn judge_response(answer: &[u8]) -> Verdict {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return if answer.len() < ANSWER_BYTES_MAX { Verdict::More } else { Verdict::Wrong };
    };
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    if !head.starts_with(b"HTTP/1.1 200 ") || content_length(head) != Some(BODY.len()) {
        return Verdict::Wrong;
    }
    match body.len() {
        len if len < BODY.len() => Verdict::More,
        _ if body == BODY => Verdict::Right,
        _ => Verdict::Wrong,
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let lines = head.split(|byte| *byte == b'\n');
    let mut values = lines.filter_map(|line| {
        let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    values.next()?.parse().ok()
}

#[cfg(test)]
mod tests;
