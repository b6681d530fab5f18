//! Backends that follow a script, on ports that the kernel chooses.
//!
//! Plain threads and blocking sockets, so that what they do does not depend on anything that is
//! tested. Every wait has a deadline.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// No wait of a test is longer: far more than a machine takes that has much else to do.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Loopback with a port of the kernel's choice.
pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A backend that plays a script for every connection.
pub struct Scripted {
    /// Where it listens.
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Scripted {
    /// Where its connections are counted.
    pub fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.accepted)
    }

    /// Starts it on loopback.
    pub fn new(script: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind(ANY_PORT).expect("a free port"), script)
    }

    /// Starts it where a socket listens.
    pub fn on(listener: TcpListener, script: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("it is bound");
        let (accepted, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, over, script) = (Arc::clone(&accepted), Arc::clone(&ended), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                std::thread::spawn(move || script(patient(stream)));
            }
        });
        Self { address, accepted, ended }
    }

    /// Sends back what it receives, until the end.
    pub fn echo() -> Self {
        Self::new(|mut stream| {
            let mut from = stream.try_clone().expect("a descriptor");
            let _ = io::copy(&mut from, &mut stream);
            let _ = stream.shutdown(Shutdown::Write);
        })
    }

    /// Says this at once, then ends.
    pub fn saying(words: &'static str) -> Self {
        Self::new(move |mut stream| {
            let _ = stream.write_all(words.as_bytes());
        })
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// An address that refuses connections for as long as this lives, and that nobody else can take.
pub struct Refusing {
    /// The address.
    pub address: SocketAddr,
    _bound: Socket,
}

impl Refusing {
    /// Binds without listening.
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&ANY_PORT.into()).expect("a free port");
        Self { address: local(&socket), _bound: socket }
    }
}

/// A port that is held whether somebody listens there or not: it refuses until somebody does.
pub struct Held {
    /// The address.
    pub address: SocketAddr,
    _bound: Socket,
}

impl Held {
    /// Binds without listening, so that others of this process can listen there.
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("a fresh socket");
        socket.bind(&ANY_PORT.into()).expect("a free port");
        Self { address: local(&socket), _bound: socket }
    }

    /// Listens there. Nobody else may at that time.
    pub fn listen(&self) -> TcpListener {
        TcpListener::bind(self.address).expect("only held, and of the same mind")
    }
}

/// A backend whose queue is full: the kernel answers no connection request.
pub struct Deaf {
    /// The address.
    pub address: SocketAddr,
    _sockets: Vec<Socket>,
}

impl Deaf {
    /// Listens with the shortest queue and fills it.
    pub fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&ANY_PORT.into()).expect("a free port");
        listener.listen(0).expect("it is bound");
        let address = local(&listener);
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).expect("a socket");
            // Some complete and fill the queue, the others wait for ever.
            let _ = socket.connect(&address.into());
            sockets.push(socket);
        }
        Self { address, _sockets: sockets }
    }
}

fn local(socket: &Socket) -> SocketAddr {
    socket.local_addr().expect("it is bound").as_socket().expect("an internet address")
}

/// The stream, with a deadline on every read and write.
pub fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline above zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("a deadline above zero");
    stream
}

/// Lets the peer see a reset when the stream is dropped.
pub fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).expect("an open socket");
}

/// Everything up to the end.
pub fn read_to_end(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes)
}

/// Longest pause between two looks at what is waited for.
const PAUSE_MAX: Duration = Duration::from_millis(16);

/// Waits until something holds, and says what if it never does.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let (began, mut pause) = (std::time::Instant::now(), Duration::from_millis(1));
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(pause);
        // Who looks all the time takes the processor from what it waits for.
        pause = PAUSE_MAX.min(pause * 2);
    }
}
