//! Clients that never stop: each counts what it has done and what went wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::HandshakeKind;

use crate::backends::patient;
use crate::datagrams;
use crate::secured::{self, exchange};

/// Between two exchanges of one client: some hundred a second in all, so that a slow machine keeps up.
const PAUSE: Duration = Duration::from_millis(2);

/// What one kind of client has done.
#[derive(Debug, Default)]
pub struct Tally {
    done: AtomicU64,
}

impl Tally {
    fn one(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
    }

    /// Exchanges that went well.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }
}

/// A client's thread.
type Client = JoinHandle<Result<(), String>>;

/// All of them.
pub struct Load {
    pause: Duration,
    over: Arc<AtomicBool>,
    clients: Vec<(&'static str, Arc<Tally>, Client)>,
}

impl Load {
    /// Nobody.
    pub fn new() -> Self {
        Self { pause: PAUSE, over: Arc::default(), clients: Vec::new() }
    }

    /// Nobody, of whom each will ask again at once.
    pub fn eager() -> Self {
        Self { pause: Duration::ZERO, ..Self::new() }
    }

    /// One more, which runs until the first thing that goes wrong.
    fn add(
        &mut self,
        what: &'static str,
        run: impl FnOnce(&Tally, &AtomicBool) -> std::io::Result<()> + Send + 'static,
    ) {
        let (tally, over) = (Arc::new(Tally::default()), Arc::clone(&self.over));
        let counted = Arc::clone(&tally);
        let client = move || {
            run(&counted, &over).map_err(|error| format!("{what}, after {} exchanges: {error}", counted.done()))
        };
        self.clients.push((what, tally, std::thread::spawn(client)));
    }

    /// Waits until every client has done more since.
    pub fn goes_on(&self) {
        let before: Vec<u64> = self.clients.iter().map(|(_, tally, _)| tally.done()).collect();
        for ((what, tally, client), before) in self.clients.iter().zip(before) {
            crate::backends::until(what, || client.is_finished() || tally.done() > before + 2);
        }
    }

    /// How much all of them together have done.
    pub fn done(&self) -> u64 {
        self.clients.iter().map(|(_, tally, _)| tally.done()).sum()
    }

    /// Waits until all of them together have done so many more.
    pub fn asked_more(&self, count: u64) {
        let before = self.done();
        crate::backends::until("the clients", || {
            self.done() >= before + count || self.clients.iter().any(|(_, _, client)| client.is_finished())
        });
    }

    /// Ends all and says what went wrong, and how much each kind has done.
    pub fn end(self) -> (Vec<String>, Vec<(&'static str, u64)>) {
        self.over.store(true, Ordering::SeqCst);
        let (mut failures, mut done) = (Vec::new(), Vec::new());
        for (what, tally, client) in self.clients {
            failures.extend(client.join().expect("no panic").err());
            done.push((what, tally.done()));
        }
        (failures, done)
    }

    /// Asks over a connection for as long as that is kept open, then over another.
    pub fn keep_alive(&mut self, to: SocketAddr) {
        let pause = self.pause;
        self.add("keep-alive", move |tally, over| {
            while !over.load(Ordering::SeqCst) {
                let mut stream = connect(to)?;
                while !over.load(Ordering::SeqCst) && ask(&mut stream, "", pause)? {
                    tally.one();
                }
                if !over.load(Ordering::SeqCst) {
                    // The response that announced the end was one too.
                    tally.one();
                }
            }
            Ok(())
        });
    }

    /// Asks over one connection for as long as it all lasts: its end is a failure.
    pub fn steady(&mut self, to: SocketAddr) {
        let pause = self.pause;
        self.add("steady", move |tally, over| {
            let mut stream = connect(to)?;
            let own = stream.local_addr()?;
            while !over.load(Ordering::SeqCst) {
                if !ask(&mut stream, "", pause)? {
                    return Err(std::io::Error::other(format!("{own} is told to end")));
                }
                tally.one();
            }
            Ok(())
        });
    }

    /// A connection for every request.
    pub fn anew(&mut self, to: SocketAddr) {
        let pause = self.pause;
        self.add("connections", move |tally, over| {
            while !over.load(Ordering::SeqCst) {
                ask(&mut connect(to)?, "Connection: close\r\n", pause)?;
                tally.one();
            }
            Ok(())
        });
    }

    /// Over TLS, resumed where the connection has to be opened again.
    pub fn secured(&mut self, to: SocketAddr) {
        let pause = self.pause;
        self.add("TLS", move |tally, over| {
            let client = secured::Client::new();
            let mut is_first = true;
            while !over.load(Ordering::SeqCst) {
                let mut stream = client.connect(to, "app.example")?;
                // The ticket comes with the answer.
                let resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
                if !is_first && !resumed {
                    return Err(std::io::Error::other("the session of before is not known"));
                }
                is_first = false;
                for _ in 0..20 {
                    let goes_on = ask(&mut stream, "", pause)?;
                    tally.one();
                    if over.load(Ordering::SeqCst) || !goes_on {
                        break;
                    }
                }
            }
            Ok(())
        });
    }

    /// One WebSocket that stays.
    pub fn web_socket(&mut self, to: SocketAddr) {
        self.add("WebSocket", move |tally, over| {
            let mut stream = connect(to)?;
            let wish = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
            let (head, _) = exchange(&mut stream, &format!("GET /echo HTTP/1.1\r\nHost: app.example\r\n{wish}\r\n"))?;
            if !head.starts_with("HTTP/1.1 101 ") {
                return Err(std::io::Error::other(head));
            }
            echoed(stream, tally, over)
        });
    }

    /// One connection that stays.
    pub fn stream(&mut self, to: SocketAddr) {
        self.add("TCP", move |tally, over| echoed(connect(to)?, tally, over));
    }

    /// One flow that stays with its backend.
    pub fn flow(&mut self, to: SocketAddr) {
        self.add("UDP", move |tally, over| {
            let client: UdpSocket = datagrams::asking(to);
            let first = datagrams::ask(&client, b"who")?[0];
            while !over.load(Ordering::SeqCst) {
                let answer = datagrams::ask(&client, b"who")?;
                if answer[0] != first {
                    return Err(std::io::Error::other(format!("it went from {first} to {}", answer[0])));
                }
                tally.one();
                std::thread::sleep(PAUSE);
            }
            Ok(())
        });
    }
}

fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = patient(TcpStream::connect(to)?);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request; whether the connection stays.
fn ask(stream: &mut (impl Read + Write), field: &str, pause: Duration) -> std::io::Result<bool> {
    let (head, body) = exchange(stream, &format!("GET / HTTP/1.1\r\nHost: app.example\r\n{field}\r\n"))?;
    if !head.starts_with("HTTP/1.1 200 ") || !body.starts_with("app") {
        return Err(std::io::Error::other(head));
    }
    std::thread::sleep(pause);
    Ok(!head.to_ascii_lowercase().contains("connection: close"))
}

/// Says something and hears it back, again and again.
fn echoed(mut stream: TcpStream, tally: &Tally, over: &AtomicBool) -> std::io::Result<()> {
    let mut back = [0; 8];
    while !over.load(Ordering::SeqCst) {
        let said = tally.done().to_be_bytes();
        stream.write_all(&said)?;
        stream.read_exact(&mut back)?;
        if back != said {
            return Err(std::io::Error::other("something else comes back"));
        }
        tally.one();
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
