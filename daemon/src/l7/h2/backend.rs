//! One stream of a connection to a backend, written and read as if it were a backend of HTTP/1.1.
//!
//! What is written is a request, which goes out as frames; reading gives the response, framed as its
//! head says. It opens no connection (`sessions`), and whether a request is sent again the relay
//! decides, as for any backend.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::uri::Scheme;
use http::{Method, Response, StatusCode, header};
use poise_core::http::bounds::Bounds;
use poise_core::http::content::Content;
use poise_core::http::fields::FieldStore;
use poise_core::http::request::RequestHead;
use poise_core::http::scan::Scanner;

use super::client::write_body;
use super::incoming::Incoming;
use super::sessions::Place;
use super::{ask, reply};

/// One stream to a backend.
pub(in super::super) struct BackendStream {
    request: Sending,
    response: Receiving,
    /// The method was HEAD.
    is_head: bool,
    /// The client speaks HTTP/1.0 and reads no chunks.
    is_old: bool,
    end: End,
    scheme: Scheme,
    /// What the backend is called where the client named no host.
    name: Box<str>,
    place: Place,
}

/// What is known of a stream that ends before its response does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing.
    Plain,
    /// The backend said that it did nothing with the request.
    Untouched,
    /// The response broke the rules of HTTP/2.
    Malformed,
}

/// How far the request is.
enum Sending {
    /// The beginning of a head.
    Head(SendRequest<Bytes>, Vec<u8>, Scanner),
    Body(SendStream<Bytes>, Content),
    /// It is complete.
    Sent,
}

/// How far the response is.
enum Receiving {
    /// Nothing was asked yet.
    Nothing,
    /// Interim heads may come, and are staged.
    Head(ResponseFuture, Option<Incoming>),
    Body {
        message: Incoming,
        ends: bool,
    },
    Failed,
}

impl std::fmt::Debug for BackendStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendStream").field("end", &self.end).finish_non_exhaustive()
    }
}

impl BackendStream {
    /// A stream that has not begun, at its place in a connection.
    pub(super) fn new(sender: SendRequest<Bytes>, place: Place, (scheme, name): (Scheme, Box<str>)) -> Self {
        Self {
            request: Sending::Head(sender, Vec::new(), Scanner::default()),
            response: Receiving::Nothing,
            is_head: false,
            is_old: false,
            end: End::Plain,
            scheme,
            name,
            place,
        }
    }

    /// Whether the backend said that it did nothing with the request (RFC 9113 §8.7).
    pub(in super::super) fn is_untouched(&self) -> bool {
        self.end == End::Untouched
    }

    /// Whether the response broke the rules of HTTP/2. A fault of the whole connection is not this
    /// stream's: its request may find a better one.
    pub(in super::super) fn is_malformed(&self) -> bool {
        self.end == End::Malformed
    }

    /// Keeps later requests from the connection, which says nothing any more.
    pub(in super::super) fn distrust(&self) {
        self.place.is_over();
    }

    /// Takes in what arrives of the response while it is not read.
    pub(in super::super) fn gather(&mut self, cx: &mut Context<'_>) {
        if let Receiving::Body { message, .. } = &mut self.response {
            message.gather(cx);
        }
    }

