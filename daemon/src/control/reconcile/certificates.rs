//! Certificates and roots: read before the commit that brings them, again when asked for, and
//! watched until their end.
//!
//! Reading is slow work beside the writer. A commit with a certificate that cannot be used is
//! refused as a whole, and so is a reload; what is in use stays in use. At the start nothing is
//! refused: traffic must not stop for a file that has gone.

use std::collections::BTreeMap;

use poise_ipc::advice::EXPIRY_DAYS;
use poise_ipc::edit::Edit;
use poise_ipc::message::{CertificateEvent, CertificateNews, ErrorCode, ErrorReply, Reply};
use poise_ipc::status::CertificateStatus;
use poise_ipc::{Config, Name};
use tokio::task::JoinError;
use tracing::{info, warn};

use super::commit::{answer, invalid};
use super::resolving::Addresses;
use super::{Asker, Change, Done, Reconcile};
use crate::control::bus::What;
use crate::control::ports::Ports;
use crate::log::chain;
use crate::tls::{Reading, Wants};
use crate::wall::now_ms;

/// A change that is valid as far as can be said without its files.
pub(super) struct Vetted {
    pub(super) candidate: Config,
    pub(super) found: Addresses,
    pub(super) change: Change,
    /// From the running configuration to the candidate.
    pub(super) edits: Vec<Edit>,
    pub(super) asker: Asker,
}

/// What certificates are read for.
pub(super) enum Loading {
    /// A change that brings them.
    Commit(Box<Vetted>),
    /// To use what their files hold now.
    Reload(Asker),
}

/// The last warning about each certificate: days left at the most, negative for one that has expired.
#[derive(Debug, Default)]
pub(super) struct Expiry(BTreeMap<Name, i64>);

impl<P: Ports + 'static> Reconcile<P> {
    /// Reads beside the writer.
    pub(super) fn begin_loading(&mut self, wants: Wants, loading: Loading) {
        let read = tokio::task::spawn_blocking(move || wants.read());
        let loading = Box::new(loading);
        self.under_way = Some(Box::pin(async move { Done::Loaded(loading, read.await) }));
    }

    pub(super) fn finish_loading(&mut self, loading: Loading, reading: Result<Reading, JoinError>) {
        let now_ms = now_ms();
        match (loading, reading) {
            (Loading::Commit(vetted), Ok(reading)) => match reading.faults(&vetted.candidate, now_ms) {
                faults if faults.is_empty() => self.go_on(*vetted, reading),
                faults => answer(vetted.asker, Err(invalid(faults))),
            },
            (Loading::Reload(asker), Ok(reading)) => {
                let faults = reading.faults(&self.state.config, now_ms);
                let said = if faults.is_empty() {
                    Ok(self.reloaded(reading, now_ms))
                } else {
                    self.not_reloaded(&reading, now_ms);
                    Err(invalid(faults).hint("nothing was changed; the certificates that were in use stay in use"))
                };
                answer(asker, said);
            }
            (loading, Err(error)) => {
                let asker = match loading {
                    Loading::Commit(vetted) => vetted.asker,
                    Loading::Reload(asker) => asker,
                };
                answer(asker, Err(ErrorReply::new(ErrorCode::Internal, chain(&error))));
            }
        }
    }

    /// Reads certificates again.
    pub(super) fn begin_reload(&mut self, only: Option<&Name>, asker: Asker) {
        if let Some(name) = only.filter(|name| !self.state.config.certificates.contains_key(*name)) {
            let path = format!("certificates.{name}");
            let error = ErrorReply::new(ErrorCode::NotFound, format!("{path} does not exist"));
            return answer(asker, Err(ErrorReply { path: Some(path), ..error }));
        }
        let wants = self.parts.tls.wants_anew(&self.state.config, only);
        self.begin_loading(wants, Loading::Reload(asker));
    }

    fn reloaded(&mut self, reading: Reading, at_ms: u64) -> Reply {
        let read: Vec<Name> = reading.certificates().cloned().collect();
        let before = self.certificates();
        self.use_certificates(reading);
        // What connections to backends go by may have changed with their roots.
        let failed_open = self.publish();
        self.judge();
        self.tell_fail_open(&failed_open, at_ms);
        let facts = |from: &[CertificateStatus], name: &Name| {
            from.iter().find(|certificate| certificate.name == *name).and_then(|found| found.facts.clone())
        };
        let after = self.certificates();
        let changed = read.iter().filter(|name| facts(&before, name) != facts(&after, name)).count() as u64;
        info!(read = read.len(), changed, "certificates reloaded");
        let certificates: Vec<_> = after.into_iter().filter(|certificate| read.contains(&certificate.name)).collect();
        for certificate in &certificates {
            self.tell(certificate, CertificateEvent::Loaded);
        }
        self.watch_expiry();
        Reply::CertificatesReloaded { certificates, changed }
    }

    fn not_reloaded(&mut self, reading: &Reading, now_ms: u64) {
        self.parts.tls.note_errors(reading, now_ms);
        self.judge();
        for certificate in self.certificates().iter().filter(|certificate| certificate.error.is_some()) {
            warn!(certificate = %certificate.name, error = certificate.error, "certificate not reloaded");
            self.tell(certificate, CertificateEvent::Refused);
        }
    }

    /// Uses what was read for the running configuration.
    pub(super) fn use_certificates(&mut self, reading: Reading) {
        self.parts.tls.take(&self.state.config, &self.state.identities, reading, now_ms());
    }

    /// Reads what the running configuration needs at the start, and uses what could be read.
    pub(super) async fn load_what_is_there(&mut self) {
        let wants = self.parts.tls.wants(&self.state.config);
        let reading = tokio::task::spawn_blocking(move || wants.read()).await;
        // Fails only when reading panics: then it is as if there were no files.
        self.use_certificates(reading.unwrap_or_default());
    }

    fn certificates(&self) -> Vec<CertificateStatus> {
        self.parts.tls.statuses(&self.state.config, now_ms())
    }

    /// Warns once when a certificate has 30, 7 and 1 days left, and when it has expired.
    pub(super) fn watch_expiry(&mut self) {
        let certificates = self.certificates();
        let mut is_news = false;
        let before = std::mem::take(&mut self.expiry.0);
        for certificate in &certificates {
            let Some(level) = certificate.days_left.and_then(level) else { continue };
            self.expiry.0.insert(certificate.name.clone(), level);
            if before.get(&certificate.name).is_some_and(|&before| before <= level) {
                continue;
            }
            is_news = true;
            warn!(certificate = %certificate.name, days_left = certificate.days_left, "certificate comes to its end");
            let what = if level < 0 { CertificateEvent::Expired } else { CertificateEvent::Expiring };
            self.tell(certificate, what);
        }
        if is_news {
            self.judge();
        }
    }

    fn tell(&self, certificate: &CertificateStatus, what: CertificateEvent) {
        let CertificateStatus { name, days_left, error, .. } = certificate;
        let reason = error.clone().filter(|_| what == CertificateEvent::Refused);
        let news = CertificateNews { certificate: name.clone(), what, days_left: *days_left, reason };
        self.parts.bus.publish(now_ms(), What::Certificate(news));
    }
}

/// The warning that is due with so many days left.
fn level(days_left: i64) -> Option<i64> {
    if days_left < 0 { Some(-1) } else { EXPIRY_DAYS.into_iter().find(|&days| days_left <= days) }
}
