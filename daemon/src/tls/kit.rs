//! What all TLS of the process shares: the cryptography, and the keys of its session tickets.
//!
//! The keys are made once and kept over every edit, so that clients resume whatever was changed;
//! they turn every six hours by themselves and never leave the process: whoever read them from a disk
//! could read what was sent under TLS 1.2, and a restart costs each client one full handshake.

use std::sync::Arc;

use rustls::Error;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ProducesTickets;

/// Cryptography and ticket keys.
#[derive(Clone, Debug)]
pub(super) struct Kit {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) tickets: Arc<dyn ProducesTickets>,
}

impl Kit {
    /// New keys.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self { provider: Arc::new(aws_lc_rs::default_provider()), tickets: aws_lc_rs::Ticketer::new()? })
    }
}
