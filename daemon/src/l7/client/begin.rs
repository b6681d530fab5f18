//! The beginning of a request: its head is read, where it goes is found out, and what a backend
//! gets of it is written.
//!
//! Whoever may not be served is told by `answer`; nothing is sent from here. Called by `client` once
//! a head is complete.

use std::net::SocketAddr;
use std::time::Instant;

use poise_core::http::fields::FieldStore;
use poise_core::http::framing::Body;
use poise_core::http::locate::locate;
use poise_core::http::onward::{Forwarded, PeerText};
use poise_core::http::refusal::Refusal;
use poise_core::http::request::RequestHead;
use poise_core::http::response::Asked;
use poise_core::journal::Version;
use poise_core::live::UnderWay;
use poise_core::persistence::{CookieRule, Mark};
use poise_core::route::{Ambiguous, Place};
use poise_ipc::cause::Cause;

use super::{Relay, Request};
use crate::l7::attempt::Transfer;
use crate::l7::exchange::Course;
use crate::l7::journal::{Journal, Told};
use crate::l7::pick::{self, Pick, Unpicked};
use crate::l7::upload::Upload;
use crate::tls;

impl Relay {
    /// Begins a request whose head is the first `len` of `bytes`, and may be read into `store` already.
    pub(super) fn begin(&mut self, bytes: &[u8], len: usize, store: &mut FieldStore) -> Result<Request, Refusal> {
        self.cells().requests.add(1);
        self.ctx.l7.earn();
        let parsed = RequestHead::parse(&bytes[..len], store);
        let head = parsed.inspect_err(|&refusal| self.witness(&refusal, bytes, locate(&bytes[..len], refusal)))?;
        let found = self.listener.routes.find(&head).map_err(|Ambiguous| Refusal::PathAmbiguous);
        self.route = found.inspect_err(|&refusal| self.witness(&refusal, bytes, locate(&bytes[..len], refusal)))?;
        let (body, used) = self.body(&head, bytes, len)?;
        let begun = Instant::now();
        let head_since = self.head_since.take();
        let mut journal = Journal::begin(&self.ctx, &self.listener, self.peer, begun, || Some(self.told(&head)));
        if let (Some(journal), Some(since)) = (&mut journal, head_since) {
            journal.dripped(begun.duration_since(since));
        }
        let mut first = self.onward(&head, journal.as_deref());
        first.extend_from_slice(&bytes[len..used]);
        self.carry.put(&bytes[used..]);
        let under_way = self.count(used as u64, journal.as_deref_mut());
        let (pick, mark) = self.pick(&head, journal.as_deref_mut());
        let course = Course {
            asked: Asked {
                head: head.is_head(),
                switch: head.switches,
                http10: !head.is_http11,
                as_http10: !head.goes_as_http11(),
            },
            keep_alive: head.keep_alive,
            expects_continue: head.expects_continue,
            is_idempotent: head.is_idempotent(),
            mark,
            response_timeout_ms: self.route().settings.response_timeout_ms,
            begun,
            journal,
            closes: false,
            reuses: false,
            is_error: false,
            is_tunnel: false,
            _under_way: under_way,
        };
        Ok(Request { transfer: Box::new(Transfer { upload: Upload::new(first, body), course }), pick })
    }

    /// What has come of the body behind a head of `len` bytes, and where it ends in `bytes`.
    fn body(&self, head: &RequestHead<'_, '_>, bytes: &[u8], len: usize) -> Result<(Body, usize), Refusal> {
        let bytes_max = self.listener.settings.limits.body_bytes_max.map(|max| max.0);
        let mut body =
            Body::within(head.framing, bytes_max).inspect_err(|refusal| self.witness(refusal, bytes, len))?;
        let pushed = body.push(&bytes[len..]);
        let used = len + pushed.inspect_err(|&refusal| self.witness(&refusal, bytes, len + body.broken_at()))?;
        Ok((body, used))
    }

    /// The head that a backend gets.
    fn onward(&mut self, head: &RequestHead<'_, '_>, journal: Option<&Journal>) -> Vec<u8> {
        let (vouched, client) = self.find_sender(head);
        let mut first = self.ctx.l7.buffer();
        let route = self.route();
        let forwarded = Forwarded {
            rule: &self.listener.forwarding,
            peer: &self.peer_text,
            client: client.as_ref(),
            vouched,
            version: self.version(head),
            id: journal.map(Journal::id_field),
            restores: route.persistence.cookie().and_then(CookieRule::restores),
            edits: &route.settings.request_headers,
        };
        head.write(forwarded, &mut first);
        first
    }

