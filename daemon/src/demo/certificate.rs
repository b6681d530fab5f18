//! The demo's certificate: made when it starts, signed by itself, gone with the demo.
//!
//! It is for `localhost`; nobody believes it unless told to.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair};

/// Names that it speaks for.
const NAMES: [&str; 2] = ["localhost", "demo.localhost"];
/// How long it is valid: as long as a public one.
const VALID: Duration = Duration::from_hours(90 * 24);
/// How far a clock may be ahead of the daemon's.
const SLACK: Duration = Duration::from_hours(1);

/// Writes a certificate and its key.
///
/// # Errors
/// When there is no randomness, or a file cannot be written.
pub fn make_certificate(chain: &Path, key: &Path) -> io::Result<()> {
    let (pair, now) = (KeyPair::generate().map_err(io::Error::other)?, SystemTime::now());
    let mut params = CertificateParams::new(NAMES.map(str::to_owned)).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, "poise demo");
    (params.not_before, params.not_after) = ((now - SLACK).into(), (now + VALID).into());
    let certificate = params.self_signed(&pair).map_err(io::Error::other)?;
    fs::write(chain, certificate.pem())?;
    // For nobody else's eyes, like every key.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(key)?;
    file.write_all(pair.serialize_pem().as_bytes())
}
