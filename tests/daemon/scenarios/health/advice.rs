//! S-31 to S-35, T-14 to T-16: choices that cost something, what they cost, and the finding that says so.

use poise_ipc::advice::Severity;
use poise_ipc::message::{ErrorCode, Reply, Verb};
use poise_ipc::status::Health;

use super::{Clinic, ask, change, codes, findings, front, group, health, logs, probe, send};
use crate::backends::{Scripted, until};
use crate::process::{Daemon, Place};
use crate::script::read_message;

const CHECK: &str = "groups.app.health_check";
const FAST: &str = "{ protocol = \"http\", interval = \"100ms\", timeout = \"15s\", rise = 1, fall = 1 }";

/// The finding of this code, with what is advised.
fn found(daemon: &Daemon, code: &str) -> (Severity, String, String, String) {
    let finding = findings(daemon, "").into_iter().find(|finding| finding.code == code);
    let finding = finding.unwrap_or_else(|| panic!("no {code} in {:?}", findings(daemon, "")));
    assert!(!finding.remedy.is_empty(), "{code}");
    (finding.severity, finding.subject, finding.message, finding.remedy)
}

/// A backend that answers everything with 500, after it was reached without fault.
fn broken() -> Scripted {
    Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            send(&mut stream, "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n");
        }
    })
}

/// A backend whose words are no answer.
fn babbling() -> Scripted {
    Scripted::new(|mut stream| {
        let _ = read_message(&mut stream);
        send(&mut stream, "what?\r\n\r\n");
        super::hear_out(&mut stream);
    })
}

#[test]
fn s_31_l_12_a_longer_interval_means_fewer_checks_and_a_note_on_what_it_costs_but_the_log_is_no_reason() {
    let clinic = Clinic::new("one");
    let often = group("often", FAST, &[("one", clinic.address)]);
    let seldom = group("seldom", &FAST.replace("100ms", "500ms"), &[("one", clinic.address)]);
    let place = Place::new(&(often + &seldom));
    let daemon = place.start();
    let count = |of: &str| logs(&daemon, of, "one").iter().map(|row| row.count).sum::<u32>();
    until("many are made", || count("often") >= 30);
    assert!(count("seldom") <= count("often") / 3, "{} of {}", count("seldom"), count("often"));
    let rows = logs(&daemon, "often", "one").iter().filter(|row| row.transition.is_none()).count();
    assert_eq!(rows, 1, "equal verdicts are one row, however often");
    change(&daemon, "groups.often.health_check.interval", "\"50s\"");
    let (severity, subject, message, _) = found(&daemon, "late-detection");
    assert_eq!((severity, subject.as_str()), (Severity::Note, "groups.often.health_check.interval"));
    assert!(message.contains("50s") && message.contains("S-31"), "{message}");
}

#[test]
fn s_32_without_checks_nothing_fails_over_clients_get_502_and_a_finding_says_so() {
    let (steady, babbling) = (Clinic::new("well"), babbling());
    let place = Place::new(&group("app", "\"off\"", &[("ill", babbling.address), ("well", steady.address)]));
    let daemon = place.start();
    let (severity, subject, message, remedy) = found(&daemon, "checks-off");
    assert_eq!((severity, subject.as_str()), (Severity::Warning, CHECK));
    assert!(message.contains("S-32") && remedy.contains("http"), "{message}: {remedy}");
    let front = front(&daemon, "app");
    let failed = (0..10).filter(|_| ask(front).0 == 502).count();
    assert_eq!((failed, steady.served()), (5, 5), "it keeps its share");
    assert_eq!(health(&daemon, "app", "ill"), Health::Unknown, "nobody has looked");
    assert_eq!(logs(&daemon, "app", "ill"), []);
    assert_eq!(probe(&daemon, "app", "ill").expect_err("there is no check").code, ErrorCode::NotFound);
    change(&daemon, CHECK, FAST);
    until("it is found out", || health(&daemon, "app", "ill") == Health::Down);
    assert_eq!(codes(&daemon, CHECK).iter().filter(|(code, _)| code == "checks-off").count(), 0);
    until("it has no weight", || super::backend(&daemon, "app", "ill").effective_weight == 0);
    assert!((0..6).all(|_| ask(front) == (200, "well".to_owned())));
}

