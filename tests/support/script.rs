//! HTTP spoken by hand: clients and backends that send exactly the bytes they are told, and read
//! messages one at a time.
//!
//! It knows just enough of HTTP to find the end of a message with a length; what it reads is
//! compared as text.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use crate::backends::Scripted;

/// The connection ended, in order or not, before a message was complete.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended;

/// Reads up to and including the blank line that ends a head.
pub fn read_head(stream: &mut TcpStream) -> Result<String, Ended> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return Err(Ended),
        }
    }
    Ok(String::from_utf8(head).expect("tests speak text"))
}

/// The value of a field, if the head has it.
pub fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// Reads a message whose body has a length, or none.
pub fn read_message(stream: &mut TcpStream) -> Result<(String, String), Ended> {
    let head = read_head(stream)?;
    let length = field(&head, "content-length").map_or(0, |value| value.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).map_err(|_| Ended)?;
    Ok((head, String::from_utf8(body).expect("tests speak text")))
}

/// Sends text; a peer that is gone is noticed when reading.
pub fn send(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
}

/// A response of 200 with this body.
pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A backend that answers every request with its name, and remembers the requests.
pub struct Named {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    scripted: Scripted,
}

impl Named {
    /// Starts it.
    pub fn new(name: &'static str) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let scripted = Scripted::new(move |mut stream| {
            while let Ok((head, body)) = read_message(&mut stream) {
                log.lock().expect("no panic while held").push(head + &body);
                send(&mut stream, &ok(name));
            }
        });
        Self { address: scripted.address, seen, scripted }
    }

    /// The requests that it has read, in order.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().expect("no panic while held").clone()
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.scripted.connections()
    }
}
