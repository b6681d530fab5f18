//! TLS with backends: what the connections of a group go by, and one handshake.
//!
//! Sessions are resumed as long as the settings stay. Deadlines, counters and what a failure means
//! for a request are the caller's.

use std::io;
use std::sync::Arc;

use poise_ipc::model::{Address, BackendProtocol, BackendTls, BackendTlsMode};
use poise_ipc::status::Reason;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::TlsStream;
use super::insecure::Believe;
use super::kit::Kit;

/// Sessions that are remembered for one group, by the name that was asked for.
const SESSIONS_MAX: usize = 256;

/// What the connections to a group's backends go by.
#[derive(Debug)]
pub(crate) struct ClientTls {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

/// Why a handshake with a backend failed.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub(crate) struct BackendTlsError {
    /// What it says of the backend.
    pub(crate) reason: Reason,
    /// The same for people.
    pub(crate) said: String,
}

impl ClientTls {
    /// What the settings of a group ask for; `roots` for those that verify.
    pub(super) fn new(
        settings: &BackendTls,
        protocol: BackendProtocol,
        roots: Option<&Arc<RootCertStore>>,
        kit: &Kit,
    ) -> Result<Self, Error> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&kit.provider));
        let builder = builder.with_safe_default_protocol_versions()?;
        let builder = match (settings.mode, roots) {
            (BackendTlsMode::Insecure, _) => {
                let believe = Arc::new(Believe(Arc::clone(&kit.provider)));
                builder.dangerous().with_custom_certificate_verifier(believe)
            }
            // Without roots nobody is believed.
            (_, roots) => {
                builder.with_root_certificates(roots.map_or_else(|| Arc::new(RootCertStore::empty()), Arc::clone))
            }
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = agreeing_on(protocol);
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        let name = settings.name.clone().and_then(|name| ServerName::try_from(name).ok());
        Ok(Self { config: Arc::new(config), name })
    }

    /// What probes go by that speak another protocol or ask for another name than traffic does, and
    /// believe whom it believes. A name that is none leaves the one of the settings.
    pub(crate) fn varied(&self, protocol: BackendProtocol, name: Option<&str>) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = agreeing_on(protocol);
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        let name = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        Self { config: Arc::new(config), name: name.or_else(|| self.name.clone()) }
    }

    /// What probes go by where traffic speaks no TLS: any certificate is believed.
    ///
    /// # Errors
    /// When the cryptography has no usual version of TLS.
    pub(crate) fn believing(protocol: BackendProtocol, name: Option<&str>) -> Result<Self, Error> {
        let provider = Arc::new(default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions()?.dangerous();
        let mut config = builder.with_custom_certificate_verifier(Arc::new(Believe(provider))).with_no_client_auth();
        config.alpn_protocols = agreeing_on(protocol);
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        let name = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        Ok(Self { config: Arc::new(config), name })
    }

    /// Shakes hands with the backend at an address.
    ///
    /// # Errors
    /// [`BackendTlsError`] when it cannot be believed or does not speak TLS.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub(crate) async fn connect(&self, address: &Address, stream: TcpStream) -> Result<TlsStream, BackendTlsError> {
        let name = self.name.clone().or_else(|| name_of(address)).ok_or_else(|| BackendTlsError {
            reason: Reason::WrongName,
            said: format!("{address} is no name that a certificate can be asked for"),
        })?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let shaken = connector.connect(name, stream).await;
        shaken.map(TlsStream::from).map_err(|error| BackendTlsError::of(&error))
    }
}

fn agreeing_on(protocol: BackendProtocol) -> Vec<Vec<u8>> {
    match protocol {
        BackendProtocol::Http1 => vec![b"http/1.1".to_vec()],
        BackendProtocol::Http2 => vec![b"h2".to_vec()],
    }
}

/// The name that a backend's certificate is for, if nothing else is configured.
fn name_of(address: &Address) -> Option<ServerName<'static>> {
    match address {
        Address::Ip(address) => Some(ServerName::IpAddress(address.ip().into())),
        Address::Name { host, .. } => ServerName::try_from(host.clone()).ok(),
        Address::Unix(_) => ServerName::try_from("localhost").ok(),
    }
}

impl BackendTlsError {
    fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
        let reason = match inner {
            Some(Error::InvalidCertificate(error)) => match error {
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Reason::Expired,
                // An authority of the same name with another key has not signed it either.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Reason::UnknownIssuer,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Reason::WrongName
                }
                _ => Reason::BadCertificate,
            },
            Some(_) => Reason::Handshake,
            None if crate::shortage::is_shortage(error) => Reason::Local,
            None => Reason::Reset,
        };
        Self { reason, said: error.to_string() }
    }
}
