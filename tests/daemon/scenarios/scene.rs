//! A listener, a group of backends that say their numbers, and clients that come again and again.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use poise_ipc::edit::Edit;
use poise_ipc::message::{Apply, Verb, WindowWish};
use poise_ipc::status::Health;
use socket2::{Domain, Socket, Type};

use crate::backends::{Refusing, Scripted, patient, read_to_end, until};
use crate::process::{Daemon, Place};
use crate::script::{field, ok, read_message, send};

/// How clients speak, and how they are remembered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Requests, no persistence.
    Http,
    /// Requests with the cookie that they were given.
    Cookie,
    /// Connections from addresses of their own.
    Source,
    /// The same, and who cannot go to its backend is refused.
    Strict,
}

/// A backend as it is set up.
#[derive(Clone, Copy)]
pub struct Set {
    weight: u16,
    more: &'static str,
    /// It never answers.
    dead: bool,
}

pub const fn weighs(weight: u16) -> Set {
    Set { weight, more: "", dead: false }
}

pub const fn with(weight: u16, more: &'static str) -> Set {
    Set { weight, more, dead: false }
}

pub const DEAD: Set = Set { weight: 100, more: "", dead: true };

/// A scene: a listener, a group of backends `b0`, `b1` and so on, clients.
pub struct Scene {
    pub daemon: Daemon,
    pub place: Place,
    pub kind: Kind,
    pub clients: u8,
    alive: Vec<Option<Scripted>>,
    _dead: Vec<Refusing>,
    cookies: BTreeMap<u8, String>,
}

impl Scene {
    pub fn new(kind: Kind, group: &str, clients: u8, sets: &[Set]) -> Self {
        let (mut alive, mut dead, mut listed) = (Vec::new(), Vec::new(), String::new());
        for (at, set) in sets.iter().enumerate() {
            let address = if set.dead {
                dead.push(Refusing::new());
                alive.push(None);
                dead.last().expect("just pushed").address
            } else {
                alive.push(Some(backend(kind, at)));
                alive[at].as_ref().expect("just pushed").address
            };
            let Set { weight, more, .. } = set;
            let line = format!("backends.b{at} = {{ address = \"{address}\", weight = {weight}{more} }}\n");
            listed.push_str(&line);
        }
        let (protocol, persistence) = match kind {
            Kind::Http => ("http", "\"off\""),
            Kind::Cookie => ("http", "{ kind = \"cookie-insert\", timeout = \"600s\" }"),
            Kind::Source => ("tcp", "{ kind = \"source\", timeout = \"600s\" }"),
            Kind::Strict => ("tcp", "{ kind = \"source\", timeout = \"600s\", redispatch = \"refuse\" }"),
        };
        // Some scenarios have none: a backend that comes is used at once then.
        let checked = "health_check = { protocol = \"tcp\", interval = \"100ms\", rise = 1, fall = 1 }";
        let check = if group.contains("health_check") { "" } else { checked };
        let place = Place::new(&format!(
            "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"{protocol}\"\ngroup = \"app\"\npersistence = {persistence}\n\
             [groups.app]\n{check}\n{group}\n{listed}"
        ));
        let daemon = place.start();
        let scene = Self { daemon, place, kind, clients, alive, _dead: dead, cookies: BTreeMap::new() };
        until("health is known", || {
            check.is_empty()
                || scene.daemon.status().groups[0].backends.iter().all(|b| b.health.health != Health::Unknown)
        });
        scene
    }

    pub fn address(&self) -> SocketAddr {
        self.daemon.status().listeners[0].bind.ip().expect("an address")
    }

    /// A backend ends, and poised knows.
    pub fn kill(&mut self, at: usize) {
        self.alive[at] = None;
        until("it is down", || self.daemon.status().groups[0].backends[at].health.health == Health::Down);
    }

    /// All clients, so many times. Who served each of them last, as far as it was served.
    pub fn rounds(&mut self, rounds: usize) -> BTreeMap<u8, String> {
        let (address, clients, mut homes) = (self.address(), self.clients, BTreeMap::new());
        for client in (0..rounds).flat_map(|_| 1..=clients) {
            let home = match self.kind {
                Kind::Http | Kind::Cookie => Some(self.ask(address, client)),
                Kind::Source | Kind::Strict => connect(address, client),
            };
            match home {
                Some(home) => homes.insert(client, home),
                None => homes.remove(&client),
            };
        }
        homes
    }

    fn ask(&mut self, address: SocketAddr, client: u8) -> String {
        let mut stream = patient(TcpStream::connect(address).expect("it listens"));
        let cookie = self.cookies.get(&client).filter(|_| self.kind == Kind::Cookie);
        let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
        let request = format!("GET /{client} HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n{cookie}\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        if let Some(cookie) = field(&answer, "set-cookie") {
            let pair = cookie.split(';').next().expect("a first part").to_owned();
            self.cookies.insert(client, pair);
        }
        answer.rsplit("\r\n\r\n").next().expect("a body").to_owned()
    }

    pub fn commit(&self, edits: &[Edit]) {
        let window = WindowWish::default();
        let apply = Apply { edits: edits.to_vec(), if_revision: None, dry_run: false, reason: None, window };
        self.daemon.ask(Verb::Apply(apply)).expect("valid");
    }
}

/// A backend that says its number.
fn backend(kind: Kind, at: usize) -> Scripted {
    match kind {
        Kind::Http | Kind::Cookie => Scripted::new(move |mut stream| {
            while read_message(&mut stream).is_ok() {
                send(&mut stream, &ok(&at.to_string()));
            }
        }),
        Kind::Source | Kind::Strict => Scripted::saying(["0", "1", "2", "3"][at]),
    }
}

/// Who serves a client; nobody where its connection is refused.
fn connect(to: SocketAddr, client: u8) -> Option<String> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let own = IpAddr::from(Ipv4Addr::new(127, 0, 7, client));
    socket.bind(&SocketAddr::new(own, 0).into()).expect("an address of the loopback");
    socket.connect(&to.into()).ok()?;
    let said = read_to_end(&mut patient(socket.into())).ok()?;
    String::from_utf8(said).ok().filter(|said| !said.is_empty())
}

pub const EVEN: [Set; 3] = [weighs(100), weighs(100), weighs(100)];
