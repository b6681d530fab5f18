//! TLS over loopback: what is read and written through a [`Stream`], with rustls as the peer.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

/// Longest wait for something that is certain to happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server and a client of a certificate made for the test, after their handshake.
async fn pair(version: &'static SupportedProtocolVersion) -> (Stream, Stream) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let server = ServerConfig::builder_with_protocol_versions(&[version])
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a key that fits");
    let client =
        ClientConfig::builder_with_protocol_versions(&[version]).with_root_certificates(roots).with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
    let (far, _) = listener.accept().await.expect("it connects");
    for socket in [&near, &far] {
        // Small, so that sockets refuse what large bodies bring.
        SockRef::from(socket).set_send_buffer_size(8 << 10).expect("a usual size");
    }
    let name = "localhost".try_into().expect("a name");
    let (server, client) = tokio::try_join!(
        async { TlsAcceptor::from(Arc::new(server)).accept(far).await },
        TlsConnector::from(Arc::new(client)).connect(name, near),
    )
    .expect("a handshake");
    (TlsStream::Server(server).into(), TlsStream::Client(client).into())
}

fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("it ends in time") })
}

async fn write_all(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    let mut at = 0;
    poll_fn(|cx| {
        at += stream.write(cx, &bytes[at..])?;
        if at == bytes.len() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

async fn read(stream: &mut Stream, into: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| stream.poll_read(cx, into)).await
}

/// Bytes in which a displaced piece is found out.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| ((at % 251) ^ ((at >> 13) % 256)).to_le_bytes()[0]).collect()
}

#[test]
fn everything_written_arrives_in_order_whatever_the_sockets_refuse() {
    for version in [&version::TLS12, &version::TLS13] {
        run(async {
            let (mut server, mut client) = pair(version).await;
            let sent = pattern(3 << 20);
            let there = async {
                write_all(&mut server, &sent).await.expect("it takes");
                poll_fn(|cx| if server.finish(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
                server
            };
            let back = async {
                let (mut got, mut room) = (Vec::new(), 1);
                loop {
                    let mut into = vec![0; room];
                    match read(&mut client, &mut into).await.expect("an orderly end") {
                        0 => break got,
                        count => got.extend_from_slice(&into[..count]),
                    }
                    // From single bytes to more than several records hold.
                    room = (room * 3 + 1) % 200_001;
                }
            };
            let (_server, got) = tokio::join!(there, back);
            assert!(got == sent, "{} of {} bytes, or others", got.len(), sent.len());
        });
    }
}

#[test]
fn a_byte_counts_as_written_when_the_socket_has_its_record() {
    run(async {
        let (mut server, mut client) = pair(&version::TLS13).await;
        let bytes = pattern(8 << 20);
        let taken = poll_fn(|cx| Poll::Ready(server.write(cx, &bytes))).await.expect("it takes some");
        assert!(0 < taken && taken < bytes.len(), "{taken}");
        // What was taken arrives although nobody writes again, but for the record that is owed.
        let mut got = vec![0; bytes.len()];
        let mut at = 0;
        while at + (64 << 10) < taken {
            at += read(&mut client, &mut got[at..]).await.expect("it reads");
        }
        assert!(got[..at] == bytes[..at]);
        write_all(&mut server, &bytes[taken..=taken]).await.expect("room again");
        while at <= taken {
            at += read(&mut client, &mut got[at..]).await.expect("it reads");
        }
        assert!(got[..at] == bytes[..at]);
    });
}

#[test]
fn one_read_brings_all_records_that_have_arrived() {
    run(async {
        let (mut server, mut client) = pair(&version::TLS13).await;
        for part in pattern(300).chunks(100) {
            write_all(&mut server, part).await.expect("it takes");
        }
        client.socket().expect("its own").readable().await.expect("something came");
        let mut into = vec![0; 64 << 10];
        assert_eq!(read(&mut client, &mut into).await.expect("it reads"), 300);
        // And what finds no room is there without another event of the socket.
        write_all(&mut server, &pattern(300)).await.expect("it takes");
        for _ in 0..300 {
            assert_eq!(read(&mut client, &mut into[..1]).await.expect("it reads"), 1);
            assert!(poll_fn(|cx| Poll::Ready(client.is_quiet_now() || client.poll_readable(cx).is_ready())).await);
        }
    });
}

#[test]
fn an_end_that_was_not_announced_is_no_end() {
    run(async {
        let mut into = [0; 10];
        let (server, mut client) = pair(&version::TLS13).await;
        drop(server);
        assert_eq!(read(&mut client, &mut into).await.expect("dropped is announced"), 0);
        let (mut server, mut client) = pair(&version::TLS13).await;
        server.abort();
        drop(server);
        assert!(read(&mut client, &mut into).await.is_err(), "aborted is a reset");
        let (server, mut client) = pair(&version::TLS13).await;
        SockRef::from(server.socket().expect("its own")).shutdown(std::net::Shutdown::Write).expect("open");
        let cut = read(&mut client, &mut into).await.expect_err("cut short");
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn the_last_bytes_and_the_goodbye_leave_together() {
    run(async {
        let (mut server, mut client) = pair(&version::TLS13).await;
        let taken = poll_fn(|cx| Poll::Ready(server.write_last(cx, b"bye"))).await.expect("room");
        assert_eq!(taken, 3);
        SockRef::from(server.socket().expect("its own")).shutdown(std::net::Shutdown::Write).expect("open");
        drop(server);
        let mut into = [0; 10];
        assert_eq!(read(&mut client, &mut into).await.expect("it reads"), 3);
        assert_eq!(read(&mut client, &mut into).await.expect("announced"), 0);
    });
}

#[test]
fn a_connection_at_rest_is_disturbed_by_data_and_by_the_end_but_not_by_tickets() {
    run(async {
        for version in [&version::TLS12, &version::TLS13] {
            let (mut server, mut client) = pair(version).await;
            // The tickets of TLS 1.3 are still unread.
            tokio::task::yield_now().await;
            assert_eq!((client.at_rest(), server.at_rest()), (None, None));
            write_all(&mut server, b"x").await.expect("room");
            client.socket().expect("its own").readable().await.expect("it came");
            assert_eq!(client.at_rest(), Some(End::Speaks));
            drop(client);
            server.socket().expect("its own").readable().await.expect("it came");
            assert!(matches!(server.at_rest(), Some(End::Ended | End::Failed)));
        }
    });
}

#[test]
fn hyper_reads_and_writes_it_as_tokio_streams() {
    run(async {
        let (mut server, mut client) = pair(&version::TLS13).await;
        let sent = pattern(1 << 20);
        let there = async {
            tokio::io::AsyncWriteExt::write_all(&mut server, &sent).await?;
            server.shutdown().await
        };
        let mut got = Vec::new();
        let (there, back) = tokio::join!(there, client.read_to_end(&mut got));
        there.expect("it takes");
        back.expect("an orderly end");
        assert!(got == sent);
    });
}
