//! Control's side of TLS: which certificates and roots are in use, and what is published of them.
//!
//! A certificate is read when it comes into the configuration, when its files are renamed and when
//! a reload is asked for; otherwise what was read stays in use, whatever becomes of the files. It
//! decides nothing about refusing a change: the single writer asks for the faults of a reading.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use poise_core::plan::{Identities, ListenerId, TlsStamp};
use poise_ipc::advice::{self, Finding};
use poise_ipc::model::{BackendProtocol, BackendTls, BackendTlsMode, Certificate, Group, Http2};
use poise_ipc::model::{Listener, ListenerTls, Protocol};
use poise_ipc::status::CertificateStatus;
use poise_ipc::{Config, Name};
use rustls::RootCertStore;
use tracing::{error, info, warn};

use super::certificate::Loaded;
use super::facts::date;
use super::kit::Kit;
use super::reading::{Authority, Reading, Wants};
use super::snapshot::{Clients, Published};
use super::tickets::TicketKeys;
use super::{ClientTls, ServerTls};
use crate::log::chain;

/// The certificates and roots in use.
// Not Clone: the single writer owns it.
#[derive(Debug)]
pub struct Keeper {
    kit: Kit,
    published: Published,
    certificates: BTreeMap<Name, Held>,
    /// What an authority has, or why nothing could be read of it.
    roots: BTreeMap<Authority, Result<Arc<RootCertStore>, String>>,
    listeners: BTreeMap<ListenerId, Secured>,
    groups: BTreeMap<Name, Towards>,
    stamps: BTreeMap<Name, TlsStamp>,
    stamped: u64,
    /// What the last publication was made of.
    spoken: Spoken,
}

/// What a configuration says of TLS: while it stays, and no file is read, what is published stays.
#[derive(Debug, Default, PartialEq, Eq)]
struct Spoken {
    certificates: BTreeMap<Name, Certificate>,
    listeners: BTreeMap<ListenerId, (ListenerTls, Http2)>,
    groups: BTreeMap<Name, (BackendTls, BackendProtocol)>,
}

/// A certificate of the configuration.
#[derive(Debug, Default)]
struct Held {
    files: Certificate,
    loaded: Option<Arc<Loaded>>,
    loaded_ms: u64,
    /// Why the last reading brought nothing.
    error: Option<String>,
}

/// How the clients of a listener are spoken to.
#[derive(Debug)]
struct Secured {
    settings: ListenerTls,
    http2: Http2,
    loaded: Vec<Arc<Loaded>>,
    tls: Arc<ServerTls>,
}

/// How the backends of a group are spoken to.
#[derive(Debug)]
struct Towards {
    settings: BackendTls,
    protocol: BackendProtocol,
    roots: Option<Arc<RootCertStore>>,
    stamp: TlsStamp,
    tls: Arc<ClientTls>,
}

