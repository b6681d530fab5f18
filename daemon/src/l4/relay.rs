//! A TCP pair while it lives: both directions, one deadline, and how it ends.
//!
//! Each direction ends on its own, so a half-closed connection goes on in the other. Each has the
//! idle timeout to itself: the pair ends when nothing moved in either, and also when one of them
//! has bytes that its destination does not take. One that has nothing to carry is excused while
//! the other moves, as in a long download. What the end means for counters is the caller's.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use poise_core::limit::Limiter;
use poise_core::live::{BackendCells, BackendLive, Leaving, ListenerCells};
use tokio::net::TcpStream;

use super::direction::{Direction, Ends, Fault, Side};
use super::reset;
use crate::worker::{Alarm, Share, Watch, Way, WorkerContext};

/// Silence that ends a pair of which one peer has closed and the other only sends, in
/// milliseconds: time for that one to receive the last bytes and the end.
const LINGER_MS: u32 = 5_000;

/// How long a pair that a drain ends may take to deliver what is held, and its peers to close too,
/// in milliseconds: with the ticks of the sweep it is gone a second after the deadline.
const PART_MS: u32 = 500;

/// How a pair ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both directions have passed on their end.
    Complete,
    /// The client closed, in good order, before it had the whole answer.
    Abandoned,
    /// This peer failed.
    Failed(Side),
    /// Nothing moved for the idle timeout.
    Idle,
    /// The worker's drain time was over.
    Cut,
    /// The drain of the backend was over: both peers were told the end, in good order or by a reset.
    Drained { reset: bool },
}

/// The two sockets with the state of both directions.
pub(super) struct Pair {
    ctx: Rc<WorkerContext>,
    client: TcpStream,
    backend: TcpStream,
    up: Direction,
    down: Direction,
    /// When bytes last moved up and down.
    moved_ms: [u64; 2],
    lingering: bool,
    /// A drain ends it: nothing more is read.
    parting: bool,
    answer: Answer,
}

/// Measures the time to the first byte of the backend: from the client's first byte, or from the
/// connection if the backend speaks first.
struct Answer {
    /// Since when one is due; `None` once it came.
    since: Option<Instant>,
    asked: bool,
}

impl Pair {
    /// Joins two connected sockets, of a listener with these limits.
    pub(super) fn new(ctx: &Rc<WorkerContext>, client: TcpStream, backend: TcpStream, limiter: &Arc<Limiter>) -> Self {
        let up = Direction::new(Share::new(limiter, Way::In));
        let down = Direction::new(Share::new(limiter, Way::Out));
        let moved_ms = [ctx.clock.now_ms(); 2];
        let answer = Answer { since: Some(Instant::now()), asked: false };
        Self { ctx: Rc::clone(ctx), client, backend, up, down, moved_ms, lingering: false, parting: false, answer }
    }

