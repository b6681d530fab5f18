//! Advice on a listener: its persistence, its scheduler beside it, settings without effect.

use super::cookies::PERSISTENCE_SHORT_MS;
use super::groups::{outside, without_effect};
use super::{Finding, Severity, balance};
use crate::model::{
    Bind, CheckProtocol, CheckProxy, ClientAddress, Listener, Persistence, PersistenceKind, Protocol, ProxyMode,
};
use crate::text::{Object, duration_text};
use crate::{Config, Name, limits};

/// Adds what there is to say about a listener.
pub(super) fn judge(findings: &mut Vec<Finding>, config: &Config, name: &Name, listener: &Listener) {
    let path = format!("listeners.{name}");
    persistence(findings, &path, config, listener);
    balance::clients(findings, &path, config, listener);
    foreign_settings(findings, &path, listener);
    headless_probes(findings, name, config, listener);
}

/// Backends that are told the client's address by a header, and are probed without one.
fn headless_probes(findings: &mut Vec<Finding>, name: &Name, config: &Config, listener: &Listener) {
    let Some((group, check)) = config.group_of(listener).map(|(name, group)| (name, &group.health_check)) else {
        return;
    };
    let version = match listener.client_address {
        ClientAddress::ProxyV1 => CheckProxy::V1,
        ClientAddress::ProxyV2 => CheckProxy::V2,
        ClientAddress::Off | ClientAddress::Transparent => return,
    };
    // Probes of another port may be met by another service, and bare connections say nothing.
    let asks = matches!(check.protocol, CheckProtocol::Http | CheckProtocol::Udp) && check.port.is_none();
    if asks && check.proxy == CheckProxy::Off {
        let path = format!("groups.{group}.health_check.proxy");
        let finding = Finding::new(Severity::Warning, "probe-without-header", &path);
        let finding =
            finding.says(format!("listener {name} sends a PROXY header to these backends, their probes do not"));
        findings.push(finding.remedy(format!("set {path} to {version}")));
    }
}

/// Settings beside another protocol or kind of address than theirs.
fn foreign_settings(findings: &mut Vec<Finding>, path: &str, listener: &Listener) {
    let standard = Listener { protocol: listener.protocol, ..Listener::blank() };
    let protocol = listener.protocol;
    let streams = "tcp";
    let (requests, is_http) = ("http", protocol.is_http());
    let given = [
        ("response_timeout", requests, is_http, listener.response_timeout_ms != standard.response_timeout_ms),
        ("head_timeout", requests, is_http, listener.head_timeout_ms != standard.head_timeout_ms),
        ("http2", requests, is_http, listener.http2 != standard.http2),
        ("forwarded_for", requests, is_http, listener.forwarded_for != standard.forwarded_for),
        ("forwarded", requests, is_http, listener.forwarded != standard.forwarded),
        ("real_ip", requests, is_http, listener.real_ip != standard.real_ip),
        ("via", requests, is_http, listener.via != standard.via),
        ("trusted", requests, is_http, listener.trusted != standard.trusted),
        ("access_log", requests, is_http, listener.access_log != standard.access_log),
        ("replies", requests, is_http, listener.replies != standard.replies),
        ("tls", "https", protocol == Protocol::Https, listener.tls != standard.tls),
        ("replies_max", "udp", protocol == Protocol::Udp, listener.replies_max != standard.replies_max),
        ("connect_timeout", streams, protocol.is_stream(), listener.connect_timeout_ms != standard.connect_timeout_ms),
        ("keepalive", streams, protocol.is_stream(), listener.keepalive_ms != standard.keepalive_ms),
        ("user_timeout", streams, protocol.is_stream(), listener.user_timeout_ms != standard.user_timeout_ms),
    ];
    for (key, of, _, _) in given.iter().filter(|(_, _, fits, given)| *given && !*fits) {
        let why = format!("the listener's protocol is {protocol}");
        findings.push(without_effect(path, key, &why, &format!("use protocol = \"{of}\"")));
    }
    let everywhere = listener.bind.ip().is_some_and(|address| address.is_ipv6() && address.ip().is_unspecified());
    if listener.dual_stack && !everywhere {
        findings.push(without_effect(path, "dual_stack", "the listener is not on [::]", "accept on [::]"));
    }
    if listener.socket_mode != standard.socket_mode && matches!(listener.bind, Bind::Ip(_)) {
        findings.push(without_effect(
            path,
            "socket_mode",
            "the listener is not on a Unix socket",
            "accept on unix:/path",
        ));
    }
    if !listener.accept_proxy.from.is_empty() && listener.accept_proxy.mode == ProxyMode::Off {
        let path = format!("{path}.accept_proxy");
        findings.push(without_effect(&path, "from", "no PROXY header is read", "use mode = \"required\""));
    }
}