#[test]
fn s_33_a_tcp_check_sees_the_port_alone_and_an_http_check_the_application() {
    let (steady, broken) = (Clinic::new("well"), broken());
    let check = FAST.replace("\"http\"", "\"tcp\"");
    let place = Place::new(&group("app", &check, &[("ill", broken.address), ("well", steady.address)]));
    let daemon = place.start();
    until("both are up", || ["ill", "well"].iter().all(|of| health(&daemon, "app", of) == Health::Up));
    let front = front(&daemon, "app");
    let failed = (0..20).filter(|_| ask(front).0 == 500).count();
    assert_eq!((failed, health(&daemon, "app", "ill")), (10, Health::Up));
    until("it is noticed", || findings(&daemon, "").iter().any(|finding| finding.code == "check-blind"));
    let (severity, subject, message, remedy) = found(&daemon, "check-blind");
    assert_eq!((severity, subject.as_str()), (Severity::Warning, "groups.app.backends.ill"));
    assert!(message.contains("S-33") && remedy.contains("http"), "{message}: {remedy}");
    change(&daemon, CHECK, FAST);
    until("it is found out", || health(&daemon, "app", "ill") == Health::Down);
    assert!(findings(&daemon, "").iter().all(|finding| finding.code != "check-blind"));
}

#[test]
fn s_34_a_check_of_another_port_misses_what_serves_and_a_note_says_so() {
    let (steady, broken) = (Clinic::new("well"), broken());
    let check = FAST.replace("protocol", &format!("port = {}, protocol", steady.address.port()));
    let place = Place::new(&group("app", &check, &[("ill", broken.address)]));
    let daemon = place.start();
    until("it is up", || health(&daemon, "app", "ill") == Health::Up);
    assert_eq!(ask(front(&daemon, "app")).0, 500);
    let (severity, subject, message, _) = found(&daemon, "check-elsewhere");
    assert_eq!((severity, subject), (Severity::Note, format!("{CHECK}.port")));
    assert!(message.contains("S-34"), "{message}");
}

#[test]
fn s_35_t_16_a_check_that_runs_a_program_is_named_and_one_of_a_page_is_not() {
    let clinic = Clinic::new("one");
    let place = Place::new(&group("app", FAST, &[("one", clinic.address)]));
    let daemon = place.start();
    let is_named = |path: &str| {
        change(&daemon, &format!("{CHECK}.path"), &format!("{path:?}"));
        codes(&daemon, CHECK).contains(&("check-of-program".to_owned(), format!("{CHECK}.path")))
    };
    assert!(["/up.php", "/up.jsp?a=1", "/a/up.cgi", "/login.do"].into_iter().all(is_named));
    assert!(!["/", "/up.html", "/up.txt", "/php/", "/up?of=a.php"].into_iter().any(is_named));
}

#[test]
fn t_14_a_scheduler_by_load_beside_persistence_is_named() {
    let clinic = Clinic::new("one");
    let place = Place::new(&group("app", FAST, &[("one", clinic.address)]));
    let daemon = place.start();
    let is_named = || codes(&daemon, "listeners.app").iter().any(|(code, _)| code == "wlc-with-persistence");
    change(&daemon, "groups.app.scheduler", "\"wlc\"");
    assert!(!is_named(), "there is no persistence");
    change(&daemon, "listeners.app.persistence", "\"cookie-insert\"");
    assert!(is_named());
    let (_, _, _, remedy) = found(&daemon, "wlc-with-persistence");
    assert!(remedy.contains("wrr"), "{remedy}");
    change(&daemon, "groups.app.scheduler", "\"wrr\"");
    assert!(!is_named());
}

#[test]
fn t_15_what_differs_from_the_defaults_is_what_the_configuration_shows() {
    let clinic = Clinic::new("one");
    let defaults = "{ protocol = \"http\", interval = \"2s\", timeout = \"5s\", rise = 3, fall = 3, method = \"HEAD\", \
                    path = \"/\", expect = [\"2xx\", \"3xx\"] }";
    let place = Place::new(&group("app", defaults, &[("one", clinic.address)]));
    let daemon = place.start();
    let shown = || match daemon.ask(Verb::ConfigText) {
        Ok(Reply::ConfigText { text, .. }) => {
            text.lines().filter(|line| line.contains("health_check")).collect::<String>()
        }
        other => panic!("no text: {other:?}"),
    };
    assert_eq!(shown(), "health_check = { protocol = \"http\" }");
    change(&daemon, &format!("{CHECK}.fall"), "5");
    assert_eq!(shown(), "health_check = { protocol = \"http\", fall = 5 }");
}
