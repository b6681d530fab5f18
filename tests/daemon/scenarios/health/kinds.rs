//! S-21, S-23 to S-30, S-40, L-01, L-11, L-19: what a check may be, for listeners of every kind, and the
//! ranges and defaults of its settings.

use std::net::{SocketAddr, UdpSocket};

use poise_ipc::message::{ErrorCode, ErrorReply, Reply, Verb};
use poise_ipc::model::{CheckMethod, CodeRange, Group};
use poise_ipc::status::{Health, Reason, Verdict};

use super::{Clinic, change, codes, group, health, probe, send};
use crate::backends::{ANY_PORT, Scripted, until};
use crate::datagrams::{Echo, asking, who};
use crate::process::{Daemon, Place, set};
use crate::rig::name;
use crate::secured::Shelf;

const CHECK: &str = "groups.app.health_check";

/// A check by HTTP that nobody makes but who asks for it.
const ON_DEMAND: &str = "{ protocol = \"http\", interval = \"50s\", fast_interval = \"2s\", timeout = \"15s\" }";

/// A daemon with one backend, and the checks of its group.
fn one(clinic: &Clinic, check: &str) -> (Place, Daemon) {
    let place = Place::new(&group("app", check, &[("one", clinic.address)]));
    let daemon = place.start();
    (place, daemon)
}

fn verdict(daemon: &Daemon) -> Verdict {
    probe(daemon, "app", "one").expect("it is checked").verdict
}

fn refused(daemon: &Daemon, key: &str, value: &str) -> ErrorReply {
    let refused = daemon.ask(set(&format!("{CHECK}.{key}"), value)).expect_err("out of range");
    assert_eq!(refused.code, ErrorCode::Invalid, "{key} = {value}");
    refused
}

fn settings(daemon: &Daemon) -> Group {
    match daemon.ask(Verb::Config) {
        Ok(Reply::Config { config, .. }) => config.groups[&name("app")].clone(),
        other => panic!("no configuration: {other:?}"),
    }
}

/// Listeners of every kind before groups whose checks are by HTTP, at a companion of their backends
/// where these do not speak it.
fn listeners_of_every_kind(shelf: &Shelf, (web, companion): (&Clinic, &Clinic), datagrams: &Echo) -> String {
    let by_http = |port: u16| {
        format!("{{ protocol = \"http\", port = {port}, interval = \"100ms\", timeout = \"15s\", rise = 1, fall = 1 }}")
    };
    let one = |(listener, backend, port): (&str, SocketAddr, u16)| {
        let tls = if listener == "https" { "tls.certificates = [\"own\"], " } else { "" };
        format!(
            "listeners.{listener} = {{ bind = \"127.0.0.1:0\", protocol = \"{listener}\", {tls}group = \"{listener}\" }}\n\
             groups.{listener}.health_check = {}\ngroups.{listener}.backends.one = {{ address = \"{backend}\" }}\n",
            by_http(port)
        )
    };
    let own = web.address.port();
    let all = [
        ("tcp", web.address, own),
        ("http", web.address, own),
        ("https", web.address, own),
        ("udp", datagrams.address, companion.address.port()),
    ];
    let text: String = all.into_iter().map(one).collect();
    text + &shelf.section("own")
}

#[test]
fn s_21_a_listener_of_any_kind_may_have_its_backends_checked_by_http() {
    let (web, companion, datagrams) = (Clinic::new("web"), Clinic::new("companion"), Echo::new(5));
    let shelf = Shelf::new();
    shelf.put("own", &["own.test"], (2020, 2099));
    let place = Place::new(&listeners_of_every_kind(&shelf, (&web, &companion), &datagrams));
    let daemon = place.start();
    let all = ["tcp", "http", "https", "udp"];
    until("all are up", || all.iter().all(|of| health(&daemon, of, "one") == Health::Up));
    for clinic in [&web, &companion] {
        clinic.be(|mut stream, _| send(&mut stream, "HTTP/1.1 500 Ill\r\n\r\n"));
    }
    until("all are down", || all.iter().all(|of| health(&daemon, of, "one") == Health::Down));
    assert_eq!(who(&asking(super::front(&daemon, "udp"))), 5, "all are down, and it alone can serve");
}

