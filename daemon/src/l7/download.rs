//! One response on its way to the client: its head rewritten, its body as it comes.
//!
//! What the client's socket refuses is held, and until that is gone nothing more is read from the
//! backend. Driven by `exchange`, which is asked what the client is to be told; framing is core's.

use std::task::{Context, Poll};

use poise_core::http::bounds::{Bounds, Excess};
use poise_core::http::fields::FieldStore;
use poise_core::http::framing::{Body, Framing};
use poise_core::http::locate::locate;
use poise_core::http::onward::Returned;
use poise_core::http::refusal::Refusal;
use poise_core::http::response::{Asked, ResponseHead};
use poise_core::http::scan::Scanner;
use poise_ipc::cause::Cause;
use poise_ipc::errors::Side;

use super::held::Held;
use super::stream::{Stream, TURN_BYTES_MAX};
use crate::worker::{SCRATCH_BYTES, Share, WorkerContext};

/// Interim responses before the final one: a few are usual, an endless row is an attack.
const INTERIM_MAX: u8 = 16;
/// Room in the scratch buffer before what is read, so that a rewritten head, which may be longer
/// than the original, can stand right before its body and go out with it in one call. A head grows
/// by a space or a token per field, a cookie, and a word on the connection and on caches.
const HEAD_ROOM: usize = 16 << 10;

/// How much is read at once for one client. A client that has not shown that it takes bytes could
/// make a small request hold a large buffer, so it grows with what was taken and falls when
/// something was refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appetite(usize);

impl Appetite {
    const LEAST: usize = 16 << 10;

    /// Bytes of one read.
    pub(super) fn bytes(self) -> usize {
        self.0
    }

    /// The client's socket took so much of what it was given.
    pub(super) fn took(&mut self, sent: usize, given: usize) {
        if sent < given {
            self.0 = Self::LEAST;
        } else if sent * 2 > self.0 {
            self.0 = (self.0 * 2).min(SCRATCH_BYTES);
        }
    }
}

impl Default for Appetite {
    fn default() -> Self {
        Self(2 * Self::LEAST)
    }
}

/// One response on its way.
pub(super) struct Download {
    stage: Stage,
    /// The beginning of a head that has not arrived completely.
    part: Held,
    scanner: Scanner,
    held: Held,
    interim_count: u8,
    /// Bytes followed that belong to no response.
    has_excess: bool,
    /// What of its head was too much, if that was why it was refused.
    pub(super) excess: Option<Box<Excess>>,
    /// Bytes that came from the backend.
    pub(super) received_bytes: u64,
    /// Bytes that the client's socket took.
    pub(super) sent_bytes: u64,
}

enum Stage {
    Head,
    /// The body as it comes, and its framing for the client.
    Body(Body, Framing),
}

/// What a download reads from and writes to.
pub(super) struct Sides<'a> {
    pub(super) ctx: &'a WorkerContext,
    pub(super) client: &'a mut Stream,
    pub(super) backend: &'a mut Stream,
    pub(super) appetite: &'a mut Appetite,
    pub(super) pace: &'a mut Share,
}

/// What a final head is answered with.
pub(super) trait Steer {
    /// What of the request bears on the response.
    fn asked(&self) -> Asked;

    /// What its head may have.
    fn bounds(&self) -> Bounds;

    /// Whether the client's connection ends with the response.
    fn closes(&self) -> bool;

    /// A final head has arrived: what is the client told with it?
    fn final_head(&mut self, head: &ResponseHead<'_, '_>) -> Returned<'_>;
}

/// Why a response will not be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The backend closed or reset before the first byte.
    Silent,
    /// What the backend sent is refused.
    Refused(Refusal),
    /// This.
    Because(Cause),
}

impl From<Cause> for Loss {
    fn from(cause: Cause) -> Self {
        Self::Because(cause)
    }
}

