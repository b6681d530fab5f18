//! What each cause means and what an operator does about it: the text of `assets/causes.md`, which a
//! test writes and compares.
//!
//! The reference's causes of 5xx, C1 to C9, are named where they lead. It decides nothing.

use std::fmt::Write as _;

use super::Cause;

impl Cause {
    /// What happened and what to do about it, in a sentence or two.
    #[expect(clippy::too_many_lines, reason = "a table with a row for every cause")]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::BadRequest => {
                "The client sent what two readers could read differently. `poise errors` marks the byte; put the \
                 client right."
            }
            Self::RequestTimeout => {
                "The client was too slow with its head or body. Raise `head_timeout` or lower `body_rate_min` if slow \
                 clients are wanted; otherwise it is a scan or an attack."
            }
            Self::TargetTooLong => "The request target exceeds `target_bytes_max`. Raise it, or shorten the address.",
            Self::HeadTooLarge => {
                "The head exceeds `head_bytes_max` or `fields_max`, usually by cookies (C8). Raise it, shrink the \
                 cookies, or use a `tcp` listener."
            }
            Self::ExpectationFailed => "The client expects something other than `100-continue`. Put the client right.",
            Self::NotImplemented => "The client asks for `CONNECT`: poise is no forward proxy.",
            Self::NoBackend => {
                "No backend of the group is enabled and has weight. Enable one, give it weight, or add one."
            }
            Self::AllDown => {
                "Every backend is down and the group does not fail open (C6). `poise logs --only failures` says what the \
                 checks find."
            }
            Self::ConnectFailed => {
                "No backend took the connection: nothing listens, a firewall refuses poised's address (C2, C3; `poise \
                 sources` lists it), or checks are off and the backend is dead (C6)."
            }
            Self::ConnectTimeout => {
                "No backend answered the connection in time: its queue of connections is full (C5), packets are \
                 dropped on the way (C3, C4: `rp_filter`), or `connect_timeout` is too short."
            }
            Self::BackendClosed => {
                "The backend closed or reset before its response was complete: its worker was killed or crashed (C7), \
                 or something resets it (C3). Its log at that time and the request's id say more."
            }
            Self::BadResponse => "The backend's response breaks the protocol. `poise errors` marks the byte.",
            Self::ResponseHeadTooLarge => {
                "The head of the response exceeds `head_bytes_max` (C8). Raise it, or shrink what the backend sets."
            }
            Self::ResponseTimeout => {
                "The backend was silent for `response_timeout` (C7): all its workers are busy, or one request takes \
                 long. A static check page hides that; check a page that does the same work."
            }
            Self::ClientClosed => "The client went away first. Many of them mean that answers come too late.",
            Self::IdleTimeout => "Nothing moved for `idle_timeout`. Raise it for protocols with long silences.",
            Self::Shutdown => "poised was stopped, or the listener removed, and the drain time was over.",
            Self::Internal => "A fault of poised itself. Its log says where; please report it.",
            Self::ConnectionLimit => "The worker's descriptors are used up. Raise `LimitNOFILE` of the service.",
            Self::QueueFull => "Every backend and the queue were full (C5). Add backends, or raise `max_connections`.",
            Self::QueueTimeout => "Every backend was full for the whole queue time (C5). Add backends or raise limits.",
            Self::Denied => "The listener's `access` does not let the client in. `poise describe` shows hits by rule.",
            Self::SourceLimit => "One address opened too many connections. See `source_connections_max`.",
            Self::ListenerLimit => "The listener has `connections_max` connections. Raise it, or find who holds them.",
            Self::BadProxyHeader => "The PROXY header is missing, malformed or not from `accept_proxy.from`.",
            Self::Loop => {
                "A backend leads back to poised itself (C9). Correct its address: it must not be a listener's own."
            }
            Self::Unusable => {
                "The client's backend may not be used and `redispatch` forbids another. Allow it, or bring the backend \
                 back."
            }
            Self::Drained => "The time of a drain was over with work still open. Give it longer, or let it leave.",
            Self::FlowLimit => "The table of UDP flows is full. Shorten `idle_timeout` or bound flows per source.",
            Self::TransparentFailed => "poised could not speak from the client's address: it lacks `CAP_NET_ADMIN`.",
            Self::Bandwidth => "The listener's bandwidth was used up and datagrams were dropped. Raise it.",
            Self::NoRoute => {
                "No route takes the request and the listener has no group (C1). `poise route-test` says why; add the \
                 domain or a default group."
            }
            Self::BodyTooLarge => "The request's body exceeds `body_bytes_max`. Raise it if such bodies are wanted.",
            Self::Misdirected => {
                "The request's host is not one that the connection's certificates speak for, or its target begins with \
                 the scheme of other connections (`https://` in the clear, `http://` under TLS)."
            }
            Self::RateLimited => "One address sends more than `source_requests_max` requests a second.",
            Self::TlsHandshake => {
                "The client and poised found no common TLS, or the handshake took too long: `poise describe` of the \
                 listener counts the reasons."
            }
            Self::TlsToBackend => {
                "The backend's certificate is not believed, or it speaks no TLS. See `tls` of its group: `ca`, `name`."
            }
            Self::PlainHttp => {
                "Plain HTTP was sent to a port of `https`. Use `https://` in the link, or a listener of `http` that \
                 redirects."
            }
            Self::Http2Flood => "A client of HTTP/2 sent resets, pings or the like in bulk. Its connection was ended.",
        }
    }

    /// The document of all causes.
    pub fn document() -> String {
        let mut out = "# Causes\n\nWhy a connection or request ended badly: the word in replies (`X-Poise-Cause`), access \
             logs, counters and `poise errors`, the status that derives from it, and what to do. C1 to C9 are the causes \
             of 5xx in the reference's manual. A test writes this file.\n\n| cause | status | what to do |\n|---|---|---|\n"
            .to_owned();
        for cause in Self::ALL {
            let status = cause.status().map_or_else(|| "-".to_owned(), |status| status.to_string());
            // Writing to a `String` cannot fail.
            let _ = writeln!(out, "| `{cause}` | {status} | {} |", cause.advice());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_up_to_date_and_names_every_cause_of_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/causes.md");
        if std::env::var_os("POISE_BLESS").is_some() {
            std::fs::write(path, Cause::document()).expect("the tree can be written");
        }
        let written = std::fs::read_to_string(path).expect("the document is there");
        assert_eq!(written, Cause::document(), "run the tests with POISE_BLESS=1 to write it anew");
        for code in 1..=9 {
            assert!(written.contains(&format!("C{code}")), "C{code} is nowhere");
        }
    }
}
