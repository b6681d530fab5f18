//! Peers that speak UDP, on ports that the kernel chooses.
//!
//! Plain threads and blocking sockets, so that what they do does not depend on anything that is
//! tested. Every wait has a deadline.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::backends::{ANY_PORT, PATIENCE};

/// How long an echo sleeps before it looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A backend that answers datagrams.
pub struct Echo {
    /// Where it listens.
    pub address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    /// Starts one on loopback that answers every datagram with its number and what it got.
    pub fn new(number: u8) -> Self {
        let socket = UdpSocket::bind(ANY_PORT).expect("a free port");
        Self::on(socket, move |bytes, _| [&[number], &bytes[..bytes.len().min(65_506)]].concat())
    }

    /// Starts one on a socket that answers by what it got and from whom.
    pub fn on(socket: UdpSocket, answer: impl Fn(&[u8], SocketAddr) -> Vec<u8> + Send + 'static) -> Self {
        let address = socket.local_addr().expect("it is bound");
        socket.set_read_timeout(Some(LOOK_EVERY)).expect("a deadline above zero");
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let mut bytes = vec![0; 70_000];
            while !over.load(Ordering::SeqCst) {
                let Ok((len, from)) = socket.recv_from(&mut bytes) else { continue };
                let _ = socket.send_to(&answer(&bytes[..len], from), from);
            }
        });
        Self { address, ended, thread: Some(thread) }
    }
}

impl Drop for Echo {
    /// When this is over, nobody listens there any more.
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A client of an address: it hears nobody else.
pub fn asking(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(ANY_PORT).expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline above zero");
    socket.connect(to).expect("connecting asks nobody");
    socket
}

/// Sends a question and returns the answer.
pub fn ask(client: &UdpSocket, question: &[u8]) -> io::Result<Vec<u8>> {
    client.send(question)?;
    let mut bytes = vec![0; 70_000];
    let len = client.recv(&mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

/// The number of the backend that answers.
pub fn who(client: &UdpSocket) -> u8 {
    ask(client, b"who").expect("an answer in time")[0]
}
