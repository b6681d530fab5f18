//! Advice on persistence by cookie: times that end it early, attributes that browsers refuse, and
//! cookies that take each other's place (S-46, S-49).
//!
//! What a cookie does is core's. Called for every listener, its routes included.

use super::{Finding, Severity};
use crate::limits;
use crate::model::{CookieSecure, HostPattern, Listener, Persistence, PersistenceKind, Protocol, Route, SameSite};
use crate::text::duration_text;
use crate::{Config, Name};

/// Persistence shorter than this ends between two clicks (S-49), in milliseconds.
pub(super) const PERSISTENCE_SHORT_MS: u32 = 60_000;

/// Adds what there is to say about the cookies of a listener at `path` and of its routes.
pub(super) fn judge(findings: &mut Vec<Finding>, config: &Config, (name, path): (&Name, &str), listener: &Listener) {
    if !listener.protocol.is_http() {
        return;
    }
    for site in sites(path, listener).iter().filter(|site| site.is_own) {
        times(findings, site);
        attributes(findings, site, listener.protocol);
    }
    rivals(findings, &sites(path, listener));
    neighbours(findings, config, (name, path), listener);
}

/// Where a listener sets cookies: by its own settings or by those of a route.
struct Site<'c> {
    /// Path of the settings.
    path: String,
    settings: &'c Persistence,
    /// The settings are those of the object itself, not inherited.
    is_own: bool,
    hosts: &'c [HostPattern],
    groups: Vec<&'c Name>,
}

/// What is not a route of its own comes first.
fn sites<'c>(path: &str, listener: &'c Listener) -> Vec<Site<'c>> {
    let rest = Site {
        path: format!("{path}.persistence"),
        settings: &listener.persistence,
        is_own: true,
        hosts: &[],
        groups: listener.group.iter().collect(),
    };
    let of_route = |(name, route): (&Name, &'c Route)| {
        let inherits = route.persistence.kind == PersistenceKind::Inherit;
        Site {
            path: format!("{path}.routes.{name}.persistence"),
            settings: if inherits { &listener.persistence } else { &route.persistence },
            is_own: !inherits,
            hosts: &route.hosts,
            groups: route.groups().collect(),
        }
    };
    let all = std::iter::once(rest).chain(listener.routes.iter().map(of_route));
    all.filter(|site| site.settings.kind == PersistenceKind::CookieInsert && !site.groups.is_empty() || site.is_own)
        .collect()
}

/// Times that end the binding earlier than they say, or between two clicks.
fn times(findings: &mut Vec<Finding>, site: &Site<'_>) {
    let Site { path, settings, .. } = site;
    if settings.kind != PersistenceKind::CookieInsert {
        return;
    }
    for (key, ms) in [("idle", settings.idle_ms), ("life", settings.life_ms)] {
        let Some(ms) = ms else { continue };
        if ms < PERSISTENCE_SHORT_MS {
            let finding = Finding::new(Severity::Note, "persistence-short", format!("{path}.{key}"));
            let finding = finding.says("a client that pauses this long comes to another backend (S-49)");
            findings.push(finding.remedy("use a minute or more"));
        }
    }
    if let Some(idle_ms) = settings.idle_ms.filter(|&idle_ms| idle_ms > settings.timeout_ms) {
        let finding = Finding::new(Severity::Warning, "cookie-dropped-early", format!("{path}.idle"));
        let message = format!(
            "clients drop the cookie after {}, before {} without a request are over",
            duration_text(settings.timeout_ms),
            duration_text(idle_ms)
        );
        findings.push(finding.says(message).remedy("use a timeout that is no shorter than idle (S-49)"));
    }
}

