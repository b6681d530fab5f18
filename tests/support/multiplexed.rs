//! Clients and backends of HTTP/2: well-behaved ones by the `h2` crate, hostile ones frame by frame.
//!
//! The frames of a hostile client are written by hand, its header blocks without compression, so
//! that it can say what no library would.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::backends::{ANY_PORT, PATIENCE, patient};

/// Runs a test on a runtime of its own, for no longer than a test may take.
pub fn run<F: Future>(test: F) -> F::Output {
    Scene::new().act(test)
}

/// Clients that live on while a test does something else.
pub struct Scene {
    runtime: tokio::runtime::Runtime,
    local: tokio::task::LocalSet,
}

impl Scene {
    /// Nobody yet.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { runtime, local: tokio::task::LocalSet::new() }
    }

    /// Goes on for as long as this takes, and no longer than a test may take.
    pub fn act<F: Future>(&self, act: F) -> F::Output {
        let bounded = async { tokio::time::timeout(PATIENCE, act).await.expect("it ends in time") };
        self.local.block_on(&self.runtime, bounded)
    }
}

/// A response with all that belongs to it.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

/// A client's connection.
#[derive(Clone)]
pub struct Client(pub SendRequest<Bytes>);

impl Client {
    /// Connects with prior knowledge.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::with(address, h2::client::Builder::new().data_frame_budget(MORSELS_BUDGET)).await
    }

    /// Connects with settings of its own.
    pub async fn with(address: SocketAddr, builder: &h2::client::Builder) -> Self {
        let socket = tokio::net::TcpStream::connect(address).await.expect("it listens");
        // Like every client of HTTP/2: else news of the window wait for the acknowledgement of others.
        socket.set_nodelay(true).expect("an open socket");
        Self::over(socket, builder).await
    }

    /// Connects over TLS, asking for a name and believing who answers.
    pub async fn secured(address: SocketAddr, name: &str) -> Self {
        let socket = tokio::net::TcpStream::connect(address).await.expect("it listens");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connector = TlsConnector::from(crate::secured::Client::agreeing_on("h2"));
        let socket = connector.connect(name, socket).await.expect("a handshake");
        assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Self::over(socket, &h2::client::Builder::new()).await
    }

    async fn over(socket: impl AsyncRead + AsyncWrite + Unpin + 'static, builder: &h2::client::Builder) -> Self {
        let (sender, connection) = builder.handshake(socket).await.expect("it speaks HTTP/2");
        // What becomes of the connection, its streams tell.
        tokio::task::spawn_local(async move { drop(connection.await) });
        Self(sender)
    }

    /// Sends a request without a body.
    pub async fn get(&self, path: &str) -> Result<Answer, h2::Error> {
        self.ask(get(path), None).await
    }

    /// Sends a request with a body, if there is one, and waits for the whole response.
    pub async fn ask(&self, request: Request<()>, body: Option<Bytes>) -> Result<Answer, h2::Error> {
        let mut sender = self.0.clone().ready().await?;
        let (response, mut stream) = sender.send_request(request, body.is_none())?;
        if let Some(body) = body {
            send_all(&mut stream, body).await?;
            stream.send_data(Bytes::new(), true)?;
        }
        answer(response.await?).await
    }
}

/// So many small frames are no attack on a test, as `h2` has it with 128 of them.
const MORSELS_BUDGET: usize = 1 << 30;

/// A server that is glad of frames of any size.
pub fn server() -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder.data_frame_budget(MORSELS_BUDGET);
    builder
}

/// A GET of the host `h`.
pub fn get(path: &str) -> Request<()> {
    Request::get(format!("http://h{path}")).body(()).expect("a request")
}

/// A POST to the host `h`.
pub fn post(path: &str) -> Request<()> {
    Request::post(format!("http://h{path}")).body(()).expect("a request")
}

/// So many bytes, in which a displaced piece is found out.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

/// The value of a field that must be there.
pub fn text<'f>(fields: &'f HeaderMap, name: &str) -> &'f str {
    fields[name].to_str().expect("text")
}

/// Sends data as the windows allow.
pub async fn send_all(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), h2::Error> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match std::future::poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(room) => room?.min(data.len()),
            None => return Ok(()),
        };
        stream.send_data(data.split_to(room), false)?;
    }
    Ok(())
}