impl Keeper {
    /// Nothing in use yet.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> std::io::Result<Self> {
        Self::with(None)
    }

    /// The same with the ticket keys of the process before, if there are some.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn with(keys: Option<TicketKeys>) -> std::io::Result<Self> {
        Ok(Self {
            kit: Kit::new(keys).map_err(std::io::Error::other)?,
            published: Published::default(),
            certificates: BTreeMap::new(),
            roots: BTreeMap::new(),
            listeners: BTreeMap::new(),
            groups: BTreeMap::new(),
            stamps: BTreeMap::new(),
            stamped: 0,
            spoken: Spoken::default(),
        })
    }

    /// The keys of session tickets, for the process that follows.
    pub(crate) fn ticket_keys(&self) -> TicketKeys {
        self.kit.tickets.keys()
    }

    /// What is published, for readers.
    pub fn published(&self) -> Published {
        self.published.clone()
    }

    /// What stands for the settings of each group that speaks TLS to its backends, for the plan.
    pub(crate) fn stamps(&self) -> &BTreeMap<Name, TlsStamp> {
        &self.stamps
    }

    /// What has to be read before a configuration can be used: what is new in it. What could not be
    /// read at the start is not tried again by a change of something else, which would be refused.
    pub(crate) fn wants(&self, config: &Config) -> Wants {
        let known = |(name, files): &(&Name, &Certificate)| {
            self.certificates.get(*name).is_some_and(|held| held.files == **files)
        };
        let new = config.certificates.iter().filter(|certificate| !known(certificate));
        let certificates = new.map(|(name, files)| (name.clone(), files.clone())).collect();
        let mut authorities = authorities(config);
        authorities.retain(|authority| !self.roots.contains_key(authority));
        Wants { kit: self.kit.clone(), certificates, authorities }
    }

    /// Everything to be read anew, or one certificate.
    pub(crate) fn wants_anew(&self, config: &Config, only: Option<&Name>) -> Wants {
        let wanted = config.certificates.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
        let certificates = wanted.map(|(name, files)| (name.clone(), files.clone())).collect();
        let authorities = if only.is_none() { authorities(config) } else { BTreeSet::new() };
        Wants { kit: self.kit.clone(), certificates, authorities }
    }

    /// Uses what was read for a configuration that is about to be published. What was read in vain
    /// leaves what was in use.
    pub(crate) fn take(&mut self, config: &Config, identities: &Identities, reading: Reading, now_ms: u64) {
        let spoken = Spoken::of(config, identities);
        if reading.is_empty() && spoken == self.spoken {
            return;
        }
        self.spoken = spoken;
        for (name, (files, loaded)) in reading.certificates {
            self.hold(name, files, loaded.map_err(|error| chain(&error)), now_ms);
        }
        self.certificates.retain(|name, _| config.certificates.contains_key(name));
        for (authority, roots) in reading.roots {
            let roots = roots.map_err(|error| chain(&error));
            if let Err(error) = &roots {
                error!(error, "roots for TLS to backends cannot be read");
            }
            match self.roots.get(&authority) {
                Some(Ok(_)) if roots.is_err() => {}
                _ => drop(self.roots.insert(authority, roots)),
            }
        }
        let used = authorities(config);
        self.roots.retain(|authority, _| used.contains(authority));
        self.publish(config, identities);
    }

    /// Notes that the files of certificates could not be used; what was in use stays.
    pub(crate) fn note_errors(&mut self, reading: &Reading, now_ms: u64) {
        for (name, (files, loaded)) in &reading.certificates {
            let judged = match loaded {
                Ok(loaded) => loaded.judge(files, now_ms).map_err(|error| chain(&error)),
                Err(error) => Err(chain(error)),
            };
            if let Some(held) = self.certificates.get_mut(name) {
                held.error = judged.err();
            }
        }
    }

    fn hold(&mut self, name: Name, files: Certificate, loaded: Result<Arc<Loaded>, String>, now_ms: u64) {
        match loaded {
            Ok(loaded) => {
                let (until, subject) = (date(loaded.facts.not_after_ms), &loaded.facts.subject);
                info!(certificate = %name, subject, until, "certificate loaded");
                let held = Held { files, loaded: Some(loaded), loaded_ms: now_ms, error: None };
                self.certificates.insert(name, held);
            }
            Err(error) => {
                warn!(certificate = %name, error, "certificate cannot be used");
                let held = self.certificates.entry(name).or_default();
                if held.files != files {
                    *held = Held { files, ..Held::default() };
                }
                held.error = Some(error);
            }
        }
    }

    fn publish(&mut self, config: &Config, identities: &Identities) {
        self.follow_groups(config);
        self.follow_listeners(config, identities);
        let listeners = self.listeners.iter().map(|(id, secured)| (*id, Arc::clone(&secured.tls))).collect();
        let clients: Clients = self.groups.values().map(|group| (group.stamp, Arc::clone(&group.tls))).collect();
        self.published.replace(listeners, clients);
    }

    /// Keeps what listeners go by whose settings and certificates stay: a change of one leaves the others alone.
    fn follow_listeners(&mut self, config: &Config, identities: &Identities) {
        let mut before = std::mem::take(&mut self.listeners);
        for (name, listener) in config.listeners.iter().filter(|(_, l)| l.protocol == Protocol::Https) {
            let Some(&id) = identities.listeners.get(name) else { continue };
            let held = listener.tls.certificates.iter().filter_map(|name| self.certificates.get(name));
            let loaded: Vec<_> = held.filter_map(|held| held.loaded.clone()).collect();
            let kept = before.remove(&id).filter(|before| before.is_of(listener, &loaded));
            match kept.map_or_else(|| self.secured(listener, loaded), Ok) {
                Ok(secured) => drop(self.listeners.insert(id, secured)),
                Err(error) => error!(listener = %name, %error, "TLS cannot be spoken"),
            }
        }
    }

    fn secured(&self, listener: &Listener, loaded: Vec<Arc<Loaded>>) -> Result<Secured, rustls::Error> {
        let (settings, http2) = (listener.tls.clone(), listener.http2);
        let tls = Arc::new(ServerTls::new(&settings, http2, loaded.iter().map(|loaded| &**loaded), &self.kit)?);
        Ok(Secured { settings, http2, loaded, tls })
    }

    /// Keeps what stands for groups whose settings stay, so that their sessions are resumed.
    fn follow_groups(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.groups);
        for (name, group) in config.groups.iter().filter(|(_, group)| group.tls.mode != BackendTlsMode::Off) {
            let roots = self.roots.get(&group.tls.ca).and_then(|roots| roots.as_ref().ok()).cloned();
            let kept = before.remove(name).filter(|before| before.is_of(group, roots.as_ref()));
            match kept.map_or_else(|| self.towards(group, roots), Ok) {
                Ok(towards) => drop(self.groups.insert(name.clone(), towards)),
                Err(error) => error!(group = %name, %error, "TLS cannot be spoken to backends"),
            }
        }
        self.stamps = self.groups.iter().map(|(name, towards)| (name.clone(), towards.stamp)).collect();
    }

    fn towards(&mut self, group: &Group, roots: Option<Arc<RootCertStore>>) -> Result<Towards, rustls::Error> {
        let (settings, protocol) = (group.tls.clone(), group.backend_protocol);
        let tls = Arc::new(ClientTls::new(&settings, protocol, roots.as_ref(), &self.kit)?);
        self.stamped += 1;
        Ok(Towards { settings, protocol, roots, stamp: TlsStamp(self.stamped), tls })
    }

    /// What there is to advise on the certificates and roots of a configuration, as they stand.
    pub(crate) fn findings(&self, config: &Config, now_ms: u64) -> Vec<Finding> {
        let certificates = self.statuses(config, now_ms);
        let mut findings: Vec<_> = self.unrooted(config).map(|(group, why)| advice::unrooted(group, why)).collect();
        findings.extend(advice::expiries(&certificates));
        findings.extend(advice::uncovered(config, &certificates));
        findings
    }

    /// Groups that believe nobody because their roots could not be read, with the reason.
    fn unrooted<'a>(&'a self, config: &'a Config) -> impl Iterator<Item = (&'a Name, &'a str)> {
        let verify = config.groups.iter().filter(|(_, group)| group.tls.mode == BackendTlsMode::Verify);
        verify.filter_map(|(name, group)| Some((name, self.roots.get(&group.tls.ca)?.as_ref().err()?.as_str())))
    }

    /// The certificates of a configuration, as they stand.
    pub(crate) fn statuses(&self, config: &Config, now_ms: u64) -> Vec<CertificateStatus> {
        let status = |(name, files): (&Name, &Certificate)| {
            let held = self.certificates.get(name);
            let facts = held.and_then(|held| Some(held.loaded.as_ref()?.facts.clone()));
            let uses = |(_, listener): &(_, &Listener)| {
                listener.protocol == Protocol::Https && listener.tls.certificates.contains(name)
            };
            CertificateStatus {
                name: name.clone(),
                chain: files.chain.clone(),
                days_left: facts.as_ref().map(|facts| facts.days_left(now_ms)),
                facts,
                loaded_ms: held.map_or(0, |held| held.loaded_ms),
                error: held.and_then(|held| held.error.clone()),
                listeners: config.listeners.iter().filter(uses).map(|(name, _)| name.clone()).collect(),
                notes: held.and_then(|held| Some(held.loaded.as_ref()?.notes.clone())).unwrap_or_default(),
            }
        };
        config.certificates.iter().map(status).collect()
    }
}