    /// Writes what the backend's window takes; returns how much.
    pub(in super::super) fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        if let Sending::Head(_, part, _) = &mut self.request {
            if part.is_empty() {
                self.write_head(&mut rest)?;
            } else {
                part.extend_from_slice(rest);
                let whole = std::mem::take(part);
                let mut left = &whole[..];
                self.write_head(&mut left)?;
                rest = &rest[rest.len() - left.len()..];
            }
        }
        let Sending::Body(stream, content) = &mut self.request else { return Ok(bytes.len() - rest.len()) };
        write_body(cx, stream, content, &mut rest)?;
        if content.is_complete() {
            self.request = Sending::Sent;
        }
        Ok(bytes.len() - rest.len())
    }

    /// Sends the head at the beginning of `bytes`, which loses it; keeps an incomplete one.
    fn write_head(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        let Sending::Head(sender, part, scanner) = &mut self.request else { return Ok(()) };
        let Some(len) = scanner.scan(bytes, &Bounds::WIDEST).map_err(io::Error::other)? else {
            part.extend_from_slice(std::mem::take(bytes));
            return Ok(());
        };
        let text = bytes.split_off(..len).unwrap_or_default();
        let mut store = FieldStore::default();
        let head = RequestHead::parse(text, &mut store).map_err(io::Error::other)?;
        let request = ask::read(&head, text, (self.scheme.clone(), &self.name));
        let request = request.map_err(|_| io::ErrorKind::InvalidData)?;
        let content = Content::new(head.framing);
        let is_whole = content.is_complete();
        (self.is_head, self.is_old) = (request.method() == Method::HEAD, !head.is_http11);
        let (response, stream) = match sender.send_request(request, is_whole) {
            Ok(sent) => sent,
            Err(error) => {
                // Nothing was sent: the connection takes no more streams.
                self.fail(&error);
                self.end = End::Untouched;
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        };
        self.response = Receiving::Head(response, None);
        self.request = if is_whole { Sending::Sent } else { Sending::Body(stream, content) };
        Ok(())
    }

    /// Reads what there is of the response. A response that never began ends without a byte.
    pub(in super::super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        // Ends: every turn gives bytes, or takes the response a stage further.
        loop {
            match &mut self.response {
                Receiving::Nothing => return Poll::Pending,
                Receiving::Failed if self.end == End::Malformed => {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                Receiving::Failed => return Poll::Ready(Ok(0)),
                Receiving::Head(_, Some(interim)) if !interim.is_over() => return interim.poll_read(cx, into),
                Receiving::Head(response, interim) => {
                    if let Poll::Ready(Some(Ok(head))) = response.poll_informational(cx) {
                        *interim = Some(Incoming::new(interim_head(&head), None, false));
                        continue;
                    }
                    match ready!(std::pin::Pin::new(response).poll(cx)) {
                        Ok(response) => self.begin(response),
                        Err(error) => self.fail(&error),
                    }
                }
                Receiving::Body { message, ends } => {
                    return match message.poll_read(cx, into) {
                        Poll::Pending if *ends && message.is_over() => Poll::Ready(Ok(0)),
                        Poll::Ready(Err(error)) => {
                            let error = error.into_inner().and_then(|error| error.downcast::<h2::Error>().ok());
                            if error.is_some_and(|error| breaks_rules(&error)) {
                                self.end = End::Malformed;
                            }
                            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
                        }
                        outcome => outcome,
                    };
                }
            }
        }
    }

    /// The final head is there.
    fn begin(&mut self, response: Response<h2::RecvStream>) {
        let (parts, body) = response.into_parts();
        let response = Response::from_parts(parts, ());
        let mut head = Vec::with_capacity(HEAD_USUAL);
        reply::write(&response, &mut head);
        let has_body =
            !self.is_head && ![StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status());
        let has_length = response.headers().contains_key(header::CONTENT_LENGTH);
        let is_whole = body.is_end_stream();
        let chunked = has_body && !has_length && !is_whole && !self.is_old;
        if chunked {
            head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        } else if has_body && !has_length && is_whole {
            head.extend_from_slice(b"Content-Length: 0\r\n");
        }
        head.extend_from_slice(b"\r\n");
        let message = Incoming::new(head, (!is_whole).then_some(body), chunked);
        self.response = Receiving::Body { message, ends: !chunked };
    }

    /// There will be no response.
    fn fail(&mut self, error: &h2::Error) {
        let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        // A stream that a goodbye leaves out was not looked at; the others go on.
        let left_out = error.is_go_away();
        self.end = match error {
            error if error.is_remote() && (refused || left_out) => End::Untouched,
            error if breaks_rules(error) => End::Malformed,
            _ => End::Plain,
        };
        // Sent again at once, it would be refused again.
        if refused || !error.is_reset() {
            self.place.is_over();
        }
        self.response = Receiving::Failed;
    }
}

/// Whether a stream ended because of what the backend sent on it.
fn breaks_rules(error: &h2::Error) -> bool {
    error.is_reset() && error.is_library()
}

/// Room for a usual head.
const HEAD_USUAL: usize = 512;

fn interim_head(response: &Response<()>) -> Vec<u8> {
    let mut head = Vec::new();
    reply::write(response, &mut head);
    head.extend_from_slice(b"\r\n");
    head
}
