//! What is forecast of a change is what comes: shares within two points, moved clients exactly.
//!
//! Every scenario asks for a plan, makes the change, sends the same clients again and compares.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use poise_ipc::edit::Edit;
use poise_ipc::message::{Aftermath, Apply, Forecast, PlanQuery, Planned, Reply, Verb, WindowWish};
use poise_ipc::status::Health;
use socket2::{Domain, Socket, Type};

use crate::backends::{Refusing, Scripted, patient, read_to_end, until};
use crate::process::{Daemon, Place};
use crate::script::{field, ok, read_message, send};

/// How far shares may be off, in thousandths.
const OFF_MAX: u16 = 20;
/// Rounds of all clients.
const ROUNDS: usize = 12;

/// How clients speak, and how they are remembered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
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
struct Set {
    weight: u16,
    more: &'static str,
    /// It never answers.
    dead: bool,
}

const fn weighs(weight: u16) -> Set {
    Set { weight, more: "", dead: false }
}

const fn with(weight: u16, more: &'static str) -> Set {
    Set { weight, more, dead: false }
}

const DEAD: Set = Set { weight: 100, more: "", dead: true };

/// A scene: a listener, a group of backends `b0`, `b1` and so on, clients.
struct Scene {
    daemon: Daemon,
    place: Place,
    kind: Kind,
    clients: u8,
    alive: Vec<Option<Scripted>>,
    _dead: Vec<Refusing>,
    cookies: BTreeMap<u8, String>,
}