    /// Counts a request and what has come of it.
    fn count(&self, bytes: u64, journal: Option<&mut Journal>) -> Option<UnderWay> {
        let route = self.route();
        self.cells().bytes_in.add(bytes);
        let under_way = route.live.as_ref().map(|live| {
            live.worker(self.ctx.index).bytes_in.add(bytes);
            UnderWay::begin(live, self.ctx.index)
        });
        if let Some(journal) = journal {
            journal.moved(bytes, 0);
            journal.came(self.sender.ip(), self.client.tls_version());
            if let Some(name) = &route.name {
                journal.routed(name);
            }
        }
        under_way
    }

    /// Finds out who a request is from; returns whether its peer is believed, and the text of the
    /// client where that is somebody else.
    fn find_sender(&mut self, head: &RequestHead<'_, '_>) -> (bool, Option<PeerText>) {
        if !self.listener.forwarding.trusts_anybody() {
            self.sender = self.peer;
            return (false, None);
        }
        let sender = self.listener.forwarding.client(self.peer.ip(), head);
        let is_peer = sender.client == self.peer.ip().to_canonical();
        // Which port it came from, nobody says.
        self.sender = if is_peer { self.peer } else { SocketAddr::new(sender.client, 0) };
        (sender.vouched, (!is_peer).then(|| PeerText::new(sender.client)))
    }

    /// Whether a request may be served, by who sent it and which way it has come.
    fn judge(&self, head: &RequestHead<'_, '_>) -> Result<(), Cause> {
        let listener = &self.listener;
        if listener.forwarding.goes_round(head) {
            return Err(Cause::Loop);
        }
        if listener.forwarding.trusts(self.peer.ip()) && !listener.access.admits(self.sender.ip()) {
            return Err(Cause::Denied);
        }
        match listener.settings.limits.source_requests_max {
            Some(max) => listener.limiter.request(self.sender.ip(), max.0, self.ctx.clock.now_ms()),
            None => Ok(()),
        }
    }

    /// What the access log tells of a request.
    fn told<'b>(&self, head: &RequestHead<'_, 'b>) -> Told<'b> {
        let settings = &self.listener.settings;
        let id = head.value(&settings.access_log.id_header);
        let id = id.filter(|_| self.listener.forwarding.trusts(self.peer.ip()));
        Told {
            method: head.method,
            target: head.path(),
            host: head.authority().unwrap_or_default(),
            agent: head.value("User-Agent").unwrap_or_default(),
            referer: head.value("Referer").unwrap_or_default(),
            version: self.version(head),
            id: id.unwrap_or_default(),
        }
    }

    /// What the client speaks: a stream is read as if it were HTTP/1.1.
    fn version(&self, head: &RequestHead<'_, '_>) -> Version {
        if self.client.is_http2() { Version::Http2 } else { head.version() }
    }

    /// Whether a request has come by a connection that is not for its target. The scheme of an
    /// absolute target says what it takes; a trusted peer may have ended TLS before us. HTTP/2 names a
    /// scheme with every request, and gateways that of another hop.
    fn is_misdirected(&self, head: &RequestHead<'_, '_>) -> bool {
        let fits = self.client.is_http2() || head.fits(self.client.is_tls());
        let fits = fits || self.listener.forwarding.trusts(self.peer.ip());
        !fits || tls::misdirects(&self.ctx, &self.listener, head.authority())
    }

    /// Where a request goes: elsewhere, or to a backend of its route.
    fn pick(&mut self, head: &RequestHead<'_, '_>, journal: Option<&mut Journal>) -> (Result<Pick, Unpicked>, Mark) {
        if let Err(cause) = self.judge(head) {
            return (Err(Unpicked::Nobody(cause)), Mark::default());
        }
        if self.is_misdirected(head) {
            return (Err(Unpicked::Nobody(Cause::Misdirected)), Mark::default());
        }
        let route = self.listener.routes.at(self.route);
        if route.settings.redirect.is_on() {
            let place = Place::of(&route.settings.redirect, self.client.is_tls(), head);
            let unpicked = place.map_or(Unpicked::Nobody(Cause::BadRequest), Unpicked::Elsewhere);
            return (Err(unpicked), Mark::default());
        }
        let visit = pick::visit(&self.ctx, (&self.listener, route), head);
        let mark = visit.map(|visit| visit.mark).unwrap_or_default();
        let Some(group) = pick::group(route, visit.as_ref()) else {
            return (Err(Unpicked::Nobody(Cause::NoBackend)), mark);
        };
        let pick = pick::first(&route.groups[group], self.sender.ip(), visit.as_ref());
        if let Some(journal) = journal {
            journal.begins(&route.groups[group].name, visit.as_ref(), pick.as_ref().ok());
        }
        route.groups[group].came(self.ctx.index);
        self.group = group;
        (pick, mark)
    }
}