    /// Forwards until the pair ends.
    pub(super) async fn run(
        &mut self,
        watch: &Watch,
        idle_timeout_ms: u32,
        listener: &ListenerCells,
        live: &BackendLive,
    ) -> End {
        let backend = live.worker(self.ctx.index);
        watch.rearm(idle_timeout_ms);
        std::future::poll_fn(|cx| {
            match live.leaving() {
                Leaving::Reset => return Poll::Ready(End::Drained { reset: true }),
                Leaving::Close if !self.parting => self.part(watch),
                Leaving::Close | Leaving::Idle | Leaving::No => {}
            }
            if let Poll::Ready(end) = self.poll(cx, listener, backend) {
                return Poll::Ready(end);
            }
            self.rearm(watch, idle_timeout_ms, backend);
            watch.poll_alarm(cx).map(|alarm| match alarm {
                Alarm::Due if self.lingering || self.parting => self.over(),
                Alarm::Due => End::Idle,
                Alarm::Draining | Alarm::Cut => End::Cut,
            })
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>, listener: &ListenerCells, backend: &BackendCells) -> Poll<End> {
        let up = &mut Ends {
            from: &mut self.client,
            to: &mut self.backend,
            read: &listener.bytes_in,
            written: &backend.bytes_out,
            last: self.down.is_done() && !self.parting,
        };
        let up = self.up.poll(cx, &self.ctx, up);
        match up {
            Poll::Ready(Err(Fault::Read)) => return Poll::Ready(End::Failed(Side::Client)),
            // The backend was reset; what it had sent before is still delivered.
            Poll::Ready(Err(Fault::Write)) => self.down.fail_source(),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        let down = &mut Ends {
            from: &mut self.backend,
            to: &mut self.client,
            read: &backend.bytes_in,
            written: &listener.bytes_out,
            last: self.up.is_done() && !self.parting,
        };
        let down = self.down.poll(cx, &self.ctx, down);
        match (up, down) {
            (_, Poll::Ready(Err(Fault::Read))) => Poll::Ready(End::Failed(Side::Backend)),
            (_, Poll::Ready(Err(Fault::Write))) => Poll::Ready(End::Failed(Side::Client)),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(self.over()),
            _ => Poll::Pending,
        }
    }

    /// Begins to end both directions: what is held is delivered, then the end is told.
    fn part(&mut self, watch: &Watch) {
        self.parting = true;
        self.up.part();
        self.down.part();
        watch.rearm(PART_MS);
    }

    /// The end of a pair in which no peer has failed.
    fn over(&self) -> End {
        if self.parting {
            // Who did not take the rest in time must not think that it has everything.
            return End::Drained { reset: self.up.holds() || self.down.holds() };
        }
        if self.down.was_cut_short() { End::Abandoned } else { End::Complete }
    }

    /// Bytes that moved put off the deadline, which is near when all that is left is to let go.
    fn rearm(&mut self, watch: &Watch, idle_timeout_ms: u32, backend: &BackendCells) {
        let moved = [self.up.take_moved(), self.down.take_moved()];
        self.answer.note(moved[0], moved[1], backend);
        let now_ms = self.ctx.clock.now_ms();
        for (at_ms, moved) in self.moved_ms.iter_mut().zip(moved) {
            if moved {
                *at_ms = now_ms;
            }
        }
        if self.parting {
            return;
        }
        let lets_go = self.up.is_over() && self.down.is_over();
        if lets_go != self.lingering || moved != [false; 2] || self.up.is_stalled() || self.down.is_stalled() {
            self.lingering = lets_go;
            let (since_ms, after_ms) =
                if lets_go { (now_ms, LINGER_MS) } else { (self.silent_since_ms(), idle_timeout_ms) };
            watch.rearm_since(since_ms, after_ms);
        }
    }

    /// Since when the direction that is silent for longest is, or both where neither is stalled.
    fn silent_since_ms(&self) -> u64 {
        let [up_ms, down_ms] = self.moved_ms;
        let either_ms = up_ms.max(down_ms);
        let stalled_ms = |is_stalled: bool, at_ms: u64| if is_stalled { at_ms } else { either_ms };
        stalled_ms(self.up.is_stalled(), up_ms).min(stalled_ms(self.down.is_stalled(), down_ms))
    }

    /// Closes both sockets: a failed peer's reset is passed on as a reset, and so is a cut.
    pub(super) fn close(self, end: End) {
        if matches!(end, End::Failed(Side::Client) | End::Cut | End::Drained { reset: true }) {
            reset(&self.backend);
        }
        if matches!(end, End::Failed(Side::Backend) | End::Cut | End::Drained { reset: true }) {
            reset(&self.client);
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.up.release(&self.ctx);
        self.down.release(&self.ctx);
    }
}

impl Answer {
    fn note(&mut self, asked: bool, answered: bool, backend: &BackendCells) {
        let Some(since) = self.since else { return };
        if answered {
            let us = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
            backend.latency.record(us);
            self.since = None;
        } else if asked && !self.asked {
            (self.asked, self.since) = (true, Some(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests;
