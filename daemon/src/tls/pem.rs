//! PEM files: certificates and keys out of them, within bounds.
//!
//! Reading blocks. What was read is judged by `certificate` and `roots`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Bytes of a file: several times what the bundle of all public roots has.
const PEM_LEN_MAX: u64 = 1 << 20;

/// Why a file brings nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum PemError {
    /// It cannot be read.
    #[error("read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is no PEM.
    #[error("{} is no PEM file: {reason}", path.display())]
    Form { path: PathBuf, reason: String },
    /// It holds nothing of the kind that is wanted.
    #[error("{} holds no {wanted}", path.display())]
    Missing { path: PathBuf, wanted: &'static str },
    /// It holds more than may be used.
    #[error("{} holds more than {count_max} certificates", path.display())]
    Many { path: PathBuf, count_max: usize },
}

impl PemError {
    /// What to do about it.
    pub(super) const fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "name a file that poised may read",
            Self::Form { .. } => "write it anew; DER and PKCS #12 are not read",
            Self::Missing { .. } => "name the PEM file that holds it; keys under a passphrase are not read",
            Self::Many { .. } => "leave those that lead from the first one to its root",
        }
    }
}

/// The certificates of a file in their order, at least one.
///
/// # Errors
/// [`PemError`] when there is none, or more than `count_max`.
pub(super) fn certificates(path: &Path, count_max: usize) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).take(count_max + 1).collect();
    let found = found.map_err(|error| form(path, &error))?;
    let path = || path.to_owned();
    match found.len() {
        0 => Err(PemError::Missing { path: path(), wanted: "certificate" }),
        count if count > count_max => Err(PemError::Many { path: path(), count_max }),
        _ => Ok(found),
    }
}

/// The first key of a file.
///
/// # Errors
/// [`PemError`] when there is none.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    match PrivateKeyDer::from_pem_slice(&read(path)?) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(PemError::Missing { path: path.to_owned(), wanted: "key" }),
        Err(error) => Err(form(path, &error)),
    }
}

fn form(path: &Path, error: &pem::Error) -> PemError {
    // Whatever it says of the file's bytes could be of a key.
    let reason = match error {
        pem::Error::MissingSectionEnd { .. } => "a section does not end",
        pem::Error::IllegalSectionStart { .. } => "a section begins wrongly",
        pem::Error::Base64Decode(_) => "it is not in base64",
        _ => "its form is not known",
    };
    PemError::Form { path: path.to_owned(), reason: reason.to_owned() }
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    let wrap = |source| PemError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(wrap)?;
    // A pipe could keep its reader for ever.
    if !file.metadata().map_err(wrap)?.is_file() {
        return Err(wrap(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    let mut bytes = Vec::new();
    file.take(PEM_LEN_MAX + 1).read_to_end(&mut bytes).map_err(wrap)?;
    if bytes.len() as u64 > PEM_LEN_MAX {
        let message = format!("it is longer than {PEM_LEN_MAX} bytes");
        return Err(wrap(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    Ok(bytes)
}
