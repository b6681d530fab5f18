//! One direction of a TCP pair: what is read from one socket is written to the other.
//!
//! Small amounts pass through the worker's scratch buffer within one poll, and only what the
//! other side refuses is kept. After two full reads in a row the direction is bulk and bytes are
//! spliced through a pipe until reads become small again. At rest it owns neither.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use poise_core::live::Cell;
use rustix::net::{SendFlags, send};
use rustix::pipe::{SpliceFlags, splice};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::pipes::{PIPE_BYTES, Pipe};
use crate::worker::{Share, WorkerContext};

/// A read of so many bytes is full: what a direction reads until it is known to be bulk, and
/// thereby what a peer that does not read can make us keep.
const FULL_BYTES: usize = 16 << 10;
/// Full reads in a row that make a direction bulk.
const FULL_READS: u8 = 2;
/// Refused bytes of a worker above which no direction reads more than a full read at once.
const REFUSED_BYTES_MAX: usize = 64 << 20;
/// Reads of one direction within one poll before others have their turn: 4 MiB at most, some 2 ms
/// of work where peers are that fast. Fewer cost a tenth more for bulk, more gain nothing.
const ROUNDS_MAX: usize = 4;
/// Bytes thrown away for a source that has not noticed that nobody reads: more than what is on
/// its way when the destination closes.
const DISCARD_BYTES_MAX: usize = 8 << 20;

/// Which peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Backend,
}

/// How a direction ended when not by the orderly end of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The source failed.
    Read,
    /// The destination failed.
    Write,
}

/// Where bytes come from and go to, and who counts them.
pub(super) struct Ends<'a> {
    pub(super) from: &'a mut TcpStream,
    pub(super) to: &'a mut TcpStream,
    pub(super) read: &'a Cell,
    pub(super) written: &'a Cell,
    /// The other direction is done: with this one both sockets close, which tells the end.
    pub(super) last: bool,
}

/// What a read has brought.
struct Read {
    len: usize,
    /// Whether the source has ended behind it.
    ended: bool,
}

/// The state of one direction.
#[derive(Debug)]
pub(super) struct Direction {
    stage: Stage,
    /// Its part of the listener's bandwidth.
    share: Share,
    /// Full reads in a row.
    full_reads: u8,
    /// Whether bytes have moved since this was last asked.
    moved: bool,
    /// Whether the source is known to have failed: what it sent before is still read.
    source_failed: bool,
    /// Whether the destination closed, in good order, before it had everything.
    cut_short: bool,
    held: Held,
}

/// Bytes that were read and not yet written.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Refused {
        bytes: Vec<u8>,
        sent: usize,
    },
    Piped(Pipe),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// The source has ended; what is held goes out, then the end itself.
    Ending,
    /// The same although the source has not ended; what still comes is thrown away then.
    Parting,
    /// The destination reads no more: what comes is thrown away, so that closing the source does
    /// not destroy what it has yet to receive.
    Discarding {
        bytes: usize,
    },
    Done,
}

impl Direction {
    /// A direction in which nothing has moved.
    pub(super) fn new(share: Share) -> Self {
        Self {
            stage: Stage::default(),
            share,
            full_reads: 0,
            moved: false,
            source_failed: false,
            cut_short: false,
            held: Held::default(),
        }
    }

    /// Whether it has bytes that its destination does not take.
    pub(super) fn is_stalled(&self) -> bool {
        match &self.held {
            Held::Nothing => false,
            Held::Refused { .. } => true,
            Held::Piped(pipe) => pipe.held_bytes > 0,
        }
    }

