//! The roots that backends' certificates are verified against: of a file, or the system's.
//!
//! Reading blocks, as for certificates.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls_native_certs::load_native_certs;

use super::pem::{self, PemError};

/// Roots of one file: public bundles have some 150.
const ROOTS_MAX: usize = 1_000;

/// Why there are no roots.
#[derive(Debug, thiserror::Error)]
pub(super) enum RootsError {
    /// The file brings none.
    #[error(transparent)]
    File(PemError),
    /// What the file holds is no root.
    #[error("none of the certificates of {0} can be a root")]
    Useless(String),
    /// The system has none.
    #[error("this system has no roots")]
    System,
}

impl RootsError {
    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::File(error) => error.hint(),
            Self::Useless(_) => "name a PEM file of the authority that has signed the backends' certificates",
            Self::System => "install ca-certificates, or name a file by ca",
        }
    }
}

/// Reads the roots of a file, or the system's.
///
/// # Errors
/// [`RootsError`] when there are none.
pub(super) fn load(file: Option<&str>) -> Result<Arc<RootCertStore>, RootsError> {
    let mut roots = RootCertStore::empty();
    let found = match file {
        Some(path) => pem::certificates(Path::new(path), ROOTS_MAX).map_err(RootsError::File)?,
        None => load_native_certs().certs,
    };
    let (added, _) = roots.add_parsable_certificates(found);
    match (added, file) {
        (0, Some(path)) => Err(RootsError::Useless(path.to_owned())),
        (0, None) => Err(RootsError::System),
        _ => Ok(Arc::new(roots)),
    }
}