impl Scene {
    fn new(kind: Kind, group: &str, clients: u8, sets: &[Set]) -> Self {
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

    fn address(&self) -> SocketAddr {
        self.daemon.status().listeners[0].bind.ip().expect("an address")
    }

    /// A backend ends, and poised knows.
    fn kill(&mut self, at: usize) {
        self.alive[at] = None;
        until("it is down", || self.daemon.status().groups[0].backends[at].health.health == Health::Down);
    }

    /// All clients, so many times. Who served each of them last, as far as it was served.
    fn rounds(&mut self, rounds: usize) -> BTreeMap<u8, String> {
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

    fn plan(&self, edits: &[Edit]) -> Forecast {
        let query = PlanQuery { wanted: Planned::Edits(edits.to_vec()), if_revision: None };
        match self.daemon.ask(Verb::Plan(query)) {
            Ok(Reply::Plan(forecast)) => *forecast,
            other => panic!("no forecast: {other:?}"),
        }
    }

    fn commit(&self, edits: &[Edit]) {
        let window = WindowWish::default();
        let apply = Apply { edits: edits.to_vec(), if_revision: None, dry_run: false, reason: None, window };
        self.daemon.ask(Verb::Apply(apply)).expect("valid");
    }

    fn aftermath(&self) -> Aftermath {
        match self.daemon.ask(Verb::Aftermath { revision: None }) {
            Ok(Reply::Aftermath(aftermath)) => *aftermath,
            other => panic!("no aftermath: {other:?}"),
        }
    }

    /// Forecasts, changes, measures, compares.
    fn holds(&mut self, edits: &[(&str, &str)]) {
        let before = self.rounds(ROUNDS);
        self.holds_after(&before, edits);
    }

    fn holds_after(&mut self, before: &BTreeMap<u8, String>, edits: &[(&str, &str)]) {
        let backend = |path: &str| format!("groups.app.{path}");
        let edits: Vec<_> = edits
            .iter()
            .map(|(path, value)| match *value {
                "" => Edit::remove(backend(path)),
                value => Edit::set(backend(path), value),
            })
            .collect();
        let forecast = self.plan(&edits);
        let group = forecast.groups.first().expect("the group is touched").clone();
        self.commit(&edits);
        let after = self.rounds(ROUNDS);
        let aftermath = self.aftermath();
        let seen = &aftermath.groups[0];
        for backend in &seen.backends {
            let told = group.backends.iter().find(|told| told.backend == backend.backend).expect("it was told of");
            let (told, share) = (told.after_permille.unwrap_or(0), backend.share_permille.expect("there was work"));
            assert!(
                told.abs_diff(share) <= OFF_MAX,
                "{}: {told} was forecast, {share} came: {group:#?}",
                backend.backend
            );
        }
        if matches!(self.kind, Kind::Source | Kind::Strict) {
            let moved =
                before.iter().filter(|(client, home)| after.get(client).is_some_and(|now| now != *home)).count();
            let refused = before.keys().filter(|client| !after.contains_key(client)).count();
            let told =
                |count: fn(&poise_ipc::message::BackendForecast) -> u64| group.backends.iter().map(count).sum::<u64>();
            assert_eq!((told(|b| b.moving), told(|b| b.refused)), (moved as u64, refused as u64), "{group:#?}");
            assert_eq!(told(|b| b.entries), u64::from(self.clients));
            assert_eq!(aftermath.entries_moved, moved as u64);
        }
        assert!(self.place.file().exists());
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

const EVEN: [Set; 3] = [weighs(100), weighs(100), weighs(100)];

#[test]
fn weights_of_three() {
    Scene::new(Kind::Http, "", 40, &EVEN).holds(&[("backends.b0.weight", "20"), ("backends.b2.weight", "300")]);
}

#[test]
fn weights_of_round_robin_count_for_nothing_until_it_is_weighted() {
    let sets = [weighs(100), weighs(300)];
    Scene::new(Kind::Http, "scheduler = \"rr\"", 40, &sets).holds(&[("scheduler", "wrr")]);
}

#[test]
fn a_backend_comes() {
    let extra = Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            send(&mut stream, &ok("x"));
        }
    });
    let added = format!("{{ address = \"{}\", weight = 100 }}", extra.address);
    let mut scene = Scene::new(Kind::Http, "health_check = \"off\"", 40, &EVEN[..2]);
    scene.holds(&[("backends.new", &added)]);
}

#[test]
fn a_backend_goes() {
    Scene::new(Kind::Http, "", 40, &EVEN).holds(&[("backends.b1", "")]);
}

#[test]
fn a_backend_drains_softly_hard_or_is_disabled() {
    for state in ["draining", "draining-hard", "disabled"] {
        Scene::new(Kind::Http, "", 30, &EVEN).holds(&[("backends.b1.state", state)]);
    }
}

#[test]
fn one_of_no_weight_gets_nothing() {
    Scene::new(Kind::Http, "", 40, &EVEN).holds(&[("backends.b0.weight", "0")]);
}

#[test]
fn one_is_down_all_the_while() {
    let sets = [weighs(100), DEAD, weighs(50)];
    Scene::new(Kind::Http, "", 40, &sets).holds(&[("backends.b2.weight", "300")]);
}

#[test]
fn the_backup_serves_when_the_others_go() {
    let sets = [weighs(100), with(100, ", backup = true"), with(100, ", backup = true")];
    Scene::new(Kind::Http, "", 40, &sets).holds(&[("backends.b0.state", "disabled")]);
}

#[test]
fn all_are_down_and_it_fails_open() {
    let mut scene = Scene::new(Kind::Http, "", 20, &[weighs(100), weighs(100)]);
    scene.rounds(4);
    // Its address is taken over by nobody; the other answers again only after the forecast.
    scene.kill(0);
    let before = scene.rounds(4);
    scene.holds_after(&before, &[("backends.b1.weight", "40")]);
}

#[test]
fn p2c_over_equals() {
    Scene::new(Kind::Http, "scheduler = \"p2c\"", 120, &EVEN[..2]).holds(&[("backends.b0.max_connections", "50")]);
}

#[test]
fn cookies_keep_clients_where_they_are_when_weights_change() {
    Scene::new(Kind::Cookie, "", 40, &EVEN).holds(&[("backends.b0.weight", "1000")]);
}

#[test]
fn cookies_lead_elsewhere_when_a_backend_is_drained_hard() {
    Scene::new(Kind::Cookie, "", 40, &EVEN).holds(&[("backends.b0.state", "draining-hard")]);
}

#[test]
fn cookies_and_a_backend_that_is_down() {
    let mut scene = Scene::new(Kind::Cookie, "", 60, &EVEN);
    let before = scene.rounds(ROUNDS);
    scene.kill(1);
    scene.holds_after(&before, &[("backends.b2.state", "draining-hard")]);
}

#[test]
fn addresses_stay_when_weights_change() {
    Scene::new(Kind::Source, "", 40, &EVEN).holds(&[("backends.b0.weight", "900")]);
}

#[test]
fn addresses_stay_at_one_that_drains_softly() {
    Scene::new(Kind::Source, "", 40, &EVEN).holds(&[("backends.b0.state", "draining")]);
}

#[test]
fn addresses_move_from_one_that_is_drained_hard_disabled_or_removed() {
    for (path, value) in [("b0.state", "draining-hard"), ("b1.state", "disabled"), ("b2", "")] {
        Scene::new(Kind::Source, "", 40, &EVEN).holds(&[(&format!("backends.{path}"), value)]);
    }
}

#[test]
fn addresses_and_a_backend_that_is_down() {
    let sets = [weighs(100), weighs(200), weighs(100), weighs(100)];
    let mut scene = Scene::new(Kind::Source, "", 60, &sets);
    let before = scene.rounds(ROUNDS);
    scene.kill(1);
    scene.holds_after(&before, &[("backends.b0.state", "draining-hard")]);
}

#[test]
fn addresses_with_a_backend_that_was_never_up() {
    let sets = [weighs(100), DEAD, weighs(50)];
    Scene::new(Kind::Source, "", 60, &sets).holds(&[("backends.b2.state", "disabled")]);
}

#[test]
fn who_may_go_nowhere_else_is_refused() {
    let mut scene = Scene::new(Kind::Strict, "", 30, &EVEN);
    let before = scene.rounds(ROUNDS);
    scene.kill(0);
    scene.holds_after(&before, &[("backends.b1.weight", "500")]);
}

#[test]
fn persistence_of_cookies_with_a_new_backend_waits_for_new_clients() {
    let extra = Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            send(&mut stream, &ok("x"));
        }
    });
    let added = format!("{{ address = \"{}\", weight = 100 }}", extra.address);
    Scene::new(Kind::Cookie, "health_check = \"off\"", 40, &EVEN[..2]).holds(&[("backends.new", &added)]);
}

#[test]
fn cookies_with_a_backend_that_was_never_up() {
    let sets = [weighs(100), DEAD, weighs(50), weighs(50)];
    Scene::new(Kind::Cookie, "", 48, &sets).holds(&[("backends.b0.state", "disabled")]);
}

#[test]
fn addresses_when_the_one_that_is_down_is_removed() {
    let mut scene = Scene::new(Kind::Source, "", 60, &EVEN);
    let before = scene.rounds(ROUNDS);
    scene.kill(2);
    scene.holds_after(&before, &[("backends.b2", ""), ("backends.b0.weight", "300")]);
}