/// Reads a body to its end.
pub async fn read_all(stream: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    Ok((body, stream.trailers().await?))
}

async fn answer(response: Response<RecvStream>) -> Result<Answer, h2::Error> {
    let (head, mut stream) = response.into_parts();
    let (body, trailers) = read_all(&mut stream).await?;
    Ok(Answer { status: head.status.as_u16(), fields: head.headers, body, trailers })
}

/// A backend of HTTP/2 that answers by path, in a thread of its own.
pub struct Backend {
    /// Where it listens.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Backend {
    /// Starts it. `/echo` sends back what it receives, piece by piece, with the trailers; `/refuse`
    /// refuses the first stream of each connection but the last; `/leave` says goodbye to the stream
    /// that asks, on the first connection; `/reset` resets; anything else is answered with itself.
    pub fn new() -> Self {
        let listener = std::net::TcpListener::bind(ANY_PORT).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let backend = Self { address, connections: Arc::clone(&connections), requests: Arc::clone(&requests) };
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let requests = Arc::clone(&requests);
                std::thread::spawn(move || serve(socket, number, &requests));
            }
        });
        backend
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Requests so far that it did something with.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(socket: TcpStream, number: usize, requests: &Arc<AtomicUsize>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    socket.set_nonblocking(true).expect("a socket");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let socket = tokio::net::TcpStream::from_std(socket).expect("a runtime");
        let Ok(mut connection) = server().handshake::<_, Bytes>(socket).await else { return };
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            match request.uri().path() {
                "/leave" if number == 0 => {
                    // The stream is above the last one that the goodbye names.
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                    connection.graceful_shutdown();
                }
                "/refuse" if number == 0 => respond.send_reset(h2::Reason::REFUSED_STREAM),
                "/reset" => {
                    requests.fetch_add(1, Ordering::SeqCst);
                    respond.send_reset(h2::Reason::INTERNAL_ERROR);
                }
                "/die" => return,
                _ => {
                    requests.fetch_add(1, Ordering::SeqCst);
                    tokio::task::spawn_local(async move { drop(reply(request, respond).await) });
                }
            }
        }
    });
}

async fn reply(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let path = request.uri().path().to_owned();
    let seen = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
    let mut body = request.into_body();
    if path != "/echo" {
        read_all(&mut body).await?;
        let mut stream = respond.send_response(Response::new(()), false)?;
        return stream.send_data(seen.into(), true);
    }
    let mut stream = respond.send_response(Response::new(()), false)?;
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        send_all(&mut stream, data).await?;
    }
    match body.trailers().await? {
        Some(trailers) => stream.send_trailers(trailers),
        None => stream.send_data(Bytes::new(), true),
    }
}

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A client that says what it likes.
pub struct Raw(pub TcpStream);

impl Raw {
    /// Connects, and sends the preface and empty settings.
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("it listens"), &[])
    }

    /// Sends the preface and these settings over a connection.
    pub fn over(stream: TcpStream, settings: &[u8]) -> Self {
        let mut raw = Self(patient(stream));
        raw.0.set_nodelay(true).expect("an open socket");
        raw.bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        raw.bytes(&frame(SETTINGS, 0, 0, settings));
        raw
    }

    /// Sends bytes; false when the connection is gone.
    pub fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// The next frame, if the connection lives on.
    pub fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// The next frame of a kind; none when the connection ends before it.
    pub fn next_of(&mut self, kind: u8) -> Option<Frame> {
        std::iter::from_fn(|| self.next()).find(|frame| frame.kind == kind)
    }

    /// The code of the goodbye, with which the connection ends.
    pub fn goodbye(&mut self) -> Option<u32> {
        self.next_of(GOAWAY).map(|frame| code(&frame.payload[4..]))
    }
}

/// The code of an error at the beginning of a payload.
pub fn code(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().expect("four bytes"))
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    let mut bytes = vec![len[1], len[2], len[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A header block of these fields, as literals that are not indexed.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let len = u8::try_from(text.len()).expect("a short text");
        assert!(len < 127, "one byte of length");
        [&[len], text.as_bytes()].concat()
    };
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// The fields of a GET of the host `h`, with more of them.
pub fn request(more: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/")];
    block(&[&pseudo[..], more].concat())
}
