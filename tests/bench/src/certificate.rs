//! The certificate of a run: P-256, signed by its own key, made anew each time.
//!
//! Proxies get it as files; clients of a load read the same file and believe nothing else. Made by
//! `place`, named to proxies by `proxy` and to loads by `load`.

use std::fs;
use std::path::{Path, PathBuf};

/// The name that the certificate is for.
pub(crate) const NAME: &str = "localhost";

/// Where the certificate lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The chain, of one.
    pub(crate) chain: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
    /// Both in one file, as `HAProxy` wants them.
    pub(crate) both: PathBuf,
}

impl Certificate {
    /// Writes a new one into a folder.
    ///
    /// # Errors
    /// Why it could not.
    pub(crate) fn make(folder: &Path) -> Result<Self, String> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]);
        let made = made.map_err(|fault| format!("make a certificate: {fault}"))?;
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let files = Self { chain: folder.join("cert.pem"), key: folder.join("key.pem"), both: folder.join("both.pem") };
        let both = [chain.as_str(), &key].concat();
        for (path, text) in [(&files.chain, chain), (&files.key, key), (&files.both, both)] {
            fs::write(path, text).map_err(|fault| format!("write {}: {fault}", path.display()))?;
        }
        Ok(files)
    }
}
