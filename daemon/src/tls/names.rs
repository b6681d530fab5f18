//! Which certificate of a listener a client gets: by the name that it asks for.
//!
//! An exact name comes before a wildcard, which stands for one label (RFC 9525 section 6.3). Of two
//! certificates for a name the first gets the client whose signatures it knows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use poise_ipc::model::UnknownName;
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Loaded;

/// Certificates for one name, in the order of the listener.
type Keys = Vec<Arc<CertifiedKey>>;

/// The certificates of a listener by name.
#[derive(Debug)]
pub(super) struct Names {
    /// For clients that ask for no name, or for another one where that is the policy.
    first: Option<Arc<CertifiedKey>>,
    exact: HashMap<String, Keys>,
    /// By what follows the first label.
    wildcard: HashMap<String, Keys>,
    unknown: UnknownName,
}

impl Names {
    /// The names of these certificates.
    pub(super) fn new<'a>(certificates: impl Iterator<Item = &'a Loaded>, unknown: UnknownName) -> Self {
        let mut names = Self { first: None, exact: HashMap::new(), wildcard: HashMap::new(), unknown };
        for Loaded { key, facts, .. } in certificates {
            names.first.get_or_insert_with(|| Arc::clone(key));
            for name in &facts.names {
                let keys = match name.strip_prefix("*.") {
                    Some(rest) => names.wildcard.entry(rest.to_owned()),
                    None => names.exact.entry(name.clone()),
                };
                keys.or_default().push(Arc::clone(key));
            }
        }
        names
    }

    /// Whether there is no certificate at all.
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether a client that asks for this name is turned away.
    pub(super) fn rejects(&self, name: Option<&str>) -> bool {
        self.unknown == UnknownName::Reject && name.is_some_and(|name| self.keys(name).is_none())
    }

    /// The certificates for a name.
    fn keys(&self, name: &str) -> Option<&Keys> {
        // The dot of the root is no part of a name here (RFC 6066 section 3), yet some send it.
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_mixed = name.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = if is_mixed { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) };
        let wildcard = || self.wildcard.get(name.split_once('.')?.1);
        self.exact.get(name.as_ref()).or_else(wildcard)
    }

    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&Arc<CertifiedKey>> {
        let keys = name.and_then(|name| self.keys(name));
        match keys.map(Vec::as_slice) {
            None | Some([]) => self.first.as_ref(),
            Some([only]) => Some(only),
            Some(keys @ [first, ..]) => {
                keys.iter().find(|key| key.key.choose_scheme(schemes).is_some()).or(Some(first))
            }
        }
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes()).cloned()
    }
}

#[cfg(test)]
mod tests;
