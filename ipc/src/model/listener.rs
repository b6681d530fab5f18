//! Listeners: where poised accepts, for whom, and with which bounds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AccessLog, ListenerTls, Redirect, ReplyRule, Route};
use super::{Bandwidth, Bind, ByteSize, ClientAddress, CookieSecure, Count, ForwardedFor, Http2, Mode, NetworkRule};
use super::{PersistenceKind, Protocol, ProxyMode, Redispatch, SameSite};
use crate::limits;
use crate::name::Name;

/// An address, port and protocol that poised accepts on (S-01, S-02).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Where it accepts (S-03).
    pub bind: Bind,
    /// Whether one on `[::]` takes IPv4 too.
    pub dual_stack: bool,
    /// Who may connect to a Unix socket.
    pub socket_mode: Mode,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The group that receives the traffic; `http`, `https`: what no route takes. `tcp` and `udp`
    /// need one; without one, requests that no route takes get 404 (C1).
    pub group: Option<Name>,
    /// Whether later work of a client goes to the same backend.
    pub persistence: Persistence,
    /// Silence after which a connection or flow is closed, in milliseconds: for `tcp` per direction
    /// (default 900 s, S-57), for `http` between two requests of a client (default 60 s), for `udp`
    /// without a datagram either way (default 30 s).
    pub idle_timeout_ms: u32,
    /// `udp`: datagrams of the backend after which a flow ends; 0: as many as come.
    pub replies_max: u16,
    /// Time to reach a backend before the next one is tried, in milliseconds.
    pub connect_timeout_ms: u32,
    /// `http`: silence of a backend after which the client gets 504, in milliseconds (S-56).
    pub response_timeout_ms: u32,
    /// Silence after which TCP asks its peer for a sign of life, in milliseconds; never if absent.
    pub keepalive_ms: Option<u32>,
    /// Time that sent bytes may stay unacknowledged before TCP gives up, in milliseconds (RFC 5482);
    /// the kernel's own if absent.
    pub user_timeout_ms: Option<u32>,
    /// `http`: what happens to `X-Forwarded-For` (S-52, S-54).
    pub forwarded_for: ForwardedFor,
    /// `tcp`, `udp`: how backends learn the client's address (S-52, S-53).
    pub client_address: ClientAddress,
    /// Whether clients send a PROXY protocol header.
    pub accept_proxy: AcceptProxy,
    /// Bounds on what it takes.
    pub limits: ListenerLimits,
    /// Who may come (S-62).
    pub access: Access,
    /// `http`, `https`: rules that send requests elsewhere.
    pub routes: BTreeMap<Name, Route>,
    /// `http`, `https`: where requests that no route takes are sent, before any group.
    pub redirect: Redirect,
    /// `https`: its certificates and what is spoken.
    pub tls: ListenerTls,
    /// `http`, `https`: whether clients may speak HTTP/2.
    pub http2: Http2,
    /// `http`, `https`: time from the first byte of a head to its last, in milliseconds.
    pub head_timeout_ms: u32,
    /// `http`, `https`: what happens to `Forwarded` (RFC 7239).
    pub forwarded: ForwardedFor,
    /// `http`, `https`: whether backends get the client's address in `X-Real-IP`.
    pub real_ip: bool,
    /// `http`, `https`: proxies whose word on the client's address is believed (L-15).
    pub trusted: Vec<NetworkRule>,
    /// `http`, `https`: the log of its requests.
    pub access_log: AccessLog,
    /// `http`, `https`: what poised's own replies say.
    pub replies: Vec<ReplyRule>,
    /// `http`, `https`: whether requests are marked by `Via`; by `CDN-Loop` (RFC 8586) if not, so that
    /// one that comes round is known either way (L-06).
    pub via: bool,
}

impl Listener {
    /// A listener with every default of its protocol.
    pub fn new(bind: impl Into<Bind>, protocol: Protocol, group: Name) -> Self {
        Self {
            bind: bind.into(),
            dual_stack: false,
            socket_mode: limits::SOCKET_MODE_DEFAULT,
            protocol,
            group: Some(group),
            persistence: Persistence::default(),
            idle_timeout_ms: protocol.idle_timeout_ms_default(),
            replies_max: 0,
            connect_timeout_ms: limits::CONNECT_TIMEOUT_MS_DEFAULT,
            response_timeout_ms: limits::RESPONSE_TIMEOUT_MS_DEFAULT,
            keepalive_ms: None,
            user_timeout_ms: None,
            forwarded_for: ForwardedFor::default(),
            client_address: ClientAddress::default(),
            accept_proxy: AcceptProxy::default(),
            limits: ListenerLimits::default(),
            access: Access::default(),
            routes: BTreeMap::new(),
            redirect: Redirect::default(),
            tls: ListenerTls::default(),
            http2: Http2::default(),
            head_timeout_ms: limits::HEAD_TIMEOUT_MS_DEFAULT,
            forwarded: ForwardedFor::Off,
            real_ip: false,
            trusted: Vec::new(),
            access_log: AccessLog::default(),
            replies: Vec::new(),
            via: true,
        }
    }

    /// The same listener without its routes.
    #[must_use]
    pub fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.routes.clear();
        bare
    }

    /// The groups that its traffic may go to: its own and those of its routes.
    pub fn groups(&self) -> impl Iterator<Item = &Name> {
        self.group.iter().chain(self.routes.values().flat_map(Route::groups))
    }
}

