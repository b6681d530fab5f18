//! Certificates made for the tests of this module.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use poise_ipc::model::Certificate;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rcgen::{PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use tempfile::TempDir;

/// A folder of certificates.
pub(crate) struct Shelf {
    folder: TempDir,
}

/// The days that a certificate is valid: from the first to the last, 1 January and 31 December.
pub(crate) type Years = (i32, i32);

/// Years that hold the present.
pub(crate) const NOW: Years = (2020, 2199);

impl Shelf {
    /// An empty folder.
    pub(crate) fn new() -> Self {
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
        self.open_to(file, 0o600);
        path.display().to_string()
    }

    /// Lets a file be read as its mode says.
    pub(super) fn open_to(&self, file: &str, mode: u32) {
        std::fs::set_permissions(self.path(file), Permissions::from_mode(mode)).expect("a file of ours");
    }

    /// A certificate that signs itself, for these names.
    pub(crate) fn certificate(&self, name: &str, names: &[&str], years: Years) -> Certificate {
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

/// A certificate that signs itself, with its key in each form that programs write: PKCS #8, and
/// PKCS #1 or SEC 1 where the kind has one.
pub(super) fn forms(kind: &'static SignatureAlgorithm) -> (String, Vec<String>) {
    let key = KeyPair::generate_for(kind).expect("randomness");
    let params = CertificateParams::new(vec!["a.example".to_owned()]).expect("plain names");
    let chain = params.self_signed(&key).expect("a key of its own").pem();
    let pkcs8 = key.serialize_der();
    let [inner, parameters] = ["PRIVATE KEY", "PARAMETERS"].map(|end| {
        let kind = if *kind == PKCS_RSA_SHA256 { "RSA" } else { "EC" };
        format!("{kind} {end}")
    });
    // Of an EC key openssl writes the parameters before it.
    let old = section(&parameters, &[6, 0]) + &section(&inner, inner_key(&pkcs8));
    let has_old = *kind != PKCS_ED25519;
    (chain, [section("PRIVATE KEY", &pkcs8)].into_iter().chain(has_old.then_some(old)).collect())
}

/// What the last element of a PKCS #8 sequence holds (RFC 5958 section 2): version, algorithm, key.
fn inner_key(pkcs8: &[u8]) -> &[u8] {
    let (sequence, _) = element(pkcs8);
    let (_, rest) = element(sequence);
    let (_, rest) = element(rest);
    element(rest).0
}

/// The content of an element of DER, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let long = usize::from(der[1] & 0x7f) * usize::from(der[1] >> 7);
    let len = der[2..2 + long].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
    let len = if long == 0 { usize::from(der[1]) } else { len };
    der[2 + long..].split_at(len)
}

/// A section of PEM.
pub(super) fn section(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = der.chunks(3).flat_map(|three| {
        let bits = [16, 8, 0].into_iter().zip(three).fold(0, |bits, (shift, byte)| bits | u32::from(*byte) << shift);
        let of = move |at: usize| char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]);
        (0..4).map(move |at| if at <= three.len() { of(at) } else { '=' })
    });
    let text: Vec<char> = digits.collect();
    let lines = text.chunks(64).map(|line| line.iter().chain(&['\n']).collect::<String>());
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.collect::<String>())
}

/// A chain of three that belong together, the certificate first, and its key.
pub(super) fn chain_of_three() -> ([String; 3], String) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let [root_key, middle_key, key] = [(); 3].map(|()| KeyPair::generate().expect("randomness"));
    let (root, middle) = (authority("root"), authority("middle"));
    let root_pem = root.self_signed(&root_key).expect("a key of its own").pem();
    let middle_pem = middle.signed_by(&middle_key, &Issuer::new(root, root_key)).expect("an authority").pem();
    let leaf = CertificateParams::new(vec!["a.example".to_owned()]).expect("plain names");
    let leaf = leaf.signed_by(&key, &Issuer::new(middle, middle_key)).expect("an authority").pem();
    ([leaf, middle_pem, root_pem], key.serialize_pem())
}

/// The cryptography of tests.
pub(super) fn provider() -> CryptoProvider {
    default_provider()
}
