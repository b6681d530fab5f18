//! One request on its way to the backend: the head as it was written, then the body as it comes.
//!
//! What the backend's socket refuses is held, and until that is gone nothing more is read from the
//! client. As long as nothing was read beyond what came with the head, all of it is kept and can be
//! sent again. Driven by `exchange`; framing is core's.

use std::task::{Context, Poll};

use poise_core::http::framing::{Body, Framing};
use poise_core::http::refusal::Refusal;
use poise_ipc::cause::Cause;
use poise_ipc::errors::Side;

use super::held::Held;
use super::stream::{Stream, TURN_BYTES_MAX};
use crate::worker::{Share, WorkerContext};

/// Bytes read at once when more than the body may follow: what does is held until its turn.
pub(super) const READ_AHEAD_MAX: usize = 16 << 10;

/// One request on its way.
pub(super) struct Upload {
    /// Head and the part of the body that came with it.
    first: Held,
    /// Nothing was read beyond `first`.
    is_whole: bool,
    body: Body,
    held: Held,
    /// The backend takes no more; its response may still come.
    is_broken: bool,
    /// The end of the client's side is passed on, not a fault.
    is_tunnel: bool,
    /// Bytes of the body so far.
    pub(super) body_bytes: u64,
    /// Bytes that the backend's socket took since the request was last begun.
    pub(super) sent_bytes: u64,
}

/// What an upload reads from and writes to.
pub(super) struct Sides<'a> {
    pub(super) ctx: &'a WorkerContext,
    pub(super) client: &'a mut Stream,
    pub(super) backend: &'a mut Stream,
    /// Bytes of the client that were read too early.
    pub(super) carry: &'a mut Held,
    pub(super) pace: &'a mut Share,
}

impl Upload {
    /// A request that begins with these bytes, of which the body has taken its part already.
    pub(super) fn new(first: Vec<u8>, body: Body) -> Self {
        Self {
            first: Held::new(first),
            is_whole: true,
            body,
            held: Held::default(),
            is_broken: false,
            is_tunnel: false,
            body_bytes: 0,
            sent_bytes: 0,
        }
    }

    /// Whether the client has sent the whole request.
    pub(super) fn is_received(&self) -> bool {
        self.body.is_complete()
    }

    /// Whether everything has reached the backend's socket.
    pub(super) fn is_sent(&self) -> bool {
        !self.is_broken && self.is_received() && self.first.is_empty() && self.held.is_empty()
    }

    /// Whether nothing more will be sent.
    pub(super) fn is_over(&self) -> bool {
        self.is_broken || self.is_sent()
    }

    /// Whether it waits for bytes of the client.
    pub(super) fn awaits_client(&self) -> bool {
        !self.is_broken && !self.is_received() && self.first.is_empty() && self.held.is_empty()
    }

    /// Whether it can be sent again from its first byte.
    pub(super) fn is_repeatable(&self) -> bool {
        self.is_whole
    }

    /// Begins again, for another connection.
    pub(super) fn rewind(&mut self) {
        self.first.rewind();
        self.is_broken = false;
        self.sent_bytes = 0;
    }

    /// The first byte of a response is there: nothing will be sent again.
    pub(super) fn forget(&mut self, ctx: &WorkerContext) {
        self.is_whole = false;
        if self.first.is_empty() {
            ctx.l7.reuse(std::mem::take(&mut self.first).into_buffer());
        }
    }

    /// From here on the connection is a tunnel.
    pub(super) fn tunnel(&mut self) {
        self.is_tunnel = true;
        self.body = Body::new(Framing::UntilClose);
    }

    /// Moves what can be moved now.
    ///
    /// # Errors
    /// The cause when the client's bytes break the framing or end too early. A backend that takes
    /// no more is no error here: its response decides.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>, sides: &mut Sides<'_>) -> Result<(), Cause> {
        let stop_bytes = self.body_bytes + TURN_BYTES_MAX;
        // Ends: every turn moves bytes, up to the bound.
        while !self.is_broken && self.flush(cx, sides) && !self.is_received() {
            if self.body_bytes >= stop_bytes {
                cx.waker().wake_by_ref();
                break;
            }
            let moved = if sides.carry.is_empty() { self.receive(cx, sides)? } else { self.take_carried(sides)? };
            if !moved {
                return Ok(());
            }
        }
        if !self.is_broken && !self.is_received() {
            sides.client.gather(cx);
        }
        Ok(())
    }

    /// Writes what is held; true when nothing is left of it.
    fn flush(&mut self, cx: &mut Context<'_>, sides: &mut Sides<'_>) -> bool {
        if self.first.is_empty() && self.held.is_empty() {
            return true;
        }
        let sent = match self.first.write_kept(cx, sides.backend) {
            Ok(n) if self.first.is_empty() => self.held.write(cx, sides.backend).map(|held| n + held),
            outcome => outcome,
        };
        match sent {
            Ok(n) => self.sent_bytes += n as u64,
            Err(_) => self.is_broken = true,
        }
        if self.first.is_empty() && !self.is_whole {
            sides.ctx.l7.reuse(std::mem::take(&mut self.first).into_buffer());
        }
        self.first.is_empty() && self.held.is_empty()
    }

    /// The body breaks its framing in these bytes.
    fn broken(&self, ctx: &WorkerContext, refusal: Refusal, bytes: &[u8]) -> Cause {
        ctx.witness.see(ctx.clock.now_ms(), Side::Request, &refusal, bytes, self.body.broken_at());
        refusal.of_request()
    }

    fn take_carried(&mut self, sides: &mut Sides<'_>) -> Result<bool, Cause> {
        self.is_whole = false;
        let pushed = self.body.push(sides.carry.bytes());
        let used = pushed.map_err(|refusal| self.broken(sides.ctx, refusal, sides.carry.bytes()))?;
        self.held.put(&sides.carry.bytes()[..used]);
        sides.carry.consume(used);
        self.body_bytes += used as u64;
        Ok(used > 0)
    }

    /// Reads the client once and passes on what belongs to the body.
    fn receive(&mut self, cx: &mut Context<'_>, sides: &mut Sides<'_>) -> Result<bool, Cause> {
        let Sides { ctx, client, backend, carry, pace } = sides;
        let Poll::Ready(room) = pace.poll_room_for(cx, ctx, &**client) else {
            client.gather(cx);
            return Ok(false);
        };
        ctx.scratch.with(|scratch| {
            let room = self.body.room(READ_AHEAD_MAX).min(scratch.len()).min(room);
            let count = match client.poll_read(cx, &mut scratch[..room]) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(count)) if count > 0 => count,
                Poll::Ready(Ok(_)) if self.is_tunnel => {
                    let is_told = backend.finish(cx);
                    if is_told {
                        self.body = Body::new(Framing::None);
                    }
                    return Ok(is_told);
                }
                Poll::Ready(_) => return Err(Cause::ClientClosed),
            };
            pace.charge(count, ctx);
            self.is_whole = false;
            let pushed = self.body.push(&scratch[..count]);
            let used = pushed.map_err(|refusal| self.broken(ctx, refusal, &scratch[..count]))?;
            carry.put(&scratch[used..count]);
            self.body_bytes += used as u64;
            match backend.write(cx, &scratch[..used]) {
                Ok(sent) => {
                    self.sent_bytes += sent as u64;
                    self.held.put(&scratch[sent..used]);
                }
                Err(_) => self.is_broken = true,
            }
            Ok(true)
        })
    }
}
