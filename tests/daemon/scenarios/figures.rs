//! Figures of listeners, routes, groups and backends: what passed each of them and what ended badly
//! there, as the status tells it.

use std::io::Read as _;
use std::net::TcpStream;

use poise_ipc::cause::Cause;
use poise_ipc::status::{GroupStatus, ListenerStatus, RouteStatus};

use crate::backends::{Refusing, Scripted, patient, until};
use crate::browser::App;
use crate::process::{Daemon, Place, set};
use crate::script::{read_message, send};

fn listener(daemon: &Daemon, name: &str) -> ListenerStatus {
    daemon.status().listeners.into_iter().find(|found| found.name.as_str() == name).expect("the listener")
}

fn route(daemon: &Daemon, name: &str) -> RouteStatus {
    listener(daemon, "web").routes.into_iter().find(|route| route.word() == name).expect("the route")
}

fn group(daemon: &Daemon, name: &str) -> GroupStatus {
    daemon.status().groups.into_iter().find(|found| found.name.as_str() == name).expect("the group")
}

fn connect(daemon: &Daemon, name: &str) -> TcpStream {
    let address = listener(daemon, name).bind.ip().expect("an address");
    patient(TcpStream::connect(address).expect("the listener accepts"))
}

/// Asks for a path and says the status of the reply.
fn ask(daemon: &Daemon, path: &str) -> String {
    let mut client = connect(daemon, "web");
    send(&mut client, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    let (head, _) = read_message(&mut client).expect("a reply");
    head.split(' ').nth(1).expect("a status").to_owned()
}

/// The routes `app` and `dead` of `web` lead to a live and a dead group, all else to one that has no
/// backend; `raw` leads to the dead one, too.
fn config(app: &App, dead: &Refusing) -> String {
    format!(
        "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"empty\"\n\
         routes.app = {{ path_prefix = \"/app\", group = \"app\" }}\n\
         routes.dead = {{ path_prefix = \"/dead\", group = \"dead\" }}\n\
         [listeners.raw]\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ngroup = \"dead\"\n\
         [groups.empty]\n\
         [groups.app]\nhealth_check = \"off\"\nbackends.b = {{ address = \"{}\" }}\n\
         [groups.dead]\nhealth_check = \"off\"\nbackends = {{ c = {{ address = \"{dead}\" }}, d = {{ address = \"{dead}\" }} }}\n",
        app.address,
        dead = dead.address
    )
}

#[test]
fn c_7_what_ended_badly_is_counted_at_the_route_the_group_and_the_backend() {
    let (app, dead) = (App::new("one"), Refusing::new());
    let place = Place::new(&config(&app, &dead));
    let daemon = place.start();
    assert_eq!([ask(&daemon, "/app"), ask(&daemon, "/dead"), ask(&daemon, "/")], ["200", "502", "503"]);
    until("the requests are counted", || route(&daemon, "-").counters.requests_total == 1);

    let (of_app, of_dead, of_empty) = (group(&daemon, "app"), group(&daemon, "dead"), group(&daemon, "empty"));
    assert_eq!((of_app.counters.requests_total, of_app.counters.responses_total[1]), (1, 1));
    assert!(of_app.counters.bytes_in_total > 0 && of_app.counters.bytes_out_total > 0);
    assert_eq!((of_app.counters.causes.len(), of_app.backends[0].counters.causes.len()), (0, 0));

    assert_eq!(of_dead.counters.requests_total, 1, "two backends were dialled for one request");
    assert_eq!(of_dead.counters.causes, [(Cause::ConnectFailed, 1)]);
    let at_backends: Vec<_> = of_dead.backends.iter().flat_map(|backend| &backend.counters.causes).collect();
    assert_eq!(at_backends, [&(Cause::ConnectFailed, 1)], "at the one that was dialled last");
    assert_eq!(route(&daemon, "dead").counters.causes, [(Cause::ConnectFailed, 1)]);

    assert_eq!((of_empty.counters.requests_total, of_empty.counters.causes), (1, vec![(Cause::NoBackend, 1)]));
}

#[test]
fn latency_is_told_of_the_route_that_a_response_passed_and_of_no_other() {
    let (app, dead) = (App::new("one"), Refusing::new());
    let place = Place::new(&config(&app, &dead));
    let daemon = place.start();
    assert_eq!([ask(&daemon, "/app"), ask(&daemon, "/app"), ask(&daemon, "/dead")], ["200", "200", "502"]);
    until("the responses are timed", || route(&daemon, "app").latency.minutes_10.count == 2);
    let window = route(&daemon, "app").latency.minutes_10;
    assert!(window.p50_us > 0 && window.p50_us <= window.p99_us && window.p99_us <= window.max_us, "{window:?}");
    assert_eq!(route(&daemon, "dead").latency.minutes_10.count, 0, "poised answered that itself");
    assert_eq!(listener(&daemon, "web").latency.minutes_10.count, 2);
    assert_eq!(
        (group(&daemon, "app").latency.minutes_10.count, group(&daemon, "dead").latency.minutes_10.count),
        (2, 0)
    );
}

#[test]
fn bytes_of_our_own_replies_are_counted_on_the_route() {
    let (app, dead) = (App::new("one"), Refusing::new());
    let place = Place::new(&config(&app, &dead));
    let daemon = place.start();
    assert_eq!(ask(&daemon, "/dead"), "502");
    until("the reply is counted", || route(&daemon, "dead").counters.bytes_out_total > 0);
    assert_eq!(route(&daemon, "app").counters.bytes_out_total, 0);
}

#[test]
fn connections_are_counted_on_the_group_and_its_totals_outlive_a_backend() {
    let (app, dead) = (App::new("one"), Refusing::new());
    let place = Place::new(&config(&app, &dead));
    let daemon = place.start();
    let mut client = connect(&daemon, "raw");
    let _ = client.read(&mut [0; 1]);
    until("the connection is counted", || group(&daemon, "dead").counters.causes == [(Cause::ConnectFailed, 1)]);
    assert_eq!(group(&daemon, "dead").counters.requests_total, 1);
    assert_eq!(ask(&daemon, "/app"), "200");
    until("the response is counted", || group(&daemon, "app").counters.responses_total[1] == 1);
    let before = group(&daemon, "app").counters;
    daemon.ask(set("groups.app.backends.other", &format!("{{ address = \"{}\" }}", dead.address))).expect("added");
    daemon.ask(poise_ipc::message::Verb::Apply(removal("groups.app.backends.b"))).expect("removed");
    let after = group(&daemon, "app");
    assert_eq!((after.backends.len(), after.backends[0].name.as_str()), (1, "other"));
    assert_eq!(after.counters.responses_total, before.responses_total);
    assert_eq!(after.counters.bytes_in_total, before.bytes_in_total);
}

fn removal(path: &str) -> poise_ipc::message::Apply {
    let edits = vec![poise_ipc::edit::Edit::remove(path)];
    poise_ipc::message::Apply {
        edits,
        if_revision: None,
        dry_run: false,
        reason: None,
        window: poise_ipc::message::WindowWish::default(),
    }
}

#[test]
fn a_request_is_open_at_its_route_until_it_has_ended_and_a_tunnel_as_long_as_it_is_there() {
    let switching = Scripted::new(|mut stream| {
        let _ = read_message(&mut stream);
        send(&mut stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        let _ = stream.read(&mut [0; 1]);
    });
    let place = Place::new(&format!(
        "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n\
         routes.app = {{ path_prefix = \"/app\", group = \"app\" }}\n\
         [groups.app]\nhealth_check = \"off\"\nbackends.b = {{ address = \"{}\" }}\n",
        switching.address
    ));
    let daemon = place.start();
    let open = |name: &str| route(&daemon, name).counters.inflight;
    let mut client = connect(&daemon, "web");
    send(&mut client, "GET /app HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    let mut reply = [0; 12];
    client.read_exact(&mut reply).expect("a reply");
    assert_eq!(&reply, b"HTTP/1.1 101");
    until("the tunnel is counted", || (open("app"), open("-")) == (1, 0));
    drop(client);
    until("the tunnel has ended", || open("app") == 0);
    assert_eq!(route(&daemon, "app").counters.requests_total, 1);
}