impl Spoken {
    fn of(config: &Config, identities: &Identities) -> Self {
        let secured = config.listeners.iter().filter(|(_, listener)| listener.protocol == Protocol::Https);
        let listeners = secured.filter_map(|(name, listener)| {
            Some((*identities.listeners.get(name)?, (listener.tls.clone(), listener.http2)))
        });
        let groups = config.groups.iter().filter(|(_, group)| group.tls.mode != BackendTlsMode::Off);
        Self {
            certificates: config.certificates.clone(),
            listeners: listeners.collect(),
            groups: groups.map(|(name, group)| (name.clone(), (group.tls.clone(), group.backend_protocol))).collect(),
        }
    }
}

impl Secured {
    fn is_of(&self, listener: &Listener, loaded: &[Arc<Loaded>]) -> bool {
        let same = |(before, now): (&Arc<Loaded>, &Arc<Loaded>)| Arc::ptr_eq(before, now);
        self.settings == listener.tls
            && self.http2 == listener.http2
            && self.loaded.len() == loaded.len()
            && self.loaded.iter().zip(loaded).all(same)
    }
}

impl Towards {
    fn is_of(&self, group: &Group, roots: Option<&Arc<RootCertStore>>) -> bool {
        let same_roots = match (&self.roots, roots) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (before, now) => before.is_none() && now.is_none(),
        };
        self.settings == group.tls && self.protocol == group.backend_protocol && same_roots
    }
}

/// Whose roots a configuration needs.
fn authorities(config: &Config) -> BTreeSet<Authority> {
    let verify = config.groups.values().filter(|group| group.tls.mode == BackendTlsMode::Verify);
    verify.map(|group| group.tls.ca.clone()).collect()
}
