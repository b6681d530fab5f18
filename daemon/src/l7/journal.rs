//! What is told of one request: filled along the way, by the HTTP/1 relay and the HTTP/2 server
//! alike, and written as one line of the access log when it is dropped.
//!
//! A listener without a log makes none, so its requests pay one comparison. The line is rendered
//! here and goes to the writer through the worker's ring; nothing waits. Ids of requests are made
//! here too. It opens no file (`access_log`).

mod logbook;

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use poise_core::http::onward::IdField;
use poise_core::journal::{Entry, Format, Line, Load, RequestId, Stage, Times, Version};
use poise_core::persistence::Visit;
use poise_core::plan::{BackendPlan, ListenerPlan};
use poise_ipc::Name;
use poise_ipc::cause::Cause;
use poise_ipc::model::LogFormat;
use poise_ipc::persistence::PersistenceVerdict;

pub(crate) use self::logbook::Logbook;
use super::pick::Pick;
use crate::wall;
use crate::worker::WorkerContext;

/// Bytes of one field that are kept: a target may be as long as its limit, but a line that holds
/// all of it helps nobody.
const FIELD_BYTES_MAX: usize = 4 << 10;
/// Bytes of an id that a trusted proxy may bring: a longer one is replaced.
const ID_BYTES_MAX: usize = 128;

/// What a request asks for, as far as it is logged. Empty members are left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) target: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) agent: &'a [u8],
    pub(crate) referer: &'a [u8],
    pub(crate) version: Version,
    /// The id that it came with, where its sender is trusted.
    pub(crate) id: &'a [u8],
}

/// One request of a listener that keeps a log. Dropping it writes its line: as a request that ended
/// well if [`Journal::answered`] or [`Journal::replied`] was told, else as one whose client left.
pub(crate) struct Journal {
    ctx: Rc<WorkerContext>,
    listener: Arc<ListenerPlan>,
    format: Format,
    peer: SocketAddr,
    client: IpAddr,
    at_ms: u64,
    begun: Instant,
    /// Everything that is text, one after the other.
    text: Vec<u8>,
    id: Range<usize>,
    asked: Option<Asked>,
    route: Option<Range<usize>>,
    group: Option<Range<usize>>,
    backend: Option<Range<usize>>,
    status: Option<u16>,
    cause: Option<Cause>,
    stage: Stage,
    /// Microseconds from the head to where the phase that is under way began.
    phase_us: u64,
    times: Times,
    attempts: u32,
    bond: Option<PersistenceVerdict>,
    binds: Cell<bool>,
    tls: Option<&'static str>,
    backend_inflight: u32,
    bytes_in: u64,
    bytes_out: u64,
}

/// Where in the text a request stands.
struct Asked {
    method: Range<usize>,
    target: Range<usize>,
    host: Range<usize>,
    agent: Range<usize>,
    referer: Range<usize>,
    version: Version,
}

