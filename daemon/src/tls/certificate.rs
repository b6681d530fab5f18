//! Certificates: read from their files, and judged before anything uses them.
//!
//! Reading blocks; it is done beside the single writer, never by a worker. Which certificate a
//! client gets is `names`' to say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use poise_ipc::fault::Fault;
use poise_ipc::model::Certificate;
use poise_ipc::status::CertificateFacts;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::facts::{self, date};
use super::pem::{self, PemError};

/// Certificates of one chain: real ones have three or four, and every full handshake sends them.
const CHAIN_MAX: usize = 16;

/// A certificate with its key, ready for handshakes.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Chain and key.
    pub(super) key: Arc<CertifiedKey>,
    /// What the certificate says of itself.
    pub(super) facts: CertificateFacts,
    /// What is doubtful about the files, for people.
    pub(super) notes: Vec<String>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    /// The file of the chain brings nothing.
    #[error(transparent)]
    Chain(PemError),
    /// The file of the key brings nothing.
    #[error(transparent)]
    Key(PemError),
    /// The certificate cannot be read.
    #[error("the first certificate of {} cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: &'static str },
    /// The key is broken or of a kind that is not used.
    #[error("the key of {} cannot be used", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        source: Error,
    },
    /// The key belongs to another certificate.
    #[error("the key of {} is not that of the first certificate of {}", key.display(), chain.display())]
    Mismatch { chain: PathBuf, key: PathBuf },
    /// It is not valid yet.
    #[error("the certificate of {} is not valid before {from}", path.display())]
    NotYet { path: PathBuf, from: String },
    /// It is not valid any more.
    #[error("the certificate of {} has expired on {until}", path.display())]
    Expired { path: PathBuf, until: String },
}

impl CertificateError {
    /// The fault of a configuration that names it.
    pub(super) fn fault(&self, path: &str) -> Fault {
        let (setting, hint) = match self {
            Self::Chain(error) => ("chain", error.hint()),
            Self::Key(error) => ("key", error.hint()),
            Self::Unreadable { .. } => ("chain", "write it anew"),
            Self::Unusable { .. } => ("key", "use a key of ECDSA, Ed25519, or RSA with 2048 bits or more"),
            Self::Mismatch { .. } => ("key", "put the certificate of this key first in the chain, or name its own key"),
            Self::NotYet { .. } => ("chain", "look at the clock of this host, or wait"),
            Self::Expired { .. } => ("chain", "renew it, then try again"),
        };
        Fault::new(format!("{path}.{setting}"), crate::log::chain(self)).hint(hint)
    }
}

/// Reads a certificate and its key.
///
/// # Errors
/// [`CertificateError`] when they cannot be used, or do not belong together.
pub(super) fn load(certificate: &Certificate, provider: &CryptoProvider) -> Result<Loaded, CertificateError> {
    let (chain_path, key_path) = (Path::new(&certificate.chain), Path::new(&certificate.key));
    let chain = pem::certificates(chain_path, CHAIN_MAX).map_err(CertificateError::Chain)?;
    let key = pem::key(key_path).map_err(CertificateError::Key)?;
    let unreadable = |reason| CertificateError::Unreadable { path: chain_path.to_owned(), reason };
    let facts = chain.first().ok_or("it is missing").and_then(|leaf| facts::of(leaf)).map_err(unreadable)?;
    let notes = notes(certificate, &chain, &facts, key.is_open);
    let key = CertifiedKey::from_der(chain, key.der, provider).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            CertificateError::Mismatch { chain: chain_path.to_owned(), key: key_path.to_owned() }
        }
        source => CertificateError::Unusable { path: key_path.to_owned(), source },
    })?;
    Ok(Loaded { key: Arc::new(key), facts, notes })
}

/// What may be used and is likely not meant.
fn notes(
    files: &Certificate,
    chain: &[CertificateDer<'static>],
    facts: &CertificateFacts,
    is_open: bool,
) -> Vec<String> {
    let open = is_open.then(|| format!("the key of {} can be read by everybody on this host", files.key));
    let nameless = facts.names.is_empty().then(|| {
        format!("the certificate of {} names no host (subject alternative name): clients refuse it", files.chain)
    });
    let stray = facts::stray(chain).map(|number| {
        format!(
            "certificate {number} of {} has not issued the one before it: clients may refuse the chain",
            files.chain
        )
    });
    open.into_iter().chain(nameless).chain(stray).collect()
}

impl Loaded {
    /// Whether it may be brought in: not before its time and not after.
    ///
    /// # Errors
    /// [`CertificateError::NotYet`] or [`CertificateError::Expired`].
    pub(super) fn judge(&self, certificate: &Certificate, now_ms: u64) -> Result<(), CertificateError> {
        let path = || PathBuf::from(&certificate.chain);
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        if now_ms < self.facts.not_before_ms {
            return Err(CertificateError::NotYet { path: path(), from: date(self.facts.not_before_ms) });
        }
        if now_ms >= self.facts.not_after_ms {
            return Err(CertificateError::Expired { path: path(), until: date(self.facts.not_after_ms) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
