//! One stream of a client's connection, read and written as if it were a client of HTTP/1.1 that
//! sends one request.
//!
//! Reading gives the request's head, then its body in the framing that the head announces; what is
//! written is the response, which goes out as frames. The head of a backend's response is told as it
//! was parsed, that of a reply of our own is text. What the client's window does not take is not
//! taken here either. It opens no stream (`edge`) and decides nothing.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use poise_core::http::bounds::Bounds;
use poise_core::http::content::Content;
use poise_core::http::fields::FieldStore;
use poise_core::http::framing::Framing;
use poise_core::http::onward::Returned;
use poise_core::http::response::{Asked, ResponseHead};
use poise_core::http::scan::Scanner;

use super::incoming::Incoming;
use super::reply;

/// Most that is asked of the client's window at once.
const RESERVE_MAX: usize = 64 << 10;

/// One stream of a client.
#[derive(Debug)]
pub(in super::super) struct ClientStream {
    request: Incoming,
    response: Response,
    asked: Asked,
    /// The version of TLS that its connection runs under.
    tls: Option<&'static str>,
}

/// How far the response is.
enum Response {
    /// The beginning of a head.
    Head(SendResponse<Bytes>, Vec<u8>, Scanner),
    /// A head that goes with what is written next.
    Told(SendResponse<Bytes>, http::Response<()>, Framing),
    Body(SendStream<Bytes>, Content),
    /// It is complete.
    Sent,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Head(..) => "Head",
            Self::Told(..) => "Told",
            Self::Body(..) => "Body",
            Self::Sent => "Sent",
        })
    }
}

impl ClientStream {
    /// A stream whose request has this head; `body` is absent when nothing follows it.
    pub(super) fn new(
        request: Incoming,
        respond: SendResponse<Bytes>,
        head_only: bool,
        tls: Option<&'static str>,
    ) -> Self {
        let response = Response::Head(respond, Vec::new(), Scanner::default());
        Self { request, response, asked: Asked { head: head_only, ..Asked::default() }, tls }
    }

    /// Whether its connection runs under TLS.
    pub(in super::super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The version of TLS that its connection runs under.
    pub(in super::super) fn tls_version(&self) -> Option<&'static str> {
        self.tls
    }

    /// Reads what there is of the request. After its end there is nothing, until the response is
    /// complete: then the stream has ended.
    pub(in super::super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        if matches!(self.response, Response::Sent) {
            return Poll::Ready(Ok(0));
        }
        match self.request.poll_read(cx, into) {
            Poll::Pending if self.request.is_over() => self.poll_gone(cx).map(|()| Ok(0)),
            outcome => outcome,
        }
    }

    /// Takes in what arrives of the request while it is not read.
    pub(in super::super) fn gather(&mut self, cx: &mut Context<'_>) {
        self.request.gather(cx);
    }

    /// Ready when the client has reset the stream, or its connection is gone.
    pub(in super::super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.response {
            Response::Head(respond, ..) | Response::Told(respond, ..) => respond.poll_reset(cx).map(|_| ()),
            Response::Body(stream, _) => stream.poll_reset(cx).map(|_| ()),
            Response::Sent => Poll::Ready(()),
        }
    }

    /// Tells the head that was parsed from `bytes`: an interim one now, a final one with what is
    /// written next, so that it can be taken back. Returns how many bytes it counts for.
    pub(in super::super) fn tell(
        &mut self,
        head: &ResponseHead<'_, '_>,
        bytes: &[u8],
        returned: Returned<'_>,
    ) -> io::Result<usize> {
        let (response, count) = reply::tell(head, bytes, returned).map_err(|_| io::ErrorKind::InvalidData)?;
        self.response = match std::mem::replace(&mut self.response, Response::Sent) {
            Response::Head(mut respond, part, scanner) if head.is_interim() => {
                // A client that has left is noticed elsewhere.
                let _ = respond.send_informational(response);
                Response::Head(respond, part, scanner)
            }
            Response::Head(respond, ..) => Response::Told(respond, response, head.framing_onward()),
            other => other,
        };
        Ok(count)
    }

    /// Takes back a head that has not gone.
    pub(in super::super) fn unsay(&mut self) {
        self.response = match std::mem::replace(&mut self.response, Response::Sent) {
            Response::Told(respond, ..) => Response::Head(respond, Vec::new(), Scanner::default()),
            other => other,
        };
    }

    /// Sends the head that was told.
    fn send_told(&mut self) -> io::Result<()> {
        self.response = match std::mem::replace(&mut self.response, Response::Sent) {
            Response::Told(respond, response, framing) => begin(respond, response, framing)?,
            other => other,
        };
        Ok(())
    }

