//! What `poise route-test` says of a request is what the daemon does with it: random tables of routes,
//! random requests, the real program.

use std::net::{SocketAddr, TcpStream};

use poise_ipc::cause::Cause;
use poise_ipc::diff;
use poise_ipc::message::{Apply, Reply, Verb};
use poise_ipc::model::{Config, HeaderEdit, HeaderMatch, HostPattern, MethodName, Redirect, RedirectTo, Route, Share};
use poise_ipc::routing::{RouteAnswer, RouteOutcome, RouteQuery};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};

use crate::backends::patient;
use crate::browser::App;
use crate::process::{Daemon, Place};
use crate::rig::name;
use crate::script::{field, read_message, send};

/// Tables of routes that are tried.
const TABLES: u32 = 24;
/// Requests to each.
const REQUESTS: usize = 16;

fn a_route() -> impl Strategy<Value = Route> {
    let host = select(&["a.test", "*.a.test", "b.a.test", "::1", "10.0.0.1"][..]);
    let host = host.prop_map(|host| host.parse::<HostPattern>().expect("a host"));
    let path = || select(&["/", "/a", "/a/", "/a/b", "/a%2Fb", "/a%25"][..]).prop_map(str::to_owned);
    let paths = prop_oneof![
        Just((None, None, None)),
        path().prop_map(|path| (Some(path), None, None)),
        path().prop_map(|path| (None, Some(path), None)),
        select(&["/a.*", "/[ab]/?", "/.*;x", ".*%25.*"][..]).prop_map(|regex| (None, None, Some(regex.to_owned()))),
    ];
    let share = |group: &str, weight| Share { group: name(group), weight };
    let to = prop_oneof![
        4 => select(&["a", "b", "nobody"][..]).prop_map(|group| Route { group: Some(name(group)), ..Route::default() }),
        1 => Just(Route { split: vec![share("a", 3), share("b", 1)], ..Route::default() }),
        1 => select(&[RedirectTo::Https, RedirectTo::Same][..]).prop_map(|to| Route {
            redirect: Redirect { to, path: Some("/a/moved".to_owned()), ..Redirect::default() },
            ..Route::default()
        }),
    ];
    let methods = option::weighted(0.3, select(&["GET", "POST"][..]));
    let field = option::weighted(0.3, select(&["x-a", "x-a: 1"][..]));
    (to, vec(host, 0..3), paths, methods, field, 0..2_u16).prop_map(
        |(to, mut hosts, (path, path_prefix, path_regex), method, field, priority)| {
            hosts.sort_unstable();
            hosts.dedup();
            let methods = method.map(|method| MethodName(method.to_owned())).into_iter().collect();
            let headers = field.map(|field| field.parse::<HeaderMatch>().expect("a field")).into_iter().collect();
            Route { hosts, path, path_prefix, path_regex, methods, headers, priority, ..to }
        },
    )
}

fn a_question() -> impl Strategy<Value = RouteQuery> {
    let host = select(
        &[
            "a.test",
            "A.Test.:80",
            "b.a.test",
            "x.b.a.test",
            "[::1]",
            "[0:0::0:1]:8080",
            "10.0.0.1",
            "c",
            "a%2etest",
            "",
        ][..],
    );
    let target = "(/|/a|/a/b|/a/b/|//a|/%61|/a/\\.\\./a|/a%2Fb|/a%252Fb|/b%2f\\.\\./a|/a;x|/b/\\.\\.;/a|/a\\\\b|/a%|\\*|/a#b)(\\?/a)?";
    let field =
        option::of(select(&[("X-A", "1"), ("x-a", "2, 1"), ("X-A", ""), ("Expect", "wonders"), ("Via", "")][..]));
    (select(&["GET", "POST", "PUT", "get", "CONNECT"][..]), host, target, field).prop_map(
        |(method, host, target, field)| {
            let headers = field.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
            let (method, host) = (method.to_owned(), host.to_owned());
            RouteQuery { listener: Some(name("front")), is_https: false, port: 80, method, host, target, headers }
        },
    )
}

/// What became of a request, in the words of both sides.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Served { route: Option<String>, by: Vec<String> },
    Sent { status: u16, location: String },
    Refused { cause: String, status: u16 },
}

