//! One request of a trial over a connection of its own: the status, the cookies set, the time it took.
//!
//! It speaks just enough HTTP/1.1 to read a head; the body is read to its end and dropped, so that
//! nobody sees a client that goes away. It follows no redirect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::url::Url;
use crate::exit::Exit;
use crate::verb::failure::Failure;

/// Bytes of a head: more than poised lets pass.
const HEAD_LEN_MAX: usize = 64 << 10;
/// Bytes of a body that are read before the connection is closed after all.
const BODY_LEN_MAX: u64 = 16 << 20;

/// How requests are made.
pub(super) struct Client {
    pub(super) url: Url,
    /// What stands in `Host`.
    pub(super) host: String,
    pub(super) timeout: Duration,
    pub(super) tls: Option<TlsConnector>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The values of its `Set-Cookie` fields.
    pub(super) cookies: Vec<String>,
    /// Time to its head, in milliseconds.
    pub(super) took_ms: u64,
}

impl Client {
    /// Asks once, with these cookies.
    pub(super) async fn ask(&self, cookies: Option<&str>) -> Result<Answer, Failure> {
        let asked = tokio::time::timeout(self.timeout, self.exchange(cookies)).await;
        let failed = |why: String| Failure::new(Exit::Failed, format!("ask {}: {why}", self.url));
        match asked {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(Failure::new(Exit::TimedOut, format!("ask {}: no answer in time", self.url))),
        }
    }

    async fn exchange(&self, cookies: Option<&str>) -> std::io::Result<Answer> {
        let begun = Instant::now();
        let stream = TcpStream::connect((self.url.host.as_str(), self.url.port)).await?;
        match &self.tls {
            None => self.talk(stream, cookies, begun).await,
            Some(tls) => {
                let name = ServerName::try_from(self.url.host.clone()).map_err(std::io::Error::other)?;
                self.talk(tls.connect(name, stream).await?, cookies, begun).await
            }
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        cookies: Option<&str>,
        begun: Instant,
    ) -> std::io::Result<Answer> {
        let cookies = cookies.map(|cookies| format!("Cookie: {cookies}\r\n")).unwrap_or_default();
        let (target, host) = (&self.url.target, &self.host);
        let agent = concat!("poise/", env!("CARGO_PKG_VERSION"));
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n{cookies}Connection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
        let (answer, rest) = read_answer(&mut stream, begun).await?;
        // How the body ends says nothing about persistence.
        let _ = tokio::io::copy(&mut stream.take(BODY_LEN_MAX.saturating_sub(rest)), &mut tokio::io::sink()).await;
        Ok(answer)
    }
}

/// The first head that is not interim, and how many bytes of the body came with it.
async fn read_answer(stream: &mut (impl AsyncRead + Unpin), begun: Instant) -> std::io::Result<(Answer, u64)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(len) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let answer = parse(&bytes[..len], took_ms).ok_or_else(|| std::io::Error::other("no HTTP response"))?;
            bytes.drain(..len + 4);
            if answer.status >= 200 || answer.status == 101 {
                return Ok((answer, bytes.len() as u64));
            }
            continue;
        }
        if bytes.len() > HEAD_LEN_MAX {
            return Err(std::io::Error::other("the head of the response does not end"));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::Error::other("the connection ended without a response"));
        }
    }
}

/// Reads a head without its blank line.
fn parse(head: &[u8], took_ms: u64) -> Option<Answer> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let set = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("set-cookie").then(|| value.trim().to_owned())
    };
    Some(Answer { status, cookies: lines.filter_map(set).collect(), took_ms })
}

/// What verifies certificates: by the roots of the system, or not at all.
pub(super) fn connector(insecure: bool) -> Result<TlsConnector, Failure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let broken = |error: rustls::Error| Failure::new(Exit::Failed, format!("prepare TLS: {error}"));
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(broken)?;
    let config = if insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    } else {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        builder.with_root_certificates(roots)
    };
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

/// Believes every certificate, for `--insecure`; signatures are still checked.
#[derive(Debug)]
struct Anybody(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &rustls::pki_types::CertificateDer<'_>,
        _intermediates: &[rustls::pki_types::CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
