//! What a client's bytes go through: the bare socket, or TLS 1.3 over it.
//!
//! Every client of TLS offers the same cipher and the same curve, so that no proxy is charged for a
//! better choice than another's. Knows nothing of what is said. Used by `exchange` and `streams`.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

use crate::certificate::NAME;

/// Sessions that a client keeps for its next handshake.
const SESSIONS_MAX: usize = 4;

/// A socket, or TLS over it.
pub(super) enum Wire {
    /// Bytes as they are.
    Plain(OwnedFd),
    /// Sealed ones.
    Tls(Box<Sealed>),
}

/// TLS over a socket that does not block.
pub(super) struct Sealed {
    socket: TcpStream,
    session: ClientConnection,
}

/// What a client believes and offers. Clients that resume need one each, for it holds their
/// sessions.
///
/// # Errors
/// When the certificate cannot be read.
pub(super) fn config(certificate: &Path, resume: bool, protocol: &[u8]) -> io::Result<ClientConfig> {
    let pem = fs::read(certificate)?;
    let certificate = CertificateDer::from_pem_slice(&pem).map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(io::Error::other)?;
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(io::Error::other)?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = if resume { Resumption::in_memory_sessions(SESSIONS_MAX) } else { Resumption::disabled() };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

/// The name that clients ask for.
pub(super) fn server_name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("a name that was written as one")
}

impl Wire {
    /// Over a connected or connecting socket; in TLS when a configuration is given.
    pub(super) fn new(socket: OwnedFd, config: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let Some(config) = config else { return Ok(Self::Plain(socket)) };
        let session = ClientConnection::new(Arc::clone(config), server_name()).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(Sealed { socket: TcpStream::from(socket), session })))
    }

    /// Sends all of a small request, now or as soon as the handshake is done.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) if send(&*socket, bytes, SendFlags::NOSIGNAL)? == bytes.len() => Ok(()),
            Self::Plain(_) => Err(io::ErrorKind::WriteZero.into()),
            Self::Tls(sealed) => {
                sealed.session.writer().write_all(bytes)?;
                sealed.flush()
            }
        }
    }

    /// Receives what is there; `WouldBlock` when that is nothing, 0 at the end.
    pub(super) fn recv(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => {
                let received: Result<(usize, usize), Errno> = recv(&*socket, room, RecvFlags::empty());
                Ok(received?.1)
            }
            Self::Tls(sealed) => sealed.recv(room),
        }
    }

    /// Whether the handshake took up an earlier session.
    pub(super) fn resumed(&self) -> bool {
        matches!(self, Self::Tls(sealed) if sealed.session.handshake_kind() == Some(HandshakeKind::Resumed))
    }
}

impl Sealed {
    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => break,
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    fn recv(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(room) {
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                // A peer that closes without saying so has ended too.
                Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            self.session.read_tls(&mut self.socket)?;
            self.session.process_new_packets().map_err(io::Error::other)?;
            self.flush()?;
        }
    }
}
