//! What poise says to a client itself: replies, redirects and the goodbye.
//!
//! The words are of `reply`; here they are counted, written to the log and sent. Called by `client`,
//! by `attempt` when no backend answers, and by `farewell`.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use poise_core::http::onward::IdField;
use poise_core::route::Place;
use poise_ipc::cause::Cause;
use tracing::debug;

use super::{Refused, Relay};
use crate::l7::held::Held;
use crate::l7::journal::{Journal, id_of};
use crate::l7::reply::{Telling, redirect, reply};
use crate::worker::Phase;

/// How long a client that was told goodbye may go on sending, in milliseconds. Closing at once
/// would reset the connection and could take the reply with it.
const LINGER_MS: u32 = 2_000;
/// How much of that is read before the connection is closed after all, in bytes.
const LINGER_BYTES_MAX: usize = 1 << 20;

impl Relay {
    /// Says why a request is not served, and ends the connection.
    pub(in crate::l7) async fn refuse(&mut self, cause: Cause, refused: Option<Refused>) {
        self.ended(None, cause);
        let mut telling = Telling::of(cause, false, false);
        if let Some(Refused { refusal, excess }) = refused {
            match &excess {
                Some(excess) => debug!(listener = %self.listener.name, client = %self.peer, %excess, "request refused"),
                None => {
                    debug!(listener = %self.listener.name, client = %self.peer, reason = %refusal, "request refused");
                }
            }
            (telling.refusal, telling.excess) = (Some(refusal), excess);
        }
        let begun = Instant::now();
        let mut journal = Journal::begin(&self.ctx, &self.listener, self.peer, begun, || None);
        if let (Some(journal), Some(since)) = (&mut journal, self.head_since.take()) {
            journal.dripped(begun.duration_since(since));
        }
        let sent = self.tell(telling, journal).await;
        self.end(sent, false).await;
    }

    /// Sends the client elsewhere; true when the connection may live on.
    pub(in crate::l7) async fn redirect(
        &mut self,
        place: &Place,
        (keep_alive, head_only): (bool, bool),
        journal: Option<Box<Journal>>,
    ) -> bool {
        let keep_alive = keep_alive && self.stays();
        let reply = redirect(place, keep_alive, head_only);
        if let Some(mut journal) = journal {
            journal.replied(place.status);
            journal.moved(0, reply.len() as u64);
        }
        let sent = self.write(reply).await;
        self.end(sent, keep_alive).await
    }

    /// Answers for poise itself; true when the connection may live on.
    pub(in crate::l7) async fn answer(&mut self, telling: Telling, journal: Option<Box<Journal>>) -> bool {
        let keep_alive = telling.keep_alive && self.stays();
        let sent = self.tell(Telling { keep_alive, ..telling }, journal).await;
        self.end(sent, keep_alive).await
    }

    /// Nothing of ours ends the connection after this request.
    fn stays(&self) -> bool {
        !self.leaves && self.ctx.phase() == Phase::Serving
    }

    /// After a reply: true when the connection lives on; else the client is left the time to read it.
    async fn end(&mut self, sent: bool, keep_alive: bool) -> bool {
        if sent && !keep_alive {
            self.linger().await;
        }
        sent && keep_alive
    }

    /// Writes a reply of our own and its line of the log; true when the client got it.
    async fn tell(&mut self, telling: Telling, mut journal: Option<Box<Journal>>) -> bool {
        let id = id_of(&self.ctx, journal.as_deref());
        let name = &self.listener.settings.access_log.id_header;
        let page = self.ctx.pages.page(&self.listener.settings, telling.cause);
        let reply = reply(&telling, IdField { name, value: id.as_bytes() }, page.as_deref());
        if let Some(journal) = &mut journal {
            journal.failed(telling.cause, reply.is_some());
            journal.moved(0, reply.as_ref().map_or(0, Vec::len) as u64);
        }
        match reply {
            Some(reply) => self.write(reply).await,
            None => false,
        }
    }

    async fn write(&mut self, bytes: Vec<u8>) -> bool {
        let mut held = Held::new(bytes);
        self.watch.rearm(self.listener.settings.idle_timeout_ms);
        poll_fn(|cx| match held.write(cx, &mut self.client) {
            Ok(sent) => {
                self.sent(sent as u64);
                if held.is_empty() { Poll::Ready(true) } else { self.watch.poll_alarm(cx).map(|_| false) }
            }
            Err(_) => Poll::Ready(false),
        })
        .await
    }

    /// Reads and drops what the client still sends, so that it can read the reply.
    pub(in crate::l7) async fn linger(&mut self) {
        self.watch.rearm(LINGER_MS);
        let ctx = Rc::clone(&self.ctx);
        let (mut left, mut is_finished) = (LINGER_BYTES_MAX, false);
        poll_fn(|cx| {
            is_finished = is_finished || self.client.finish(cx);
            while left > 0 {
                match ctx.scratch.with(|scratch| self.client.poll_read(cx, scratch)) {
                    Poll::Pending => return self.watch.poll_alarm(cx).map(|_| ()),
                    Poll::Ready(Ok(count)) if count > 0 => left = left.saturating_sub(count),
                    Poll::Ready(_) => break,
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}