    /// Writes what the client's window takes; returns how much.
    pub(in super::super) fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        self.send_told()?;
        let mut rest = bytes;
        // Ends: every turn takes a head, or is the last.
        while let Response::Head(_, part, _) = &mut self.response {
            if rest.is_empty() {
                return Ok(bytes.len());
            }
            if part.is_empty() {
                self.write_head(&mut rest)?;
            } else {
                let mut whole = std::mem::take(part);
                let kept = whole.len();
                whole.extend_from_slice(rest);
                let mut left = &whole[..];
                self.write_head(&mut left)?;
                let used = whole.len() - left.len() - kept;
                rest = &rest[used..];
            }
        }
        let Response::Body(stream, content) = &mut self.response else { return Ok(bytes.len() - rest.len()) };
        write_body(cx, stream, content, &mut rest)?;
        if content.is_complete() {
            self.response = Response::Sent;
        }
        Ok(bytes.len() - rest.len())
    }

    /// Sends the head at the beginning of `bytes`, which loses it; keeps an incomplete one.
    fn write_head(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        let Response::Head(respond, part, scanner) = &mut self.response else { return Ok(()) };
        let Some(len) = scanner.scan(bytes, &Bounds::WIDEST).map_err(io::Error::other)? else {
            part.extend_from_slice(std::mem::take(bytes));
            return Ok(());
        };
        *scanner = Scanner::default();
        let text = bytes.split_off(..len).unwrap_or_default();
        let mut store = FieldStore::default();
        let head = ResponseHead::parse(text, &mut store, self.asked).map_err(io::Error::other)?;
        let response = reply::read(&head, text).map_err(|_| io::ErrorKind::InvalidData)?;
        if head.is_interim() {
            // A client that has left is noticed elsewhere.
            let _ = respond.send_informational(response);
            return Ok(());
        }
        if let Response::Head(respond, ..) = std::mem::replace(&mut self.response, Response::Sent) {
            self.response = begin(respond, response, head.framing)?;
        }
        Ok(())
    }

    /// Nothing more will be written.
    pub(in super::super) fn finish(&mut self) {
        if let Response::Body(stream, content) = &mut self.response
            && content.end().is_ok()
        {
            // A client that has left needs no end.
            let _ = stream.send_data(Bytes::new(), true);
            self.response = Response::Sent;
        }
    }
}

/// Sends a final head.
fn begin(mut respond: SendResponse<Bytes>, response: http::Response<()>, framing: Framing) -> io::Result<Response> {
    let content = Content::new(framing);
    let is_whole = content.is_complete();
    match respond.send_response(response, is_whole) {
        Ok(_) if is_whole => Ok(Response::Sent),
        Ok(stream) => Ok(Response::Body(stream, content)),
        Err(error) => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            Err(io::Error::other(error))
        }
    }
}

impl Drop for ClientStream {
    /// A response that is not complete must not look as if it were.
    fn drop(&mut self) {
        match &mut self.response {
            Response::Head(respond, ..) | Response::Told(respond, ..) => respond.send_reset(Reason::INTERNAL_ERROR),
            Response::Body(stream, _) => stream.send_reset(Reason::INTERNAL_ERROR),
            Response::Sent => {}
        }
    }
}

/// Sends what `stream` has room for of a framed body; `bytes` loses it.
pub(super) fn write_body(
    cx: &mut Context<'_>,
    stream: &mut SendStream<Bytes>,
    content: &mut Content,
    bytes: &mut &[u8],
) -> io::Result<()> {
    let mut last = None;
    // Ends: every turn takes bytes.
    while !content.is_complete() && !bytes.is_empty() {
        let room = poll_room(cx, stream, bytes.len().min(RESERVE_MAX))?;
        let data = content.next(bytes, room).map_err(io::Error::other)?;
        let Some(data) = data else {
            if room == 0 {
                break;
            }
            continue;
        };
        let data = Bytes::copy_from_slice(data);
        // What follows the data may be the end, which then travels with it.
        content.next(bytes, 0).map_err(io::Error::other)?;
        if content.is_complete() {
            last = Some(data);
        } else {
            // At once: the stream's capacity counts what it was given, and promises news of no more.
            flush(stream, Some(data))?;
        }
    }
    if content.is_complete() { end(stream, content, last) } else { flush(stream, last) }
}

fn flush(stream: &mut SendStream<Bytes>, data: Option<Bytes>) -> io::Result<()> {
    data.map_or(Ok(()), |data| stream.send_data(data, false).map_err(io::Error::other))
}

fn end(stream: &mut SendStream<Bytes>, content: &Content, last: Option<Bytes>) -> io::Result<()> {
    let block = content.trailer_block();
    if block.is_empty() {
        return stream.send_data(last.unwrap_or_default(), true).map_err(io::Error::other);
    }
    flush(stream, last)?;
    let trailers = reply::read_fields(content.trailers(), block).map_err(|_| io::ErrorKind::InvalidData)?;
    stream.send_trailers(trailers).map_err(io::Error::other)
}

/// Bytes that may be sent now; with 0 the task is woken when there is room.
fn poll_room(cx: &mut Context<'_>, stream: &mut SendStream<Bytes>, wanted: usize) -> io::Result<usize> {
    let has = stream.capacity();
    if has >= wanted {
        return Ok(has);
    }
    stream.reserve_capacity(wanted);
    // Ends: the capacity changes a few times at the most before the stream has nothing to say.
    loop {
        match stream.capacity() {
            0 => {}
            room => return Ok(room),
        }
        match stream.poll_capacity(cx) {
            Poll::Pending => return Ok(0),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => return Err(io::Error::other(error)),
            Poll::Ready(None) => return Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}