impl Journal {
    /// Begins to tell of a request whose head was complete at `begun`; nothing when the listener
    /// keeps no log. `told` is only called when it does, and gives nothing when the head could not
    /// be read.
    #[inline]
    pub(crate) fn begin<'a>(
        ctx: &Rc<WorkerContext>,
        listener: &Arc<ListenerPlan>,
        peer: SocketAddr,
        begun: Instant,
        told: impl FnOnce() -> Option<Told<'a>>,
    ) -> Option<Box<Self>> {
        let format = match listener.settings.access_log.format {
            LogFormat::Off => return None,
            LogFormat::Json => Format::Json,
            LogFormat::Haproxy => Format::Haproxy,
            LogFormat::Combined => Format::Combined,
        };
        let mut journal = Box::new(Self {
            ctx: Rc::clone(ctx),
            listener: Arc::clone(listener),
            format,
            peer,
            client: peer.ip().to_canonical(),
            at_ms: wall::now_ms(),
            begun,
            text: ctx.l7.buffer(),
            id: 0..0,
            asked: None,
            route: None,
            group: None,
            backend: None,
            status: None,
            cause: None,
            stage: Stage::Request,
            phase_us: 0,
            times: Times::default(),
            attempts: 0,
            bond: None,
            binds: Cell::new(false),
            tls: None,
            backend_inflight: 0,
            bytes_in: 0,
            bytes_out: 0,
        });
        journal.told(told());
        Some(journal)
    }

    fn told(&mut self, told: Option<Told<'_>>) {
        let brought = told.map(|told| told.id).filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()));
        self.id = match brought {
            Some(id) => self.keep(id),
            None => self.keep(self.ctx.logbook.id().as_bytes()),
        };
        self.asked = told.map(|told| Asked {
            method: self.keep(told.method),
            target: self.keep(told.target),
            host: self.keep(told.host),
            agent: self.keep(told.agent),
            referer: self.keep(told.referer),
            version: told.version,
        });
    }

    /// The id of the request, for the backend and our own replies.
    pub(crate) fn id(&self) -> &[u8] {
        &self.text[self.id.clone()]
    }

    /// The field that tells a backend the id.
    pub(crate) fn id_field(&self) -> IdField<'_> {
        IdField { name: &self.listener.settings.access_log.id_header, value: self.id() }
    }

    /// Who the client is, when trusted proxies say so, and what it speaks with us.
    pub(crate) fn came(&mut self, client: IpAddr, tls: Option<&'static str>) {
        (self.client, self.tls) = (client, tls);
    }

    /// Its head took so long to come.
    pub(crate) fn dripped(&mut self, head: Duration) {
        self.times.head_us = micros(head);
    }

    /// The route that takes it.
    pub(crate) fn routed(&mut self, route: &Name) {
        self.route = Some(self.keep(route.as_str().as_bytes()));
    }

    /// A backend was picked, at once or, with `waited`, after a wait. A later pick is a retry.
    pub(crate) fn picked(&mut self, group: &Name, backend: &BackendPlan, waited: bool) {
        self.group = Some(self.keep(group.as_str().as_bytes()));
        self.backend = Some(self.keep(backend.name.as_str().as_bytes()));
        self.backend_inflight = backend.live.inflight.load(Ordering::Relaxed);
        self.stage = Stage::Connect;
        if waited {
            self.phase_us = self.elapsed_us();
        }
        self.times.queue_us = Some(self.times.queue_us.unwrap_or(self.phase_us));
    }

    /// What its cookie said, and the backend that it goes to unless it has to wait.
    pub(super) fn begins(&mut self, group: &Name, visit: Option<&Visit<'_>>, pick: Option<&Pick>) {
        self.bond = visit.map(|visit| visit.mark.verdict);
        if let Some(pick) = pick {
            self.picked(group, &pick.backend, false);
        }
    }

    /// It waits until a backend of this group has room.
    pub(crate) fn waits(&mut self, group: &Name) {
        self.group = Some(self.keep(group.as_str().as_bytes()));
        self.stage = Stage::Queue;
    }

    /// What persistence said of its cookie.
    pub(crate) fn bound(&mut self, bond: PersistenceVerdict) {
        self.bond = Some(bond);
    }

    /// The response sets or rewrites the cookie.
    pub(crate) fn binds(&self) {
        self.binds.set(true);
    }

    /// The backend is reached: over a connection that was open already, or a new one.
    pub(crate) fn connected(&mut self, reused: bool) {
        self.attempts += 1;
        self.stage = Stage::Response;
        self.times.connect_us = Some(if reused { 0 } else { self.elapsed_us().saturating_sub(self.phase_us) });
    }

    /// The final head of the response has arrived, so long after the head of the request.
    pub(crate) fn answered(&mut self, status: u16, first_byte_us: u64) {
        self.status = Some(status);
        self.stage = Stage::Data;
        self.times.first_byte_us = Some(first_byte_us);
    }

    /// It ended badly. The client was told the status of the cause if `told`.
    pub(crate) fn failed(&mut self, cause: Cause, told: bool) {
        self.cause = Some(cause);
        if told {
            self.status = cause.status();
        }
        if self.times.queue_us.is_none() && self.stage == Stage::Queue {
            self.times.queue_us = Some(self.elapsed_us());
        }
    }

    /// poise itself answered, and nothing was wrong: a redirect.
    pub(crate) fn replied(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Counts bytes from and to the client.
    pub(crate) fn moved(&mut self, bytes_in: u64, bytes_out: u64) {
        self.bytes_in += bytes_in;
        self.bytes_out += bytes_out;
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.text.len();
        self.text.extend_from_slice(&bytes[..bytes.len().min(FIELD_BYTES_MAX)]);
        start..self.text.len()
    }

    fn elapsed_us(&self) -> u64 {
        micros(self.begun.elapsed())
    }

    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// A name, which came from the plan.
    fn name(&self, range: Option<&Range<usize>>) -> Option<&str> {
        std::str::from_utf8(self.text(range?)).ok()
    }

    fn line(&self) -> Option<Line<'_>> {
        let asked = self.asked.as_ref()?;
        let [method, target, host] = [&asked.method, &asked.target, &asked.host].map(|range| self.text(range));
        Some(Line { method, target, host, version: asked.version })
    }

    /// What else is open. Other workers' counters are read, so only the format that shows it pays.
    fn load(&self) -> Load {
        if self.format != Format::Haproxy {
            return Load::default();
        }
        Load {
            listener: self.listener.live.open(),
            backend: self.backend_inflight.into(),
            queued: self.listener.group.queue.status().queued.into(),
        }
    }

    fn entry(&self) -> Entry<'_> {
        let left = self.status.is_none() && self.cause.is_none();
        Entry {
            at_ms: self.at_ms,
            id: self.id(),
            listener: self.listener.name.as_str(),
            route: self.name(self.route.as_ref()),
            group: self.name(self.group.as_ref()),
            backend: self.name(self.backend.as_ref()),
            peer: self.peer,
            client: self.client,
            asked: self.line(),
            agent: self.asked.as_ref().map_or(&[], |asked| self.text(&asked.agent)),
            referer: self.asked.as_ref().map_or(&[], |asked| self.text(&asked.referer)),
            status: self.status,
            cause: self.cause.or(left.then_some(Cause::ClientClosed)),
            stage: self.stage,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            times: Times { total_us: self.elapsed_us(), ..self.times },
            retries: self.attempts.saturating_sub(1),
            bond: self.bond,
            binds: self.binds.get(),
            tls: self.tls,
            load: self.load(),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Drop for Journal {
    fn drop(&mut self) {
        let sent = self.ctx.logbook.write(self.listener.id, |line| self.entry().write(self.format, line));
        if !sent {
            self.listener.live.worker(self.ctx.index).lines_dropped.add(1);
        }
        self.ctx.l7.reuse(std::mem::take(&mut self.text));
    }
}

/// The id of a request that has no journal, for a reply of our own.
pub(crate) fn id_of(ctx: &WorkerContext, journal: Option<&Journal>) -> Id {
    match journal {
        Some(journal) => Id::Kept(journal.id().to_vec()),
        None => Id::Made(ctx.logbook.id()),
    }
}

/// The id of a request in a reply.
pub(crate) enum Id {
    /// As it was made now.
    Made(RequestId),
    /// As its journal has it.
    Kept(Vec<u8>),
}

impl Id {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Made(id) => id.as_bytes(),
            Self::Kept(id) => id,
        }
    }
}
