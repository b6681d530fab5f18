//! What is made once of a target and used by many probes: the request, the payload, what must come
//! back, and how TLS is spoken.
//!
//! Made anew when the question of the target changes. It sends nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, Request, header};
use poise_core::proxy::{Transport, encode_v1, encode_v2};
use poise_ipc::model::{Address, BackendProtocol, CheckMethod, CheckProtocol, CheckProxy, CheckVersion, HealthCheck};

use super::target::Target;
use super::wanted::Wanted;
use super::{grpc, http};
use crate::tls::ClientTls;

/// What is ready for every probe of a target.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What goes ahead of everything else, TLS included.
    pub(super) header: Vec<u8>,
    /// How the answer is asked for.
    pub(super) question: Question,
    /// What must come back.
    pub(super) wanted: Wanted,
    /// How TLS is spoken, if it is.
    pub(super) tls: Option<Secured>,
}

/// How TLS is spoken to a backend.
#[derive(Debug)]
pub(super) struct Secured {
    /// The address that its certificate is for, unless a name is.
    pub(super) address: Address,
    /// None: gone from what is published, because the target is about to change.
    pub(super) settings: Option<Arc<ClientTls>>,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum Question {
    /// Nothing: the connection is enough.
    Connection,
    /// These bytes, which may be none.
    Payload(Vec<u8>),
    /// An HTTP/1 request as it is sent; and whether its answer has no body.
    Http1(Vec<u8>, bool),
    /// An HTTP/2 request and its body.
    Http2(Box<Request<()>>, Bytes),
    /// A call of the health service, and its message.
    Grpc(Box<Request<()>>, Bytes),
    /// A request that cannot be written.
    Nothing,
}

impl Prepared {
    /// For the probes of a target.
    pub(super) fn new(target: &Target) -> Self {
        let transport =
            if target.check.protocol == CheckProtocol::Udp { Transport::Datagram } else { Transport::Stream };
        Self {
            header: proxy_header(target.check.proxy, transport),
            question: question(target),
            wanted: Wanted::new(&target.check),
            tls: secured(target),
        }
    }

    /// Whether the application is to see the connection.
    pub(super) fn is_said(&self) -> bool {
        !matches!(self.question, Question::Connection) || self.tls.is_some()
    }
}

/// Says of a connection or datagram that it is poised's own; for datagrams version 1 has no form.
fn proxy_header(version: CheckProxy, transport: Transport) -> Vec<u8> {
    match (version, transport) {
        (CheckProxy::V1, Transport::Stream) => encode_v1(None),
        (CheckProxy::V2, transport) => encode_v2(None, transport),
        (CheckProxy::Off | CheckProxy::V1, _) => Vec::new(),
    }
}

fn question(target: &Target) -> Question {
    let check = &target.check;
    let payload = || HealthCheck::payload(check.send.as_deref().unwrap_or_default());
    match check.protocol {
        CheckProtocol::Tcp if check.send.is_none() && Wanted::new(check).is_anything() => Question::Connection,
        CheckProtocol::Tcp | CheckProtocol::Udp | CheckProtocol::Off => Question::Payload(payload()),
        CheckProtocol::Http | CheckProtocol::Https if version(target) == CheckVersion::Http2 => {
            let body = body(check);
            request(target, !body.is_empty())
                .map_or(Question::Nothing, |request| Question::Http2(Box::new(request), Bytes::from(body)))
        }
        CheckProtocol::Http | CheckProtocol::Https => {
            Question::Http1(http::request(target, &body(check)), check.method == CheckMethod::Head)
        }
        CheckProtocol::Grpc => grpc::request(target).map_or(Question::Nothing, |request| {
            Question::Grpc(Box::new(request), grpc::message(check.service.as_deref().unwrap_or_default()))
        }),
    }
}

/// The body of a request.
fn body(check: &HealthCheck) -> Vec<u8> {
    let send = check.send.as_deref().filter(|_| check.method == CheckMethod::Post);
    HealthCheck::payload(send.unwrap_or_default())
}

/// The version that is spoken, never `Auto`.
pub(super) fn version(target: &Target) -> CheckVersion {
    match (target.check.protocol, target.check.version, target.speaks) {
        (CheckProtocol::Grpc, ..) | (_, CheckVersion::Auto, BackendProtocol::Http2) => CheckVersion::Http2,
        (_, CheckVersion::Auto, BackendProtocol::Http1) => CheckVersion::Http11,
        (_, version, _) => version,
    }
}

fn secured(target: &Target) -> Option<Secured> {
    let protocol = target.check.protocol;
    if protocol == CheckProtocol::Udp {
        return None;
    }
    let speaks = if version(target) == CheckVersion::Http2 { BackendProtocol::Http2 } else { BackendProtocol::Http1 };
    let names = matches!(protocol, CheckProtocol::Https | CheckProtocol::Grpc);
    let name = target.check.server_name.as_deref().or(target.check.host.as_deref()).filter(|_| names);
    match &target.tls {
        // As traffic does, sessions included.
        Some(tls) if name.is_none() && (protocol == CheckProtocol::Tcp || speaks == target.speaks) => {
            Some(Secured { address: tls.address.clone(), settings: tls.settings.clone() })
        }
        Some(tls) => {
            let varied = |settings: &Arc<ClientTls>| Arc::new(settings.varied(speaks, name));
            Some(Secured { address: tls.address.clone(), settings: tls.settings.as_ref().map(varied) })
        }
        None if protocol == CheckProtocol::Https => {
            let settings = ClientTls::believing(speaks, name).ok().map(Arc::new);
            Some(Secured { address: target.address.clone(), settings })
        }
        None => None,
    }
}

/// A request of HTTP/2, without a body of its own.
fn request(target: &Target, has_body: bool) -> Option<Request<()>> {
    let secured = target.tls.is_some() || target.check.protocol == CheckProtocol::Https;
    let scheme = if secured { "https" } else { "http" };
    let mut builder = Request::builder().method(method_of(target)).uri(format!(
        "{scheme}://{}{}",
        host_of(target),
        target.check.path
    ));
    for (name, value) in http::fields(target) {
        builder = builder.header(name.to_ascii_lowercase(), value);
    }
    if has_body {
        builder = builder.header(header::CONTENT_LENGTH, body(&target.check).len());
    }
    builder.body(()).ok()
}

/// The method of a check.
pub(super) fn method_of(target: &Target) -> Method {
    match target.check.method {
        CheckMethod::Head => Method::HEAD,
        CheckMethod::Get => Method::GET,
        CheckMethod::Post => Method::POST,
        CheckMethod::Options => Method::OPTIONS,
    }
}

/// The host that is asked for.
pub(super) fn host_of(target: &Target) -> String {
    target.check.host.clone().unwrap_or_else(|| host(&target.address, target.is_secured()))
}

/// The address as a browser would name it (S-26, RFC 9110 section 7.2).
fn host(address: &Address, secured: bool) -> String {
    let usual = if secured { 443 } else { 80 };
    let address = match address {
        Address::Ip(address) => *address,
        Address::Name { host, port } if *port == usual => return host.clone(),
        Address::Name { .. } => return address.to_string(),
        // RFC 9110 section 7.2 asks for an empty field; "localhost" is what servers accept.
        Address::Unix(_) => return "localhost".to_owned(),
    };
    match address {
        SocketAddr::V4(v4) if v4.port() == usual => v4.ip().to_string(),
        SocketAddr::V6(v6) if v6.port() == usual => format!("[{}]", v6.ip()),
        other => other.to_string(),
    }
}