/// Attributes with which browsers would not keep the cookie or not send it back.
fn attributes(findings: &mut Vec<Finding>, site: &Site<'_>, protocol: Protocol) {
    let Site { path, settings, .. } = site;
    if settings.kind != PersistenceKind::CookieInsert {
        return;
    }
    let is_https = protocol == Protocol::Https;
    let is_secure = settings.secure == CookieSecure::On || settings.secure == CookieSecure::Auto && is_https;
    if settings.same_site == SameSite::None && !is_secure {
        let finding = Finding::new(Severity::Warning, "cookie-refused", format!("{path}.same_site"));
        let finding = finding.says("browsers refuse a cookie with SameSite=None that is not Secure");
        findings.push(finding.remedy("use secure = \"on\" on https, or same_site = \"lax\""));
    }
    if settings.secure == CookieSecure::On && !is_https {
        let finding = Finding::new(Severity::Note, "cookie-secure-on-http", format!("{path}.secure"));
        let finding = finding.says("browsers send a Secure cookie over TLS only, and this listener speaks plain HTTP");
        findings.push(finding.remedy("use secure = \"auto\", unless TLS ends in front of poised"));
    }
    if limits::COOKIE_PREFIXES_SECURE.iter().any(|prefix| settings.cookie.starts_with(prefix)) && !is_secure {
        let finding = Finding::new(Severity::Warning, "cookie-refused", format!("{path}.cookie"));
        let message = format!("browsers refuse a cookie called {} that is not Secure", settings.cookie);
        findings.push(finding.says(message).remedy("use another name, or secure = \"on\""));
    }
}

/// Whether the same client may be set both, and the later one takes the place of the other.
fn collide(a: &Persistence, b: &Persistence) -> bool {
    (&a.cookie, &a.path, &a.domain) == (&b.cookie, &b.path, &b.domain)
}

/// Sites of one listener whose cookies take each other's place while they lead to other backends.
fn rivals(findings: &mut Vec<Finding>, sites: &[Site<'_>]) {
    let inserting: Vec<_> = sites
        .iter()
        .filter(|site| site.settings.kind == PersistenceKind::CookieInsert && !site.groups.is_empty())
        .collect();
    for (at, site) in inserting.iter().enumerate() {
        let rival = inserting[..at].iter().find(|other| {
            collide(site.settings, other.settings)
                && !site.groups.iter().any(|group| other.groups.contains(group))
                && share_hosts(site.hosts, other.hosts)
        });
        if let Some(rival) = rival {
            let finding = Finding::new(Severity::Warning, "cookie-of-two-groups", &site.path);
            let message = format!(
                "the cookie {} is that of {} too, whose backends are others: a client that visits both loses its \
                 backend each time",
                site.settings.cookie, rival.path
            );
            findings.push(finding.says(message).remedy("give each its own cookie name or path (S-46)"));
        }
    }
}

/// Whether a request may be for both.
fn share_hosts(a: &[HostPattern], b: &[HostPattern]) -> bool {
    let covers = |wide: &HostPattern, host: &HostPattern| {
        let below = host.name.strip_suffix(&wide.name).is_some_and(|rest| rest.ends_with('.'));
        wide == host || wide.below && (below || host.below && host.name == wide.name)
    };
    a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| covers(a, b) || covers(b, a)))
}

/// Listeners on one address whose cookies take each other's place: browsers share the cookies of a
/// host between its ports (RFC 6265 section 8.5).
fn neighbours(findings: &mut Vec<Finding>, config: &Config, (name, path): (&Name, &str), listener: &Listener) {
    let inserts =
        |listener: &Listener| listener.protocol.is_http() && listener.persistence.kind == PersistenceKind::CookieInsert;
    let Some(own) = listener.bind.ip().filter(|_| inserts(listener)) else { return };
    let rival = config.listeners.iter().take_while(|(other, _)| *other != name).find(|(_, other)| {
        inserts(other)
            && other.bind.ip().is_some_and(|address| address.ip() == own.ip())
            && collide(&listener.persistence, &other.persistence)
            && other.group != listener.group
    });
    if let Some((rival, _)) = rival {
        let finding = Finding::new(Severity::Note, "cookie-of-two-listeners", format!("{path}.persistence.cookie"));
        let message = format!(
            "the cookie {} is that of listener {rival} too, which leads to another group, and browsers share cookies \
             between the ports of a host",
            listener.persistence.cookie
        );
        findings.push(finding.says(message).remedy("give each its own cookie name (S-46)"));
    }
}

#[cfg(test)]
mod tests;
