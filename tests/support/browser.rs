//! A client that keeps cookies and follows redirects as browsers do, and a backend with pages for it.
//!
//! The jar knows names, values and paths, and drops what is set with an age of 0; it is enough to
//! see who was set what. Every request has a connection of its own.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use crate::backends::{Scripted, patient};
use crate::script::{field, ok, read_message, send};

/// Redirects that a browser follows.
const REDIRECTS_MAX: usize = 20;

/// A browser before one balancer.
#[derive(Clone)]
pub struct Browser {
    address: SocketAddr,
    host: String,
    jar: BTreeMap<(String, String), String>,
}

/// A page as the browser got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Browser {
    /// One without cookies.
    pub fn new(address: SocketAddr) -> Self {
        Self::of(address, "shop.example.com")
    }

    /// One that asks for pages of this host.
    pub fn of(address: SocketAddr, host: &str) -> Self {
        Self { address, host: host.to_owned(), jar: BTreeMap::new() }
    }

    /// The same with its cookies, before a balancer that accepts elsewhere now.
    pub fn moved_to(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.iter().find(|((known, _), _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Puts a cookie for every path into the jar.
    pub fn put(&mut self, name: &str, value: &str) {
        self.jar.insert((name.to_owned(), "/".to_owned()), value.to_owned());
    }

    /// Asks for a page and keeps its cookies.
    pub fn get(&mut self, target: &str) -> Page {
        let covers = |path: &str| target == path || target.starts_with(path) && path.ends_with('/');
        let mut pairs: Vec<_> = self.jar.iter().filter(|((_, path), _)| covers(path)).collect();
        // Longer paths go first.
        pairs.sort_by_key(|((_, path), _)| std::cmp::Reverse(path.len()));
        let pairs: Vec<_> = pairs.iter().map(|((name, _), value)| format!("{name}={value}")).collect();
        let cookies = if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) };
        let mut stream = patient(TcpStream::connect(self.address).expect("it accepts"));
        send(&mut stream, &format!("GET {target} HTTP/1.1\r\nHost: {}\r\n{cookies}\r\n", self.host));
        let (head, body) = final_message(&mut stream);
        for set in head.lines().filter_map(|line| line.strip_prefix("Set-Cookie: ")) {
            self.take(set);
        }
        Page { status: head["HTTP/1.1 ".len()..][..3].parse().expect("a status"), head, body }
    }

    fn take(&mut self, set: &str) {
        let (pair, attributes) = set.split_once(';').unwrap_or((set, ""));
        let (name, value) = pair.split_once('=').expect("a name and a value");
        let attribute = |name: &str| {
            attributes.split(';').find_map(|attribute| attribute.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let key = (name.to_owned(), attribute("Path").unwrap_or("/").to_owned());
        match attribute("Max-Age") {
            Some("0") => self.jar.remove(&key),
            _ => self.jar.insert(key, value.to_owned()),
        };
    }

    /// Asks for a page and follows its redirects to the end.
    pub fn visit(&mut self, target: &str) -> Vec<Page> {
        let mut pages = vec![self.get(target)];
        while let Some(to) = field(&pages[pages.len() - 1].head, "location").map(str::to_owned) {
            assert!(pages.len() <= REDIRECTS_MAX, "it goes round in circles");
            pages.push(self.get(&to));
        }
        pages
    }
}

impl Page {
    /// The cookies that it sets, each a pair with its attributes.
    pub fn sets(&self) -> Vec<&str> {
        self.head.lines().filter_map(|line| line.strip_prefix("Set-Cookie: ")).collect()
    }
}

/// The first message that is not interim.
fn final_message(stream: &mut TcpStream) -> (String, String) {
    loop {
        let (head, body) = read_message(stream).expect("a response");
        if !head.starts_with("HTTP/1.1 1") {
            return (head, body);
        }
    }
}

/// A backend whose pages all say its name.
///
/// `/hops/3` redirects three times, `/status/404` has that status, `/early` begins with an interim
/// head, `/set/abc` sets the cookie `SID` to `abc`, beside another one; all others are plain pages.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _scripted: Scripted,
}

impl App {
    /// Starts it.
    pub fn new(name: &'static str) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let scripted = Scripted::new(move |mut stream| {
            while let Ok((head, _)) = read_message(&mut stream) {
                let target = head.split(' ').nth(1).expect("a request line").to_owned();
                log.lock().expect("no panic while held").push(head);
                send(&mut stream, &page(name, &target));
            }
        });
        Self { address: scripted.address, seen, _scripted: scripted }
    }

    /// Three of them, called `b0`, `b1` and `b2`.
    pub fn three() -> [Self; 3] {
        ["b0", "b1", "b2"].map(Self::new)
    }

    /// The heads of the requests that it has read, in order.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().expect("no panic while held").clone()
    }

    /// The values of a field in the requests that it has read, in order.
    pub fn values(&self, name: &str) -> Vec<Option<String>> {
        self.requests().iter().map(|head| field(head, name).map(str::to_owned)).collect()
    }
}

fn page(name: &str, target: &str) -> String {
    let with = |status: &str, fields: &str| {
        format!("HTTP/1.1 {status} Text\r\n{fields}Content-Length: {}\r\n\r\n{name}", name.len())
    };
    match target.trim_start_matches('/').split_once('/') {
        Some(("hops", left)) => match left.parse().unwrap_or(0) {
            0_u32 => ok(name),
            left => with("302", &format!("Location: /hops/{}\r\n", left - 1)),
        },
        Some(("status", status @ ("204" | "304"))) => format!("HTTP/1.1 {status} Text\r\n\r\n"),
        Some(("status", status)) => with(status, ""),
        Some(("set", value)) => with(
            "200",
            &format!(
                "Set-Cookie: SID={value}; Path=/; Max-Age=77\r\nSet-Cookie: THEME=dark\r\nSet-Cookie: SID={value}2; Path=/a/\r\n"
            ),
        ),
        _ if target == "/early" => format!("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n{}", ok(name)),
        _ => ok(name),
    }
}
