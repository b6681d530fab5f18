//! Live edits of every kind under load: no request fails, no connection is refused, and what an edit does not
//! touch keeps its connections, on both sides, and its counters.
//!
//! `POISE_LIVE_EDITS` sets how many, 60 unless given. How fast requests were meanwhile is printed.

use std::net::SocketAddr;
use std::time::Instant;

use poise_ipc::edit::Edit;
use poise_ipc::message::{Apply, ErrorReply, Reply, Verb, WindowWish};
use poise_ipc::status::Status;

use crate::backends::{Scripted, until};
use crate::datagrams::Echo;
use crate::load::Load;
use crate::process::{Daemon, Place};
use crate::scene::app;
use crate::secured::Shelf;

/// Kinds of edits.
const KINDS: usize = 32;

/// What is edited, and beside it what is not.
struct Scene {
    apps: [Scripted; 4],
    still: Scripted,
    echo: Scripted,
    _flow: Echo,
    _shelf: Shelf,
    config: String,
}

impl Scene {
    fn new() -> Self {
        let (apps, still, echo, flow) = ([app(), app(), app(), app()], app(), Scripted::echo(), Echo::new(1));
        let shelf = Shelf::new();
        for name in ["app", "other"] {
            shelf.put_for_days(name, &["app.example"], 90);
        }
        let backend = |name: &str, address: SocketAddr| format!("{name} = {{ address = \"{address}\" }}\n");
        let listener = |name: &str, protocol: &str, group: &str| {
            format!("[listeners.{name}]\nbind = \"127.0.0.1:0\"\nprotocol = \"{protocol}\"\ngroup = \"{group}\"\n")
        };
        let config = [
            shelf.section("app"),
            shelf.section("other"),
            listener("web", "http", "apps"),
            listener("named", "http", "apps"),
            listener("tls", "https", "apps"),
            "tls.certificates = [\"app\"]\n".to_owned(),
            listener("still", "http", "still"),
            listener("safe", "https", "still"),
            "tls.certificates = [\"app\"]\n".to_owned(),
            listener("raw", "tcp", "raw"),
            listener("names", "udp", "names"),
            "[groups.apps.backends]\n".to_owned(),
            backend("a", apps[0].address),
            backend("b", apps[1].address),
            backend("c", apps[2].address),
            "[groups.still.backends]\n".to_owned(),
            backend("a", still.address),
            "[groups.raw.backends]\n".to_owned(),
            backend("a", echo.address),
            "[groups.names]\nhealth_check = \"off\"\n[groups.names.backends]\n".to_owned(),
            backend("a", flow.address),
        ]
        .concat();
        Self { apps, still, echo, _flow: flow, _shelf: shelf, config }
    }

    /// The edits of round `round`: every kind is followed by what takes it back.
    fn edits(&self, round: usize) -> Vec<Edit> {
        let set = |path: &str, value: &str| vec![Edit::set(path, value)];
        let (a, fourth) = ("groups.apps.backends.a", self.apps[3].address);
        // The same for one turn through all kinds, so that what only gets another name stays what it is.
        let weight = (round / KINDS % 90 + 10).to_string();
        let kinds: Vec<Vec<Edit>> = vec![
            set(&format!("{a}.weight"), &weight),
            set(&format!("{a}.state"), "draining"),
            set(&format!("{a}.state"), "enabled"),
            set("groups.apps.backends.d", &format!("{{ address = \"{fourth}\", weight = {weight} }}")),
            set("groups.apps.backends.b.weight", "0"),
            // Another name for the same backend.
            vec![
                Edit::remove("groups.apps.backends.d"),
                Edit::set("groups.apps.backends.e", format!("{{ address = \"{fourth}\", weight = {weight} }}")),
            ],
            vec![Edit::remove("groups.apps.backends.e"), Edit::set("groups.apps.backends.b.weight", "100")],
            set("groups.apps.scheduler", "wlc"),
            set("groups.apps.health_check", "{ protocol = \"tcp\", interval = \"3s\" }"),
            set("groups.apps.slow_start", "1s"),
            set("listeners.web.persistence", "cookie-insert"),
            set("listeners.web.persistence.idle", "9m"),
            set("listeners.web.routes.shop", "{ path_prefix = \"/shop\", group = \"apps\" }"),
            set("listeners.web.routes.shop.path_prefix", "/market"),
            set("listeners.web.limits", "{ connections_max = 5000 }"),
            set("listeners.web.access", "{ deny = [\"203.0.113.0/24\"] }"),
            set("listeners.web.response_timeout", "41s"),
            set("listeners.web.forwarded_for", "replace"),
            set("listeners.tls.tls.certificates", "[\"other\", \"app\"]"),
            set("listeners.tls.tls.min_version", "1.3"),
            set("listeners.more", "{ bind = \"127.0.0.1:0\", protocol = \"http\", group = \"apps\" }"),
            // Another address, on sockets that are new.
            set("listeners.more.bind", "127.0.0.2:0"),
            set("groups.others", &format!("{{ backends = {{ a = {{ address = \"{fourth}\" }} }} }}")),
            set("listeners.more.group", "others"),
            vec![Edit::remove("listeners.more"), Edit::remove("groups.others")],
            vec![
                Edit::remove("listeners.tls.tls.min_version"),
                Edit::set("listeners.tls.tls.certificates", "[\"app\"]"),
            ],
            vec![Edit::remove("listeners.web.forwarded_for"), Edit::remove("listeners.web.response_timeout")],
            vec![Edit::remove("listeners.web.access"), Edit::remove("listeners.web.limits")],
            vec![Edit::remove("listeners.web.routes.shop"), Edit::remove("listeners.web.persistence")],
            vec![Edit::remove("groups.apps.slow_start"), Edit::remove("groups.apps.scheduler")],
            set("groups.apps.health_check", "\"off\""),
            vec![Edit::remove("groups.apps.health_check")],
        ];
        assert_eq!(kinds.len(), KINDS);
        kinds[round % KINDS].clone()
    }
}

