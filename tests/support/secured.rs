//! TLS around the daemon: certificates on a shelf, clients that ask for names, backends that have
//! a certificate.
//!
//! Blocking, on rustls itself; nothing of the daemon's own code is used.

use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, RootCertStore};
use rustls::{ServerConfig, ServerConnection, SignatureScheme, StreamOwned, SupportedProtocolVersion};

use crate::backends::{Scripted, patient};

/// First and last year of a certificate.
pub type Years = (i32, i32);

/// Years that hold the present.
pub const NOW: Years = (2020, 2199);

/// A folder of certificates, and the authority that signs them.
pub struct Shelf {
    folder: tempfile::TempDir,
    authority: Issuer<'static, KeyPair>,
}

impl Shelf {
    /// An empty folder with an authority of its own in `ca.pem`.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("randomness");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        let root = params.self_signed(&key).expect("a key of its own");
        let shelf = Self { folder: tempfile::tempdir().expect("a folder"), authority: Issuer::new(params, key) };
        shelf.write("ca.pem", &root.pem());
        shelf
    }

    /// A file of the folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path(file), text).expect("a folder of ours");
        std::fs::set_permissions(self.path(file), Permissions::from_mode(0o600)).expect("a file of ours");
    }

    /// Writes `NAME.pem` and `NAME.key`, for these names; what stood there is replaced.
    pub fn put(&self, name: &str, names: &[&str], (from, until): Years) {
        self.put_with(name, names, |params| {
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(until, 12, 31);
        });
    }

    /// The same, valid for so many days from now.
    pub fn put_for_days(&self, name: &str, names: &[&str], days: u64) {
        let until = SystemTime::now() + Duration::from_secs(days * 86_400);
        self.put_with(name, names, |params| params.not_after = until.into());
    }

    fn put_with(&self, name: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) {
        let key = KeyPair::generate().expect("randomness");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("plain names");
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.authority).expect("an authority");
        self.write(&format!("{name}.pem"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// The section of a configuration that names a certificate of the folder.
    pub fn section(&self, name: &str) -> String {
        let (chain, key) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        format!("[certificates.{name}]\nchain = \"{}\"\nkey = \"{}\"\n", chain.display(), key.display())
    }

    /// A backend with a certificate of the folder that answers every request of a connection with
    /// 200 and these words.
    pub fn backend(&self, name: &str, words: &'static str) -> Scripted {
        self.speaking(name, &[], move |mut stream| while answer(&mut stream, words).is_ok_and(|more| more) {})
    }

    /// A backend with a certificate of the folder that agrees on one of these protocols and plays a
    /// script for every connection, the handshake of which is its own.
    pub fn speaking(
        &self,
        name: &str,
        protocols: &[&str],
        script: impl Fn(Serving) + Send + Sync + 'static,
    ) -> Scripted {
        let chain = CertificateDer::pem_file_iter(self.path(&format!("{name}.pem"))).expect("it was put there");
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("PEM");
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).expect("it was put there");
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = builder.expect("versions").with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.expect("they belong together");
        config.alpn_protocols = protocols.iter().map(|protocol| (*protocol).into()).collect();
        let config = Arc::new(config);
        Scripted::new(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
            script(StreamOwned::new(connection, stream));
        })
    }
}

/// Reads one head and answers it with 200 and these words; false at the end.
pub fn answer(stream: &mut (impl Read + Write), words: &str) -> io::Result<bool> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(false);
        }
        head.extend(byte);
    }
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{words}", words.len());
    stream.write_all(answer.as_bytes())?;
    stream.flush()?;
    Ok(true)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A client that remembers its sessions and believes every certificate.
pub struct Client {
    config: Arc<ClientConfig>,
}

/// A connection of a backend.
pub type Serving = StreamOwned<ServerConnection, TcpStream>;

/// A connection of a client.
pub type Secured = StreamOwned<ClientConnection, TcpStream>;

impl Client {
    /// One that speaks what there is.
    pub fn new() -> Self {
        Self::speaking(rustls::DEFAULT_VERSIONS)
    }

    /// One that speaks these versions.
    pub fn speaking(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions);
        let builder = builder.expect("versions").dangerous().with_custom_certificate_verifier(Arc::new(Believe));
        Self { config: Arc::new(builder.with_no_client_auth()) }
    }

    /// What one is configured with that believes every certificate and agrees on this protocol.
    pub fn agreeing_on(protocol: &str) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(&Self::new().config);
        config.alpn_protocols = vec![protocol.into()];
        Arc::new(config)
    }

    /// One that believes the authority of a file alone, and speaks these versions.
    pub fn believing(authority: &std::path::Path, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).expect("a certificate")).expect("an authority");
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions);
        let config = builder.expect("versions").with_root_certificates(roots).with_no_client_auth();
        Self { config: Arc::new(config) }
    }

    /// Connects and shakes hands, asking for a name.
    pub fn connect(&self, address: SocketAddr, name: &str) -> io::Result<Secured> {
        let stream = patient(TcpStream::connect(address)?);
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        let mut secured = StreamOwned::new(connection, stream);
        while secured.conn.is_handshaking() {
            secured.conn.complete_io(&mut secured.sock)?;
        }
        Ok(secured)
    }

    /// The certificate that a client gets who asks for a name.
    pub fn certificate(&self, address: SocketAddr, name: &str) -> Vec<u8> {
        leaf(&self.connect(address, name).expect("a handshake"))
    }

    /// Whether a new connection resumes what one before agreed on.
    pub fn resumes(&self, address: SocketAddr, name: &str) -> bool {
        let mut secured = self.connect(address, name).expect("a handshake");
        // The ticket for the next one comes with the answer at the latest.
        ask(&mut secured, name).expect("an answer");
        secured.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

/// The first bytes of a client that asks for a name.
pub fn hello(name: &str) -> Vec<u8> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut connection = ClientConnection::new(Client::new().config, name).expect("a configuration");
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).expect("there is room");
    bytes
}

/// The certificate of the other side.
pub fn leaf(secured: &Secured) -> Vec<u8> {
    let chain = secured.conn.peer_certificates().expect("a handshake");
    chain.first().expect("a certificate").to_vec()
}

/// The certificate of a file.
pub fn leaf_of(path: &std::path::Path) -> Vec<u8> {
    CertificateDer::from_pem_file(path).expect("a certificate").to_vec()
}

/// Sends a request over an open connection and reads its answer: the status line and the body.
pub fn ask(stream: &mut (impl Read + Write), host: &str) -> io::Result<(String, String)> {
    let (head, body) = exchange(stream, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))?;
    Ok((head.lines().next().unwrap_or_default().to_owned(), body))
}

/// The same for any request: the head and the body.
pub fn exchange(stream: &mut (impl Read + Write), request: &str) -> io::Result<(String, String)> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let len = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; len.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok((head, String::from_utf8(body).map_err(io::Error::other)?))
}

/// Believes everything, a signature too: what is proven is for those to see who know the authority.
#[derive(Debug)]
struct Believe;

impl ServerCertVerifier for Believe {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct) -> Believed {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct) -> Believed {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

type Believed = Result<HandshakeSignatureValid, rustls::Error>;