impl From<Refusal> for Loss {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Download {
    /// A response of which nothing has arrived.
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Head,
            part: Held::default(),
            scanner: Scanner::default(),
            excess: None,
            held: Held::default(),
            interim_count: 0,
            has_excess: false,
            received_bytes: 0,
            sent_bytes: 0,
        }
    }

    /// Whether the final head has arrived.
    pub(super) fn has_head(&self) -> bool {
        matches!(self.stage, Stage::Body(..))
    }

    /// Whether an interim head has arrived.
    pub(super) fn has_interim(&self) -> bool {
        self.interim_count > 0
    }

    /// Whether all of it has reached the client's socket.
    pub(super) fn is_complete(&self) -> bool {
        self.held.is_empty() && matches!(&self.stage, Stage::Body(body, _) if body.is_complete())
    }

    /// Whether it waits for the client to take bytes.
    pub(super) fn awaits_client(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether the client cannot tell from the bytes that the response was cut short.
    pub(super) fn ends_with_stream(&self) -> bool {
        matches!(self.stage, Stage::Body(_, Framing::UntilClose))
    }

    /// Whether the backend's connection ended with the response, byte for byte.
    pub(super) fn is_exact(&self) -> bool {
        !self.has_excess
    }

    /// Moves what can be moved now.
    ///
    /// # Errors
    /// [`Loss`] when the response cannot be completed, for whichever side's doing.
    pub(super) fn advance(
        &mut self,
        cx: &mut Context<'_>,
        sides: &mut Sides<'_>,
        steer: &mut impl Steer,
    ) -> Result<(), Loss> {
        let stop_bytes = self.received_bytes + TURN_BYTES_MAX;
        // Ends: every turn moves bytes, up to the bound.
        while self.received_bytes < stop_bytes {
            if !self.held.is_empty() {
                let sent = self.held.write(cx, sides.client).map_err(|_| Cause::ClientClosed)?;
                self.sent_bytes += sent as u64;
            }
            if !self.held.is_empty() {
                sides.backend.gather(cx);
                return Ok(());
            }
            if self.is_complete() || !self.receive(cx, sides, steer)? {
                return Ok(());
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Reads the backend once and passes on what it said; false when there was nothing to read.
    fn receive(&mut self, cx: &mut Context<'_>, sides: &mut Sides<'_>, steer: &mut impl Steer) -> Result<bool, Loss> {
        let ctx = sides.ctx;
        let Poll::Ready(pace) = sides.pace.poll_room_for(cx, ctx, sides.backend) else {
            sides.backend.gather(cx);
            return Ok(false);
        };
        ctx.scratch.with(|scratch| {
            let kept = HEAD_ROOM + self.part.bytes().len();
            let room = (kept + sides.appetite.bytes().min(pace)).min(scratch.len());
            let count = match sides.backend.poll_read(cx, &mut scratch[kept..room]) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(count)) if count > 0 => count,
                Poll::Ready(Err(_)) if sides.backend.is_malformed() => return Err(Loss::Because(Cause::BadResponse)),
                Poll::Ready(outcome) => return self.ended(outcome.is_err()),
            };
            sides.pace.charge(count, ctx);
            self.received_bytes += count as u64;
            scratch[HEAD_ROOM..kept].copy_from_slice(self.part.bytes());
            let end = kept + count;
            if self.has_head() {
                let len = self.follow(ctx, &mut scratch[kept..end])?;
                return self.send(cx, sides, &scratch[kept..kept + len], steer.closes());
            }
            let mut out = ctx.l7.buffer();
            let mut told = Told { ctx, client: sides.client, out: &mut out };
            let outcome = self.read_heads(&mut scratch[..end], &mut told, steer);
            let sent = outcome.and_then(|range| self.send(cx, sides, &scratch[range], steer.closes()));
            ctx.l7.reuse(out);
            sent
        })
    }

    /// The stream has ended: only a body without another end may end so.
    fn ended(&mut self, is_error: bool) -> Result<bool, Loss> {
        match &mut self.stage {
            Stage::Body(body, _) if !is_error => body.end().map(|()| true).map_err(Loss::from),
            Stage::Head if self.part.is_empty() && self.interim_count == 0 => Err(Loss::Silent),
            Stage::Head | Stage::Body(..) => Err(Loss::Because(Cause::BackendClosed)),
        }
    }

    /// Reads heads from the scratch buffer, from [`HEAD_ROOM`] on, rewrites them, and returns where
    /// in it the bytes for the client stand.
    fn read_heads(
        &mut self,
        scratch: &mut [u8],
        told: &mut Told<'_>,
        steer: &mut impl Steer,
    ) -> Result<std::ops::Range<usize>, Loss> {
        let ctx = told.ctx;
        let mut at = HEAD_ROOM;
        // Ends: each turn takes a head or leaves; interim heads are counted.
        while !self.has_head() {
            let mut store = FieldStore::default();
            let scanned = self.scan(&scratch[at..], steer.bounds(), &mut store);
            let scanned =
                scanned.inspect_err(|&refusal| see(ctx, &refusal, &scratch[at..], self.scanner.fault_at(refusal)))?;
            let Some(len) = scanned else {
                if !ResponseHead::may_begin(&scratch[at..]) {
                    see(ctx, &Refusal::StartLine, &scratch[at..], 0);
                    return Err(Loss::Refused(Refusal::StartLine));
                }
                self.part = Held::new(scratch[at..].to_vec());
                break;
            };
            self.read_head(&scratch[at..at + len], &mut store, told, steer)?;
            at += len;
            self.scanner = Scanner::default();
            self.part = Held::default();
        }
        let body_len = match self.follow(ctx, &mut scratch[at..]) {
            Ok(len) => len,
            Err(refusal) => {
                // Nothing of this head has left: the client can still be told what is wrong.
                self.stage = Stage::Head;
                told.client.unsay();
                return Err(refusal.into());
            }
        };
        let start = at.checked_sub(told.out.len()).ok_or(Cause::Internal)?;
        scratch[start..at].copy_from_slice(told.out);
        Ok(start..at + body_len)
    }

    /// Looks for the end of a head; keeps what of it was too much.
    fn scan(&mut self, bytes: &[u8], bounds: Bounds, store: &mut FieldStore) -> Result<Option<usize>, Refusal> {
        if self.scanner.is_new()
            && let Some(len) = store.read(bytes, &bounds)
        {
            return Ok(Some(len));
        }
        let tell = |refusal: &Refusal| self.excess = Excess::of(*refusal, bytes, &bounds).map(Box::new);
        self.scanner.scan(bytes, &bounds).inspect_err(tell)
    }

    /// Follows the body over what was read; returns how much of it, from the beginning, goes on.
    fn follow(&mut self, ctx: &WorkerContext, bytes: &mut [u8]) -> Result<usize, Refusal> {
        let len = bytes.len();
        let Stage::Body(body, framing) = &mut self.stage else { return Ok(0) };
        let followed = match framing {
            Framing::UntilClose => body.push_bare(bytes),
            _ => body.push(bytes).map(|used| (used, used)),
        };
        let (used, kept) = followed.inspect_err(|&refusal| see(ctx, &refusal, bytes, body.broken_at()))?;
        self.has_excess = used < len;
        Ok(kept)
    }

    fn read_head(
        &mut self,
        bytes: &[u8],
        store: &mut FieldStore,
        told: &mut Told<'_>,
        steer: &mut impl Steer,
    ) -> Result<(), Loss> {
        let ctx = told.ctx;
        let asked = steer.asked();
        let parsed = ResponseHead::parse(bytes, store, asked);
        // What speaks something else is at fault from its first byte.
        let fault = |refusal| if ResponseHead::may_begin(bytes) { locate(bytes, refusal) } else { 0 };
        let head = parsed.inspect_err(|&refusal| see(ctx, &refusal, bytes, fault(refusal)))?;
        if head.is_interim() {
            self.interim_count += 1;
            if self.interim_count > INTERIM_MAX {
                see(ctx, &"there are too many interim responses", bytes, 0);
                return Err(Loss::Because(Cause::BadResponse));
            }
            if !asked.http10 {
                self.sent_bytes += told.tell(&head, bytes, Returned::INTERIM)?;
            }
            return Ok(());
        }
        let returned = steer.final_head(&head);
        self.sent_bytes += told.tell(&head, bytes, returned)?;
        self.stage = Stage::Body(Body::new(head.framing), head.framing_onward());
        Ok(())
    }

    fn send(&mut self, cx: &mut Context<'_>, sides: &mut Sides<'_>, bytes: &[u8], closes: bool) -> Result<bool, Loss> {
        let is_last = closes && matches!(&self.stage, Stage::Body(body, _) if body.is_complete());
        let write = if is_last { Stream::write_last } else { Stream::write };
        let sent = write(sides.client, cx, bytes).map_err(|_| Cause::ClientClosed)?;
        self.sent_bytes += sent as u64;
        self.held.put(&bytes[sent..]);
        sides.appetite.took(sent, bytes.len());
        Ok(true)
    }
}

/// Where a head for the client goes.
struct Told<'a> {
    ctx: &'a WorkerContext,
    client: &'a mut Stream,
    /// Text that goes before the body.
    out: &'a mut Vec<u8>,
}

impl Told<'_> {
    /// Tells the client a head; returns how many bytes count as sent already.
    fn tell(&mut self, head: &ResponseHead<'_, '_>, bytes: &[u8], returned: Returned<'_>) -> Result<u64, Cause> {
        if let Some(told) = self.client.tell(head, bytes, returned) {
            return told.map(|bytes| bytes as u64).map_err(|_| Cause::BadResponse);
        }
        head.write(returned, self.out);
        Ok(0)
    }
}

/// Keeps what is seen of a response that is refused.
#[cold]
fn see(ctx: &WorkerContext, reason: &dyn std::fmt::Display, bytes: &[u8], offset: usize) {
    ctx.witness.see(ctx.clock.now_ms(), Side::Response, reason, bytes, offset);
}