/// The same settings under another name: the sockets and the counters are those of before.
fn renamed(daemon: &Daemon, round: usize) -> Vec<Edit> {
    let (from, to) = if round.is_multiple_of(2) { ("named", "called") } else { ("called", "named") };
    let Ok(Reply::Config { config, .. }) = daemon.ask(Verb::Config) else { panic!("no configuration") };
    let mut after = config.clone();
    let settings = after.listeners.remove(from).expect("it has this name now");
    after.listeners.insert(to.parse().expect("a name"), settings);
    poise_ipc::diff::diff(&config, &after)
}

fn commit(daemon: &Daemon, edits: Vec<Edit>) -> Result<Reply, ErrorReply> {
    let window = WindowWish::default();
    daemon.ask(Verb::Apply(Apply { edits, if_revision: None, dry_run: false, reason: None, window }))
}

fn rounds() -> usize {
    std::env::var("POISE_LIVE_EDITS").map_or(60, |rounds| rounds.parse().expect("a number of edits"))
}

fn at(status: &Status, name: &str) -> SocketAddr {
    let listener = status.listeners.iter().find(|one| one.name.as_str() == name).expect("it is configured");
    listener.bind.ip().expect("an address and port")
}

/// Two clients of every kind.
fn clients(status: &Status) -> Load {
    let mut load = Load::eager();
    for _ in 0..2 {
        load.keep_alive(at(status, "web"));
        load.anew(at(status, "web"));
        load.secured(at(status, "tls"));
        load.steady(at(status, "named"));
        load.steady(at(status, "still"));
        load.stream(at(status, "raw"));
        load.flow(at(status, "names"));
    }
    load.goes_on();
    load
}

#[test]
fn edits_of_every_kind_under_load_fail_nobody_and_leave_the_others_alone() {
    let scene = Scene::new();
    let place = Place::new(&scene.config);
    let daemon = place.start_by(&mut place.command_of(2, "60s"));
    let load = clients(&daemon.status());
    let connected = (scene.still.connections(), scene.echo.connections());
    let checked = |status: &Status, group: &str| {
        let group = status.groups.iter().find(|one| one.name.as_str() == group).expect("it is configured");
        group.backends.iter().map(|backend| (backend.id, backend.health.since_ms)).collect::<Vec<_>>()
    };
    until("the probes have said something", || {
        let status = daemon.status();
        ["still", "raw"].iter().all(|group| checked(&status, group).iter().all(|(_, since_ms)| *since_ms > 0))
    });
    let before = daemon.status();
    let (began, asked) = (Instant::now(), load.done());
    let mut renames = 0;
    for round in 0..rounds() {
        let edits = if round % 33 == 32 {
            renames += 1;
            renamed(&daemon, renames - 1)
        } else {
            scene.edits(round - renames)
        };
        commit(&daemon, edits.clone()).unwrap_or_else(|error| panic!("edit {round}, {edits:?}: {error:?}"));
        load.asked_more(40);
    }
    let (took, asked) = (began.elapsed(), load.done() - asked);
    load.goes_on();
    let last = |status: &Status| {
        let last = status.groups.iter().find(|one| one.name.as_str() == "still")?.backends[0].health.last.clone()?;
        Some(last.at_ms)
    };
    until("the probes go on", || last(&daemon.status()) > last(&before));
    // What no edit touched has the connections of before, on both sides: those of probes are never accepted.
    assert_eq!((scene.still.connections(), scene.echo.connections()), connected);
    let after = daemon.status();
    let (failures, done) = load.end();
    assert!(failures.is_empty(), "{failures:#?}, of {done:?}");
    for group in ["still", "raw", "names"] {
        assert_eq!(checked(&after, group), checked(&before, group), "health of {group}");
    }
    let counters = |status: &Status, name: &str| {
        status.listeners.iter().find(|one| one.name.as_str() == name).map(|one| one.counters.clone())
    };
    for name in ["still", "raw"] {
        let (was, is) = (counters(&before, name).expect("there"), counters(&after, name).expect("there"));
        assert_eq!((was.connections_total, is.connections_total), (2, 2), "connections of {name}");
        assert_eq!(is.connections_open, 2, "connections of {name}");
        assert!(is.requests_total >= was.requests_total && is.bytes_in_total > was.bytes_in_total, "{name}");
    }
    let called = counters(&after, if renames % 2 == 0 { "named" } else { "called" }).expect("there");
    assert_eq!(called.connections_total, 2, "a renamed listener keeps its connections");
    let backend = |status: &Status, group: &str| {
        let group = status.groups.iter().find(|one| one.name.as_str() == group).expect("it is configured");
        group.backends[0].counters.connections_total
    };
    for group in ["still", "raw"] {
        assert_eq!(backend(&after, group), backend(&before, group), "connections to {group}");
    }
    println!(
        "{} edits, {renames} of them renames, in {took:?}; {asked} exchanges, {} a second: {done:?}",
        rounds(),
        asked * 1_000 / u64::try_from(took.as_millis()).expect("short").max(1)
    );
}
