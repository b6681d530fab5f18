//! What all TLS of the process shares: the cryptography, and the keys of its session tickets.
//!
//! The keys are kept over every edit, so that clients resume whatever was changed, and go with an
//! upgrade; see `tickets`.

use std::sync::Arc;

use rustls::Error;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

use super::tickets::{TicketKeys, Tickets};

/// Cryptography and ticket keys.
#[derive(Clone, Debug)]
pub(super) struct Kit {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) tickets: Arc<Tickets>,
}

impl Kit {
    /// New keys, or those of the process before.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(super) fn new(keys: Option<TicketKeys>) -> Result<Self, Error> {
        Ok(Self { provider: Arc::new(aws_lc_rs::default_provider()), tickets: Arc::new(Tickets::new(keys)?) })
    }
}
