//! Certificates made for the tests of this module.

use std::path::PathBuf;

use poise_ipc::model::Certificate;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use tempfile::TempDir;

/// A folder of certificates.
pub(super) struct Shelf {
    folder: TempDir,
}

/// The days that a certificate is valid: from the first to the last, 1 January and 31 December.
pub(super) type Years = (i32, i32);

/// Years that hold the present.
pub(super) const NOW: Years = (2020, 2199);

impl Shelf {
    /// An empty folder.
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// A file of the folder.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a file and names it.
    pub(super) fn write(&self, file: &str, text: &str) -> String {
        let path = self.path(file);
        std::fs::write(&path, text).expect("a folder of ours");
        path.display().to_string()
    }

    /// A certificate that signs itself, for these names.
    pub(super) fn certificate(&self, name: &str, names: &[&str], years: Years) -> Certificate {
        let (chain, key) = pem(names, years);
        Certificate { chain: self.write(&format!("{name}.pem"), &chain), key: self.write(&format!("{name}.key"), &key) }
    }
}

/// The text of a certificate and of its key.
pub(super) fn pem(names: &[&str], (from, until): Years) -> (String, String) {
    let key = KeyPair::generate().expect("randomness");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("plain names");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "site");
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 12, 31);
    let certificate = params.self_signed(&key).expect("a key of its own");
    (certificate.pem(), key.serialize_pem())
}

/// The cryptography of tests.
pub(super) fn provider() -> CryptoProvider {
    default_provider()
}