/// Later work of a client goes to the same backend. Members beside another kind than their own do
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persistence {
    /// What it goes by.
    pub kind: PersistenceKind,
    /// `source`: how long an entry outlives its last use, `cookie-insert`: age after which the
    /// client drops the cookie; in milliseconds.
    pub timeout_ms: u32,
    /// `cookie-insert`: name of the cookie (S-45).
    pub cookie: String,
    /// `source`: bits of an IPv4 address that make a client.
    pub prefix_v4: u16,
    /// `source`: bits of an IPv6 address that make a client.
    pub prefix_v6: u16,
    /// What happens to a client whose backend may not be used.
    pub redispatch: Redispatch,
    /// Cookies: longest time between two requests of a client before it is forgotten, in
    /// milliseconds; enforced by poised, not by the client.
    pub idle_ms: Option<u32>,
    /// Cookies: longest time that a client stays with its backend, in milliseconds; likewise.
    pub life_ms: Option<u32>,
    /// `cookie-insert`: paths that the cookie is for (RFC 6265 section 4.1.2.4).
    pub path: String,
    /// `cookie-insert`: domain that the cookie is for; the host of the request if absent.
    pub domain: Option<String>,
    /// `cookie-insert`: whether it travels over TLS only.
    pub secure: CookieSecure,
    /// `cookie-insert`: whether scripts may not read it.
    pub http_only: bool,
    /// `cookie-insert`: whether it travels with requests that other sites cause.
    pub same_site: SameSite,
    /// `cookie-insert`: whether shared caches are told to keep a response that sets it private.
    pub cache_guard: bool,
}

impl Default for Persistence {
    fn default() -> Self {
        Self {
            kind: PersistenceKind::Off,
            timeout_ms: limits::PERSISTENCE_TIMEOUT_MS_DEFAULT,
            cookie: limits::COOKIE_NAME_DEFAULT.to_owned(),
            prefix_v4: limits::PREFIX_V4_DEFAULT,
            prefix_v6: limits::PREFIX_V6_DEFAULT,
            redispatch: Redispatch::Move,
            idle_ms: None,
            life_ms: None,
            path: limits::COOKIE_PATH_DEFAULT.to_owned(),
            domain: None,
            secure: CookieSecure::default(),
            http_only: true,
            same_site: SameSite::default(),
            cache_guard: true,
        }
    }
}

impl Persistence {
    /// By the client's address, for so long after its last use.
    pub fn source(timeout_ms: u32) -> Self {
        Self { kind: PersistenceKind::Source, timeout_ms, ..Self::default() }
    }

    /// By an inserted cookie of this name and life.
    pub fn cookie_insert(cookie: impl Into<String>, timeout_ms: u32) -> Self {
        Self { kind: PersistenceKind::CookieInsert, cookie: cookie.into(), timeout_ms, ..Self::default() }
    }
}

/// Whether clients send a PROXY protocol header, and which of them are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptProxy {
    /// Whether one is read.
    pub mode: ProxyMode,
    /// Who may send one.
    pub from: Vec<NetworkRule>,
}

/// Bounds on what a listener takes; what is absent has no bound but the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerLimits {
    /// Connections or flows open at once.
    pub connections_max: Option<Count>,
    /// Connections or flows open at once of one client address.
    pub source_connections_max: Option<Count>,
    /// New connections or flows per second of one client address.
    pub source_rate_max: Option<Count>,
    /// Bits per second from clients (S-02).
    pub bandwidth_in: Option<Bandwidth>,
    /// Bits per second to clients (S-02).
    pub bandwidth_out: Option<Bandwidth>,
    /// `http`, `https`: bytes of a head, request or response (L-05).
    pub head_bytes_max: Count,
    /// `http`, `https`: fields of a head.
    pub fields_max: Count,
    /// `http`, `https`: bytes of a request's target.
    pub target_bytes_max: Count,
    /// `http`, `https`: bytes of a request's body.
    pub body_bytes_max: Option<ByteSize>,
    /// `http`, `https`: bytes per second below which a request's body is too slow; 0: none is.
    pub body_rate_min: Count,
    /// `http`, `https`: requests of one HTTP/2 connection under way at once.
    pub streams_max: Count,
    /// `http`, `https`: requests per second of one client address.
    pub source_requests_max: Option<Count>,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections_max: None,
            source_connections_max: None,
            source_rate_max: None,
            bandwidth_in: None,
            bandwidth_out: None,
            head_bytes_max: limits::HEAD_BYTES_DEFAULT,
            fields_max: limits::FIELDS_DEFAULT,
            target_bytes_max: limits::TARGET_BYTES_DEFAULT,
            body_bytes_max: None,
            body_rate_min: limits::BODY_RATE_DEFAULT,
            streams_max: limits::STREAMS_DEFAULT,
            source_requests_max: None,
        }
    }
}

/// Who may come. The most specific network that holds a client decides, `deny` where both name the
/// same; a client in none may come unless `allow` has an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Networks that may come; when there is one, nobody else may.
    pub allow: Vec<NetworkRule>,
    /// Networks that may not.
    pub deny: Vec<NetworkRule>,
}