    /// Whether the end of the source was passed on.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whether nothing more will be written: the end was passed on, or what comes is thrown away.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Discarding { .. })
    }

    /// Whether the destination closed before it had everything.
    pub(super) fn was_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Whether bytes have moved since the last call, or would have with more bandwidth.
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved) || self.share.is_waiting()
    }

    /// The source has failed, as the other direction found when it wrote.
    pub(super) fn fail_source(&mut self) {
        self.source_failed = true;
    }

    /// Reads no more: what is held goes out, then the end. What still comes is thrown away.
    pub(super) fn part(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Parting;
        }
    }

    /// Whether the destination has not taken everything yet.
    pub(super) fn holds(&self) -> bool {
        match &self.held {
            Held::Nothing => false,
            Held::Refused { .. } => true,
            Held::Piped(pipe) => pipe.held_bytes > 0,
        }
    }

    /// Moves what can be moved. Ready when the end was passed on or the direction has failed.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        ctx: &WorkerContext,
        ends: &mut Ends<'_>,
    ) -> Poll<Result<(), Fault>> {
        for _ in 0..ROUNDS_MAX {
            match self.stage {
                Stage::Done => return Poll::Ready(Ok(())),
                Stage::Discarding { bytes } => ready!(self.discard(cx, ctx, ends, bytes))?,
                Stage::Open | Stage::Ending | Stage::Parting => match ready!(self.step(cx, ctx, ends)) {
                    Err((Fault::Write, error)) if error.kind() == io::ErrorKind::BrokenPipe => self.stop(ctx),
                    other => other.map_err(|(fault, _)| fault)?,
                },
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn step(
        &mut self,
        cx: &mut Context<'_>,
        ctx: &WorkerContext,
        ends: &mut Ends<'_>,
    ) -> Poll<Result<(), (Fault, io::Error)>> {
        ready!(self.flush(cx, ctx, ends)).map_err(|error| (Fault::Write, error))?;
        if matches!(self.stage, Stage::Ending | Stage::Parting) {
            // A socket that is closed with unread bytes resets, and that could destroy the rest.
            self.stage = if self.stage == Stage::Parting { Stage::Discarding { bytes: 0 } } else { Stage::Done };
            if !ends.last {
                // The destination may have closed meanwhile; then there is nobody to tell.
                let _ = ready!(Pin::new(&mut *ends.to).poll_shutdown(cx));
            }
            return Poll::Ready(Ok(()));
        }
        let room = match self.room(cx, ctx, ends) {
            Poll::Ready(room) => room.map_err(|error| (Fault::Read, error))?,
            Poll::Pending => {
                // Nothing is lent to a connection that waits.
                self.release(ctx);
                return Poll::Pending;
            }
        };
        if self.full_reads < FULL_READS {
            return self.copy(cx, ctx, ends, room);
        }
        if matches!(self.held, Held::Nothing) {
            self.held = ctx.l4.pipes.take(ctx.clock.now_ms()).map_or(Held::Nothing, Held::Piped);
        }
        match &mut self.held {
            Held::Piped(pipe) => {
                let read = splice_in(pipe, ends.from, room);
                Poll::Ready(self.spliced(read, ctx, ends).map_err(|error| (Fault::Read, error)))
            }
            Held::Nothing | Held::Refused { .. } => self.copy(cx, ctx, ends, room),
        }
    }

    /// Bytes that may be read now. Where bytes are known to be bulk there is first a wait for some,
    /// elsewhere the read itself will tell.
    fn room(&mut self, cx: &mut Context<'_>, ctx: &WorkerContext, ends: &Ends<'_>) -> Poll<io::Result<usize>> {
        if self.full_reads >= FULL_READS {
            ready!(ends.from.poll_read_ready(cx))?;
        }
        self.share.poll_room_for(cx, ctx, ends.from).map(Ok)
    }

    /// Reads into the scratch buffer, no more than `room`, and writes on what it can.
    fn copy(
        &mut self,
        cx: &mut Context<'_>,
        ctx: &WorkerContext,
        ends: &mut Ends<'_>,
        room: usize,
    ) -> Poll<Result<(), (Fault, io::Error)>> {
        let bulk = self.full_reads >= FULL_READS && ctx.l4.refused_bytes.get() < REFUSED_BYTES_MAX;
        ctx.scratch.with(|scratch| {
            let read_max = room.min(if bulk { scratch.len() } else { FULL_BYTES });
            let read = ready!(self.read(cx, &mut scratch[..read_max], ends)).map_err(|error| (Fault::Read, error))?;
            self.share.charge(read.len, ctx);
            let bytes = &scratch[..read.len];
            let sent = match write(cx, bytes, ends.to, read.ended) {
                Poll::Ready(sent) => sent.map_err(|error| (Fault::Write, error))?,
                Poll::Pending => 0,
            };
            ends.written.add(sent as u64);
            if sent < bytes.len() {
                self.keep(ctx, &bytes[sent..]);
            }
            if read.ended {
                self.end_of_source().map_err(|error| (Fault::Read, error))?;
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Reads once, and once more where the runtime knows that there is something: most often the
    /// end behind the last bytes, which then travel together.
    fn read(&mut self, cx: &mut Context<'_>, into: &mut [u8], ends: &mut Ends<'_>) -> Poll<io::Result<Read>> {
        let mut buf = ReadBuf::new(into);
        ready!(Pin::new(&mut *ends.from).poll_read(cx, &mut buf))?;
        let mut len = buf.filled().len();
        let mut ended = len == 0;
        if !ended && len < into.len() {
            match ends.from.try_read(&mut into[len..]) {
                Ok(0) => ended = true,
                Ok(more) => len += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // What came before the failure is still delivered.
                Err(_) => self.source_failed = true,
            }
        }
        if len > 0 {
            self.has_read(len, ends);
        }
        Poll::Ready(Ok(Read { len, ended }))
    }

    fn has_read(&mut self, n: usize, ends: &Ends<'_>) {
        self.moved = true;
        // Once bulk, a single small read ends it.
        self.full_reads = if n >= FULL_BYTES { FULL_READS.min(self.full_reads + 1) } else { 0 };
        ends.read.add(n as u64);
    }

    fn keep(&mut self, ctx: &WorkerContext, rest: &[u8]) {
        ctx.l4.refused_bytes.set(ctx.l4.refused_bytes.get() + rest.len());
        self.held = Held::Refused { bytes: rest.to_vec(), sent: 0 };
    }

    fn spliced(&mut self, read: io::Result<usize>, ctx: &WorkerContext, ends: &Ends<'_>) -> io::Result<()> {
        match read {
            Ok(0) => {
                self.release(ctx);
                self.end_of_source()
            }
            Ok(n) => {
                self.share.charge(n, ctx);
                self.has_read(n, ends);
                Ok(())
            }
            // The readiness is spent: the next step waits, without the pipe.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// An orderly end is passed on; that of a failed peer is not to be taken for one.
    fn end_of_source(&mut self) -> io::Result<()> {
        if self.source_failed {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.stage = Stage::Ending;
        Ok(())
    }

    /// Writes what is held. Ready when nothing is.
    fn flush(&mut self, cx: &mut Context<'_>, ctx: &WorkerContext, ends: &mut Ends<'_>) -> Poll<io::Result<()>> {
        match &mut self.held {
            Held::Nothing => return Poll::Ready(Ok(())),
            Held::Refused { bytes, sent } => {
                while *sent < bytes.len() {
                    let n = ready!(Pin::new(&mut *ends.to).poll_write(cx, &bytes[*sent..]))?;
                    *sent += n;
                    self.moved = true;
                    ends.written.add(n as u64);
                }
            }
            Held::Piped(pipe) => {
                while pipe.held_bytes > 0 {
                    let n = ready!(splice_out(cx, pipe, ends.to))?;
                    pipe.held_bytes -= n;
                    self.moved = true;
                    ends.written.add(n as u64);
                }
                if self.full_reads >= FULL_READS {
                    return Poll::Ready(Ok(()));
                }
            }
        }
        self.release(ctx);
        Poll::Ready(Ok(()))
    }

    /// Gives back whatever holds bytes, with the bytes.
    pub(super) fn release(&mut self, ctx: &WorkerContext) {
        match std::mem::take(&mut self.held) {
            Held::Nothing => {}
            Held::Refused { bytes, .. } => ctx.l4.refused_bytes.set(ctx.l4.refused_bytes.get() - bytes.len()),
            Held::Piped(pipe) => ctx.l4.pipes.give(pipe),
        }
    }

    /// The destination has closed in good order and wants no more.
    fn stop(&mut self, ctx: &WorkerContext) {
        self.release(ctx);
        self.cut_short = true;
        self.stage = if self.stage == Stage::Ending { Stage::Done } else { Stage::Discarding { bytes: 0 } };
    }

    fn discard(
        &mut self,
        cx: &mut Context<'_>,
        ctx: &WorkerContext,
        ends: &mut Ends<'_>,
        before: usize,
    ) -> Poll<Result<(), Fault>> {
        ctx.scratch.with(|scratch| {
            let mut buf = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *ends.from).poll_read(cx, &mut buf)).map_err(|_| Fault::Read)?;
            let (n, bytes) = (buf.filled().len(), before + buf.filled().len());
            self.moved = true;
            let over = n == 0 || bytes > DISCARD_BYTES_MAX;
            self.stage = if over { Stage::Done } else { Stage::Discarding { bytes } };
            Poll::Ready(Ok(()))
        })
    }
}

/// Writes what the socket takes. The last bytes wait for the end that follows at once, so that
/// both leave in one packet.
fn write(cx: &mut Context<'_>, bytes: &[u8], to: &mut TcpStream, ends: bool) -> Poll<io::Result<usize>> {
    if bytes.is_empty() {
        return Poll::Ready(Ok(0));
    }
    if !ends {
        return Pin::new(to).poll_write(cx, bytes);
    }
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    match to.try_io(Interest::WRITABLE, || Ok(send(&*to, bytes, flags)?)) {
        // Kept, and written when the socket is ready.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        sent => Poll::Ready(sent),
    }
}

/// Neither end may block; pages move where the kernel can move them.
const SPLICE: SpliceFlags = SpliceFlags::NONBLOCK.union(SpliceFlags::MOVE);

/// Fills a pipe, which is empty: so "would block" can only mean that the socket has nothing, and
/// the runtime may wait for it. With a full pipe it would wait for ever.
fn splice_in(pipe: &mut Pipe, from: &TcpStream, room: usize) -> io::Result<usize> {
    let into = || Ok(splice(from, None, &pipe.ends().write, None, PIPE_BYTES.min(room), SPLICE)?);
    let n = from.try_io(Interest::READABLE, into)?;
    pipe.held_bytes = n;
    Ok(n)
}

/// Empties a pipe into a socket. "Would block" is the socket's, since the pipe holds bytes.
fn splice_out(cx: &mut Context<'_>, pipe: &Pipe, to: &TcpStream) -> Poll<io::Result<usize>> {
    loop {
        ready!(to.poll_write_ready(cx))?;
        let out = || Ok(splice(&pipe.ends().read, None, to, None, pipe.held_bytes, SPLICE)?);
        match to.try_io(Interest::WRITABLE, out) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return Poll::Ready(done),
        }
    }
}