fn said(answer: &RouteAnswer) -> Seen {
    match &answer.outcome {
        RouteOutcome::Redirect { status, location } => Seen::Sent { status: *status, location: location.clone() },
        RouteOutcome::Refused { cause } => refused(*cause),
        RouteOutcome::Groups { groups, .. } => match groups.iter().find_map(|group| group.refuses) {
            Some(cause) => refused(cause),
            None => Seen::Served {
                route: answer.route.as_ref().map(ToString::to_string),
                by: groups.iter().map(|group| group.name.to_string()).collect(),
            },
        },
    }
}

fn refused(cause: Cause) -> Seen {
    Seen::Refused { cause: cause.word().to_owned(), status: cause.status().unwrap_or_default() }
}

/// Sends the request; `by` are the groups that might have answered.
fn done(address: SocketAddr, query: &RouteQuery, by: &[String]) -> Seen {
    let mut stream = patient(TcpStream::connect(address).expect("it accepts"));
    let fields: Vec<_> = query.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (method, target, host) = (&query.method, &query.target, &query.host);
    send(&mut stream, &format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{}\r\n", fields.concat()));
    let (head, body) = read_message(&mut stream).expect("an answer");
    let status = head["HTTP/1.1 ".len()..][..3].parse().expect("a status");
    if let Some(cause) = field(&head, "x-poise-cause") {
        return Seen::Refused { cause: cause.to_owned(), status };
    }
    if let Some(location) = field(&head, "location") {
        return Seen::Sent { status, location: location.to_owned() };
    }
    let by = if by.contains(&body) { by.to_vec() } else { vec![body] };
    Seen::Served { route: field(&head, "x-route").map(str::to_owned), by }
}

fn start(apps: &[App; 2]) -> (Place, Daemon) {
    let [a, b] = apps.each_ref().map(|app| app.address);
    let place = Place::new(&format!(
        "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"a\"\n\
         [groups.a]\nhealth_check = \"off\"\nbackends.a = {{ address = \"{a}\" }}\n\
         [groups.b]\nhealth_check = \"off\"\nbackends.b = {{ address = \"{b}\" }}\n\
         [groups.nobody]\nhealth_check = \"off\"\n"
    ));
    let daemon = place.start();
    (place, daemon)
}

fn config(daemon: &Daemon) -> Config {
    match daemon.ask(Verb::Config) {
        Ok(Reply::Config { config, .. }) => config,
        other => panic!("no configuration: {other:?}"),
    }
}

#[test]
fn what_route_test_says_is_what_the_daemon_does() {
    let apps = [App::new("a"), App::new("b")];
    let (_place, daemon) = start(&apps);
    let address = daemon.status().listeners[0].bind.ip().expect("an address");
    let cases = Cases { cases: TABLES, failure_persistence: None, ..Cases::default() };
    let mut runner = TestRunner::new_with_rng(cases, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let tables = (btree_map("[a-z]{1,3}", a_route(), 0..8), any::<bool>(), vec(a_question(), REQUESTS));
    let outcome = runner.run(&tables, |(routes, has_group, questions)| {
        let before = config(&daemon);
        let mut wanted = before.clone();
        let listener = wanted.listeners.get_mut(&name("front")).expect("it is there");
        listener.group = (has_group || routes.is_empty()).then(|| name("a"));
        listener.routes.clear();
        for (key, mut route) in routes {
            route.response_headers = vec![HeaderEdit::Set("X-Route".to_owned(), key.clone())];
            listener.routes.insert(name(&key), route);
        }
        let edits = diff::diff(&before, &wanted);
        let apply = Apply {
            edits,
            if_revision: None,
            dry_run: false,
            reason: None,
            window: poise_ipc::message::WindowWish::default(),
        };
        daemon.ask(Verb::Apply(apply)).expect("they are valid");
        for query in questions {
            let Ok(Reply::RouteTest { answers }) = daemon.ask(Verb::RouteTest(query.clone())) else {
                panic!("no answer to {query:?}");
            };
            let expected = said(&answers[0]);
            let by = if let Seen::Served { by, .. } = &expected { by.clone() } else { Vec::new() };
            prop_assert_eq!(done(address, &query, &by), expected, "{:?}", query);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
