//! PEM files: certificates and keys out of them, within bounds.
//!
//! Reading blocks. What was read is judged by `certificate` and `roots`.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Bytes of a file: several times what the bundle of all public roots has.
const PEM_LEN_MAX: u64 = 1 << 20;

/// What stands in the text of a key under a passphrase.
const LOCKED: &[u8] = b"ENCRYPTED";

/// The mode of files that everybody may read.
const EVERYBODY_READS: u32 = 0o004;

/// How DER of certificates, keys and PKCS #12 begins.
const DER_SEQUENCE: u8 = 0x30;

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
    /// The key in it is under a passphrase.
    #[error("the key of {} is under a passphrase", path.display())]
    Locked { path: PathBuf },
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
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "let the user that poised runs as read the file and enter its folders"
            }
            Self::Locked { .. } => "take it off: openssl pkey -in KEY -out PLAIN",
            Self::Read { .. } => "name a file that poised may read",
            Self::Form { .. } => "write it anew as PEM; DER and PKCS #12 are not read",
            Self::Missing { .. } => "name the PEM file that holds it",
            Self::Many { .. } => "leave those that lead from the first one to its root",
        }
    }
}

/// The certificates of a file in their order, at least one.
///
/// # Errors
/// [`PemError`] when there is none, or more than `count_max`.
pub(super) fn certificates(path: &Path, count_max: usize) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let (bytes, _) = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).take(count_max + 1).collect();
    let found = found.map_err(|error| form(path, &error))?;
    let path = || path.to_owned();
    match found.len() {
        0 => Err(missing(&path(), &bytes, "certificate")),
        count if count > count_max => Err(PemError::Many { path: path(), count_max }),
        _ => Ok(found),
    }
}

/// A key with what is known of its file.
#[derive(Debug)]
pub(super) struct Key {
    /// The key.
    pub(super) der: PrivateKeyDer<'static>,
    /// Whether everybody on this host may read it.
    pub(super) is_open: bool,
}

/// The first key of a file: PKCS #8, PKCS #1 or SEC 1.
///
/// # Errors
/// [`PemError`] when there is none.
pub(super) fn key(path: &Path) -> Result<Key, PemError> {
    let (bytes, mode) = read(path)?;
    // In both forms: a section of its own name, and a header within one.
    let is_locked = bytes.windows(LOCKED.len()).any(|part| part == LOCKED);
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(der) => Ok(Key { der, is_open: mode & EVERYBODY_READS != 0 }),
        Err(_) if is_locked => Err(PemError::Locked { path: path.to_owned() }),
        Err(pem::Error::NoItemsFound) => Err(missing(path, &bytes, "key")),
        Err(error) => Err(form(path, &error)),
    }
}

/// A file without what is wanted: of another form, or of something else.
fn missing(path: &Path, bytes: &[u8], wanted: &'static str) -> PemError {
    let path = path.to_owned();
    if bytes.first() == Some(&DER_SEQUENCE) {
        return PemError::Form { path, reason: "it is DER or PKCS #12".to_owned() };
    }
    PemError::Missing { path, wanted }
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

/// The bytes of a file and its mode.
fn read(path: &Path) -> Result<(Vec<u8>, u32), PemError> {
    let wrap = |source| PemError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(wrap)?;
    let metadata = file.metadata().map_err(wrap)?;
    // A pipe could keep its reader for ever.
    if !metadata.is_file() {
        return Err(wrap(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    let mut bytes = Vec::new();
    file.take(PEM_LEN_MAX + 1).read_to_end(&mut bytes).map_err(wrap)?;
    if bytes.len() as u64 > PEM_LEN_MAX {
        let message = format!("it is longer than {PEM_LEN_MAX} bytes");
        return Err(wrap(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    Ok((bytes, metadata.mode()))
}