#[test]
fn s_21_checks_by_tcp_and_of_datagrams_go_with_listeners_of_any_kind() {
    let (tcp, datagrams) = (Scripted::echo(), Echo::new(5));
    let place = Place::new(&format!(
        "listeners.web = {{ bind = \"127.0.0.1:0\", protocol = \"http\", group = \"web\" }}\n\
         listeners.raw = {{ bind = \"127.0.0.1:0\", protocol = \"udp\", group = \"raw\" }}\n\
         groups.web.health_check = {{ protocol = \"udp\", port = {}, send = \"ping\", interval = \"100ms\" }}\n\
         groups.web.backends.one = {{ address = \"{}\" }}\n\
         groups.raw.health_check = {{ protocol = \"tcp\", port = {}, interval = \"100ms\" }}\n\
         groups.raw.backends.one = {{ address = \"{}\" }}\n",
        datagrams.address.port(),
        tcp.address,
        tcp.address.port(),
        datagrams.address
    ));
    let daemon = place.start();
    until("both are up", || ["web", "raw"].iter().all(|of| health(&daemon, of, "one") == Health::Up));
}

#[test]
fn s_23_s_25_s_27_s_28_s_29_s_30_a_check_that_says_nothing_else_is_that_of_the_reference() {
    let clinic = Clinic::new("one");
    let (_place, daemon) = one(&clinic, "{ protocol = \"http\" }");
    let check = settings(&daemon).health_check;
    assert_eq!((check.method, check.path.as_str(), check.port, check.host), (CheckMethod::Head, "/", None, None));
    assert_eq!(check.expect, [CodeRange { low: 200, high: 399 }]);
    assert_eq!((check.timeout_ms, check.interval_ms, check.rise, check.fall), (5_000, 2_000, 3, 3));
    assert_eq!(codes(&daemon, "groups.app"), []);
    assert!(verdict(&daemon).passed());
    let asked = clinic.asked().remove(0);
    assert!(asked.starts_with("HEAD / HTTP/1.1\r\n"), "{asked}");
}

#[test]
fn s_27_l_11_any_set_of_status_codes_may_be_the_normal_one() {
    let clinic = Clinic::new("one");
    let (_place, daemon) = one(&clinic, ON_DEMAND);
    let answers: [(u16, super::Manner); 6] = [
        (200, |mut s, _| send(&mut s, "HTTP/1.1 200 -\r\n\r\n")),
        (204, |mut s, _| send(&mut s, "HTTP/1.1 204 -\r\n\r\n")),
        (205, |mut s, _| send(&mut s, "HTTP/1.1 205 -\r\n\r\n")),
        (301, |mut s, _| send(&mut s, "HTTP/1.1 301 -\r\n\r\n")),
        (404, |mut s, _| send(&mut s, "HTTP/1.1 404 -\r\n\r\n")),
        (503, |mut s, _| send(&mut s, "HTTP/1.1 503 -\r\n\r\n")),
    ];
    for (expect, passing) in [
        ("[\"2xx\", \"3xx\"]", &[200, 204, 205, 301][..]),
        ("\"2xx\"", &[200, 204, 205]),
        ("\"3xx\"", &[301]),
        ("\"4xx\"", &[404]),
        ("\"5xx\"", &[503]),
        ("\"200-204,301\"", &[200, 204, 301]),
        ("[404, \"500-599\"]", &[404, 503]),
    ] {
        change(&daemon, &format!("{CHECK}.expect"), expect);
        for (code, manner) in answers {
            clinic.be(manner);
            let wanted =
                if passing.contains(&code) { Verdict::Pass { code: Some(code) } } else { super::fail_code(code) };
            assert_eq!(verdict(&daemon), wanted, "{code} of {expect}");
        }
    }
    refused(&daemon, "expect", "\"6xx\"");
}

#[test]
fn s_25_l_11_a_path_of_the_reference_is_sent_as_it_is_and_a_longer_one_with_a_finding() {
    let clinic = Clinic::new("one");
    let (_place, daemon) = one(&clinic, ON_DEMAND);
    let path = |len: usize| format!("/{}", "p".repeat(len - 1));
    let marks = "/a-b_c.d%20e/?f=1&g=#h".to_owned();
    let beyond = vec![("beyond-reference".to_owned(), format!("{CHECK}.path"))];
    for (path, found) in [(marks, vec![]), (path(80), vec![]), (path(81), beyond.clone()), (path(2_048), beyond)] {
        change(&daemon, &format!("{CHECK}.path"), &format!("{path:?}"));
        assert_eq!(codes(&daemon, &format!("{CHECK}.path")), found, "{path}");
        assert!(verdict(&daemon).passed());
        let asked = clinic.asked().pop().expect("it was asked");
        assert!(asked.starts_with(&format!("HEAD {path} HTTP/1.1\r\n")), "{path}: {asked}");
    }
    for wrong in [path(2_049), "up".to_owned(), "/a b".to_owned(), "/\u{e9}".to_owned()] {
        refused(&daemon, "path", &format!("{wrong:?}"));
    }
}

