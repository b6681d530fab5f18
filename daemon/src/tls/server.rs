//! TLS with clients: what a listener's handshakes go by, and one handshake.
//!
//! The configuration is made by control and never changed; a connection keeps the one that it
//! began with. The deadline of a handshake and its counters are the caller's.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use poise_ipc::model::{Http2, ListenerTls, TlsVersion};
use poise_ipc::status::TlsFailure;
use rustls::server::{Acceptor, NoServerSessionStorage};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, Error, PeerIncompatible, ServerConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use super::TlsStream;
use super::certificate::Loaded;
use super::kit::Kit;
use super::names::Names;

/// A fatal alert in a record of its own (RFC 8446 sections 5.1 and 6): type, legacy version,
/// length, level, and the description that follows.
const FATAL_ALERT: [u8; 6] = [21, 3, 3, 0, 2, 2];

/// What the handshakes of a listener go by.
#[derive(Debug)]
pub(crate) struct ServerTls {
    config: Arc<ServerConfig>,
    names: Arc<Names>,
    /// Time that a handshake may take, in milliseconds.
    pub(crate) timeout_ms: u32,
}

/// A handshake that came to nothing.
#[derive(Debug)]
pub(super) struct Failed {
    /// For counters.
    pub(super) reason: TlsFailure,
    /// What more is known, for people.
    pub(super) said: Option<String>,
}

impl Failed {
    /// Nothing more is known.
    pub(super) const fn new(reason: TlsFailure) -> Self {
        Self { reason, said: None }
    }
}

impl ServerTls {
    /// What the settings of a listener ask for, with these of its certificates.
    pub(super) fn new<'a>(
        settings: &ListenerTls,
        http2: Http2,
        certificates: impl Iterator<Item = &'a Loaded>,
        kit: &Kit,
    ) -> Result<Self, Error> {
        let names = Arc::new(Names::new(certificates, settings.unknown_name));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&kit.provider));
        let builder = builder.with_protocol_versions(versions(settings.min_version))?;
        let resolver = Arc::clone(&names);
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = protocols(http2 != Http2::Off);
        // Tickets alone: they cost no memory, and the ones of before an edit are still good after it.
        config.ticketer = Arc::<super::tickets::Tickets>::clone(&kit.tickets);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // A client that comes back takes the newest; more than one is work for nothing.
        config.send_tls13_tickets = 1;
        Ok(Self { config: Arc::new(config), names, timeout_ms: settings.handshake_timeout_ms })
    }

    /// Whether a request for this host should not have come by this connection: where clients are
    /// turned away that ask for a name of which no certificate speaks, they are not let in by
    /// another name either (RFC 9110 section 15.5.20).
    pub(super) fn misdirects(&self, host: &str) -> bool {
        self.names.rejects(Some(host)) && host.parse::<IpAddr>().is_err()
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// Why not. The client has been told, where it can be.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub(super) async fn accept(&self, client: TcpStream) -> Result<TlsStream, Failed> {
        if self.names.is_empty() {
            tell(&client, AlertDescription::InternalError);
            return Err(Failed::new(TlsFailure::NoCertificate));
        }
        let hello = LazyConfigAcceptor::new(Acceptor::default(), client).await.map_err(|error| failure(&error))?;
        let asked = hello.client_hello();
        if let Some(name) = asked.server_name().filter(|name| self.names.rejects(Some(name))) {
            tell(&hello.io, AlertDescription::UnrecognisedName);
            return Err(Failed { reason: TlsFailure::UnknownName, said: Some(name.to_owned()) });
        }
        let shaken = hello.into_stream(Arc::clone(&self.config)).await;
        shaken.map(TlsStream::from).map_err(|error| failure(&error))
    }
}

/// The versions from the oldest that is spoken.
fn versions(oldest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match oldest {
        TlsVersion::Tls12 => &ALL,
        TlsVersion::Tls13 => &ALL[..1],
    }
}

/// What is spoken over TLS, the preferred one first (RFC 7301).
fn protocols(http2: bool) -> Vec<Vec<u8>> {
    let h2 = http2.then(|| b"h2".to_vec());
    h2.into_iter().chain([b"http/1.1".to_vec()]).collect()
}

/// Says goodbye before any key was agreed on.
fn tell(client: &TcpStream, alert: AlertDescription) {
    let mut record = FATAL_ALERT.to_vec();
    record.push(u8::from(alert));
    // A client that has gone needs no telling.
    let _ = client.try_write(&record);
}

/// What an error of a handshake says of the client.
fn failure(error: &io::Error) -> Failed {
    let said = Some(error.to_string());
    let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) else {
        return Failed { reason: TlsFailure::Closed, said };
    };
    let reason = match error {
        Error::InvalidMessage(_) => TlsFailure::NotTls,
        Error::AlertReceived(alert) if is_distrust(*alert) => TlsFailure::Distrusted,
        Error::AlertReceived(_) => TlsFailure::Refused,
        Error::NoApplicationProtocol => TlsFailure::Parameters,
        Error::PeerIncompatible(what) => match what {
            // Clients of TLS 1.2 say which signatures they know, those before it cannot.
            PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => TlsFailure::Version,
            _ => TlsFailure::Parameters,
        },
        _ => TlsFailure::Protocol,
    };
    Failed { reason, said }
}

/// Whether a client says by this that it does not believe the certificate (RFC 8446 section 6.2).
const fn is_distrust(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
    )
}
