//! Reading what a configuration needs for TLS: beside the single writer, on a thread that may wait.
//!
//! `keeper` says what is to be read and takes what was read; here lies the way there and back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use poise_ipc::fault::Fault;
use poise_ipc::model::{BackendTlsMode, Certificate};
use poise_ipc::{Config, Name};
use rustls::RootCertStore;

use super::certificate::{self, CertificateError, Loaded};
use super::kit::Kit;
use super::roots::{self, RootsError};

/// Whose roots: of a file, or the system's.
pub(super) type Authority = Option<String>;

/// What is to be read.
#[derive(Debug)]
pub(crate) struct Wants {
    pub(super) kit: Kit,
    pub(super) certificates: BTreeMap<Name, Certificate>,
    pub(super) authorities: BTreeSet<Authority>,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(super) certificates: BTreeMap<Name, (Certificate, Result<Arc<Loaded>, CertificateError>)>,
    pub(super) roots: BTreeMap<Authority, Result<Arc<RootCertStore>, RootsError>>,
}

impl Wants {
    /// Whether there is nothing to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.authorities.is_empty()
    }

    /// Reads it. Blocks.
    pub(crate) fn read(self) -> Reading {
        let provider = &self.kit.provider;
        let certificates = self.certificates.into_iter().map(|(name, files)| {
            let loaded = certificate::load(&files, provider).map(Arc::new);
            (name, (files, loaded))
        });
        let roots = self.authorities.into_iter().map(|authority| {
            let roots = roots::load(authority.as_deref());
            (authority, roots)
        });
        Reading { certificates: certificates.collect(), roots: roots.collect() }
    }
}

impl Reading {
    /// Whether nothing was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.roots.is_empty()
    }

    /// The certificates that were read.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = &Name> {
        self.certificates.keys()
    }

    /// Why a configuration cannot be taken with it: every fault of what was read.
    pub(crate) fn faults(&self, config: &Config, now_ms: u64) -> Vec<Fault> {
        let certificates = self.certificates.iter().filter_map(|(name, (files, loaded))| {
            let path = format!("certificates.{name}");
            let judged = match loaded {
                Ok(loaded) => loaded.judge(files, now_ms).map_err(|error| error.fault(&path)),
                Err(error) => Err(error.fault(&path)),
            };
            judged.err()
        });
        let roots = config.groups.iter().filter_map(|(name, group)| {
            if group.tls.mode != BackendTlsMode::Verify {
                return None;
            }
            let error = self.roots.get(&group.tls.ca)?.as_ref().err()?;
            let setting = if group.tls.ca.is_some() { "tls.ca" } else { "tls.mode" };
            let fault = Fault::new(format!("groups.{name}.{setting}"), crate::log::chain(error));
            Some(fault.hint(error.hint()))
        });
        certificates.chain(roots).collect()
    }
}