#[test]
fn s_29_s_30_l_11_values_of_the_reference_are_taken_as_such_and_wider_ones_with_a_finding() {
    let clinic = Clinic::new("one");
    let (_place, daemon) = one(&clinic, "{ protocol = \"http\", fast_interval = \"1s\", timeout = \"1s\" }");
    for (key, inside, beyond, outside) in [
        ("interval", ["1s", "50s"], ["100ms", "1h"], ["99ms", "3601s"]),
        ("rise", ["2", "10"], ["1", "100"], ["0", "101"]),
        ("fall", ["2", "10"], ["1", "100"], ["0", "101"]),
    ] {
        let path = format!("{CHECK}.{key}");
        let given = |value: &str| if key == "interval" { format!("{value:?}") } else { value.to_owned() };
        let is_beyond = || codes(&daemon, &path).iter().any(|(code, _)| code == "beyond-reference");
        for value in inside {
            change(&daemon, &path, &given(value));
            assert!(!is_beyond(), "{key} = {value}");
        }
        for value in beyond {
            change(&daemon, &path, &given(value));
            assert!(is_beyond(), "{key} = {value}");
        }
        for value in outside {
            let fault = refused(&daemon, key, &given(value)).faults.remove(0);
            assert!(fault.path == path && fault.allowed.is_some(), "{fault:?}");
        }
        change(&daemon, &path, &given(inside[0]));
    }
    for (key, low, high) in [("port", 1, 65_535), ("timeout", 10, 300_000)] {
        let unit = if key == "port" { "" } else { "ms" };
        let given = |n: i64| if key == "port" { n.to_string() } else { format!("\"{n}{unit}\"") };
        for n in [low, high] {
            change(&daemon, &format!("{CHECK}.{key}"), &given(n));
        }
        for n in [low - 1, high + 1] {
            refused(&daemon, key, &given(n));
        }
    }
}

#[test]
fn s_40_what_later_documents_recommend_needs_no_finding() {
    let clinic = Clinic::new("one");
    let recommended = "{ timeout = \"5s\", interval = \"2s\", fall = 3 }";
    let (_place, daemon) = one(&clinic, recommended);
    for check in [
        "{ protocol = \"http\", timeout = \"5s\", interval = \"2s\", fall = 3 }",
        "{ protocol = \"udp\", timeout = \"10s\", interval = \"5s\", rise = 3, fall = 3 }",
    ] {
        assert_eq!(codes(&daemon, CHECK), []);
        change(&daemon, CHECK, check);
    }
    assert_eq!(codes(&daemon, CHECK), []);
}

#[test]
fn s_40_a_group_that_is_down_as_a_whole_is_still_served_and_a_backend_of_weight_0_still_checked() {
    let clinics = ["a", "b", "c"].map(Clinic::new);
    let check = "{ protocol = \"http\", interval = \"100ms\", timeout = \"15s\", rise = 1, fall = 1 }";
    let place = Place::new(&group("app", check, &[("a", clinics[0].address), ("b", clinics[1].address)]));
    let daemon = place.start();
    change(&daemon, "groups.app.backends.c", &format!("{{ address = \"{}\", weight = 0 }}", clinics[2].address));
    let are = |health: Health| ["a", "b", "c"].iter().all(|of| super::health(&daemon, "app", of) == health);
    until("all are up", || are(Health::Up));
    for clinic in &clinics {
        clinic.be(|mut stream, _| send(&mut stream, "HTTP/1.1 500 -\r\n\r\n"));
    }
    until("all are down", || are(Health::Down));
    let verdict = super::backend(&daemon, "app", "c").health.last.expect("it is checked").verdict;
    assert!(matches!(verdict, Verdict::Fail { reason: Reason::Code, .. }), "{verdict}");
    until("it is known", || daemon.status().groups[0].failing_open);
    let front = super::front(&daemon, "app");
    let mut served: Vec<_> = (0..4).map(|_| super::ask(front)).collect();
    served.sort();
    assert_eq!(served, ["a", "a", "b", "b"].map(|name| (200, name.to_owned())));
}

#[test]
fn l_19_a_backend_of_datagrams_that_says_nothing_is_unknown_to_who_asks() {
    let mute = UdpSocket::bind(ANY_PORT).expect("a free port");
    let address = mute.local_addr().expect("it is bound");
    let check = "{ protocol = \"udp\", interval = \"100ms\", timeout = \"100ms\" }";
    let place = Place::new(&group("app", check, &[("one", address)]).replace("\"http\"\ngroup", "\"udp\"\ngroup"));
    let daemon = place.start();
    until("it was asked", || super::backend(&daemon, "app", "one").health.streak > 3);
    assert_eq!(health(&daemon, "app", "one"), Health::Unknown);
    assert_eq!(verdict(&daemon), Verdict::Silent);
    let row = super::logs(&daemon, "app", "one").pop().expect("it is told");
    assert_eq!((row.verdict, row.health, row.transition), (Verdict::Silent, Health::Unknown, None));
}