fn persistence(findings: &mut Vec<Finding>, path: &str, config: &Config, listener: &Listener) {
    let path = format!("{path}.persistence");
    foreign_persistence(findings, &path, &listener.persistence);
    let reference_ms = match listener.persistence.kind {
        PersistenceKind::Off | PersistenceKind::CookieRewrite | PersistenceKind::Inherit => return,
        PersistenceKind::Source => limits::SOURCE_TIMEOUT_MS_REFERENCE_MAX,
        PersistenceKind::CookieInsert => limits::COOKIE_TIMEOUT_MS_REFERENCE_MAX,
    };
    let timeout_ms = listener.persistence.timeout_ms;
    if timeout_ms > reference_ms {
        let range = format!("1s to {}", duration_text(reference_ms));
        findings.push(outside(&path, "timeout", duration_text(timeout_ms), &range));
    }
    if timeout_ms < PERSISTENCE_SHORT_MS {
        let finding = Finding::new(Severity::Note, "persistence-short", format!("{path}.timeout"));
        let finding = finding.says("a client that pauses this long comes to another backend");
        findings.push(finding.remedy("use a minute or more"));
    }
    balance::persistence(findings, &path, config, listener);
}

/// Settings of persistence beside another kind than theirs.
fn foreign_persistence(findings: &mut Vec<Finding>, path: &str, persistence: &Persistence) {
    let standard = Persistence::default();
    let by_source = persistence.kind == PersistenceKind::Source;
    let inserts = persistence.kind == PersistenceKind::CookieInsert;
    let by_cookie = inserts || persistence.kind == PersistenceKind::CookieRewrite;
    let given = [
        ("timeout", "source", by_source || inserts, persistence.timeout_ms != standard.timeout_ms),
        ("cookie", "cookie-insert", by_cookie, persistence.cookie != standard.cookie),
        ("prefix_v4", "source", by_source, persistence.prefix_v4 != standard.prefix_v4),
        ("prefix_v6", "source", by_source, persistence.prefix_v6 != standard.prefix_v6),
        (
            "redispatch",
            "source",
            persistence.kind != PersistenceKind::Off,
            persistence.redispatch != standard.redispatch,
        ),
        ("idle", "cookie-insert", inserts, persistence.idle_ms != standard.idle_ms),
        ("life", "cookie-insert", inserts, persistence.life_ms != standard.life_ms),
        ("path", "cookie-insert", inserts, persistence.path != standard.path),
        ("domain", "cookie-insert", inserts, persistence.domain != standard.domain),
        ("secure", "cookie-insert", inserts, persistence.secure != standard.secure),
        ("http_only", "cookie-insert", inserts, persistence.http_only != standard.http_only),
        ("same_site", "cookie-insert", inserts, persistence.same_site != standard.same_site),
        ("cache_guard", "cookie-insert", by_cookie, persistence.cache_guard != standard.cache_guard),
    ];
    for (key, of, _, _) in given.iter().filter(|(_, _, fits, given)| *given && !*fits) {
        let why = format!("the kind of persistence is {}", persistence.kind);
        findings.push(without_effect(path, key, &why, &format!("use kind = \"{of}\"")));
    }
}
