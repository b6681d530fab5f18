//! Cookies over the life of the real program: restarts, new names, another order; and curl's own jar.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use poise_ipc::message::{Replace, Reply, Verb};
use poise_ipc::persistence::{CookieQuery, PersistenceVerdict};

use crate::browser::{App, Browser};
use crate::process::{Daemon, Place, set};

/// A file with these backends, each a name and where it listens, of a group of this name.
fn file(bind: &str, group: &str, backends: &[(&str, SocketAddr)]) -> String {
    let backends: Vec<_> = backends
        .iter()
        .map(|(name, address)| format!("groups.{group}.backends.{name} = {{ address = \"{address}\" }}"))
        .collect();
    format!(
        "listeners.front = {{ bind = \"{bind}\", protocol = \"http\", group = \"{group}\", \
         persistence = {{ kind = \"cookie-insert\", idle = \"1h\" }} }}\n{}\n",
        backends.join("\n")
    )
}

fn address(daemon: &Daemon) -> SocketAddr {
    daemon.status().listeners[0].bind.ip().expect("an address and port")
}

#[test]
fn s_43_cookies_survive_a_restart_another_order_and_new_names() {
    let apps = App::three();
    let [a, b, c] = apps.each_ref().map(|app| app.address);
    let place = Place::new(&file("127.0.0.1:0", "app", &[("one", a), ("two", b), ("three", c)]));
    let daemon = place.start();
    let mut clients: Vec<_> = (0..3).map(|_| Browser::new(address(&daemon))).collect();
    let homes: Vec<_> = clients.iter_mut().map(|client| client.get("/").body).collect();
    daemon.kill();

    let daemon = place.start();
    let check = |clients: &[Browser], what: &str| {
        let now = address(&daemon);
        for (client, home) in clients.iter().zip(&homes) {
            let mut client = client.moved_to(now);
            let page = client.get("/");
            assert_eq!((&page.body, page.sets().len()), (home, 0), "{what}");
        }
    };
    check(&clients, "after a restart");
    for (what, text) in [
        ("in another order", file("127.0.0.1:0", "app", &[("three", c), ("one", a), ("two", b)])),
        ("under new names", file("127.0.0.1:0", "app", &[("zz", a), ("yy", c), ("aa", b)])),
        ("in a group of another name", file("127.0.0.1:0", "shop", &[("zz", a), ("yy", c), ("aa", b)])),
    ] {
        let replace = Replace {
            text,
            if_revision: None,
            dry_run: false,
            reason: None,
            window: poise_ipc::message::WindowWish::default(),
        };
        daemon.ask(Verb::Replace(replace)).expect("a valid file");
        check(&clients, what);
    }
}

#[test]
fn t_22_the_daemon_says_whom_a_cookie_binds() {
    let apps = App::three();
    let [a, b, c] = apps.each_ref().map(|app| app.address);
    let place = Place::new(&file("127.0.0.1:0", "app", &[("b0", a), ("b1", b), ("b2", c)]));
    let daemon = place.start();
    let mut browser = Browser::new(address(&daemon));
    let home = browser.get("/").body;
    let value = browser.cookie("SERVERID").expect("it was set").to_owned();
    let rows = |name: &str, value: &str| {
        let query = CookieQuery { name: name.to_owned(), value: value.to_owned() };
        match daemon.ask(Verb::Cookie(query)) {
            Ok(Reply::Cookie { rows }) => rows,
            other => panic!("{other:?}"),
        }
    };
    let told = rows("SERVERID", &value);
    assert_eq!((told.len(), told[0].verdict), (1, PersistenceVerdict::Kept));
    assert_eq!(told[0].backend.as_ref().map(ToString::to_string), Some(home.clone()));
    assert!(told[0].first_ms.is_some_and(|ms| ms > 0) && told[0].first_ms == told[0].last_ms, "{told:?}");
    assert_eq!(rows("SERVERID", "made up")[0].verdict, PersistenceVerdict::Forged);
    assert_eq!(rows("OTHER", &value), []);
    daemon.ask(set(&format!("groups.app.backends.{home}.state"), "disabled")).expect("a state");
    let told = rows("SERVERID", &value);
    assert_eq!((told[0].verdict, told[0].backend.is_some()), (PersistenceVerdict::Moved, true));
    assert_eq!(daemon.status().listeners[0].counters.persistence.kept_total, 0, "asking counts nothing");
}

/// Asks with curl, whose jar is a file; `None` where there is no curl.
fn curl(url: &str, jar: Option<&Path>) -> Option<String> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--location"]);
    if let Some(jar) = jar {
        command.arg("--cookie-jar").arg(jar).arg("--cookie").arg(jar);
    }
    let output = match command.arg(url).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        other => other.expect("curl runs"),
    };
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn s_50_curl_with_a_jar_stays_and_without_one_looks_random() {
    let apps = App::three();
    let [a, b, c] = apps.each_ref().map(|app| app.address);
    let place = Place::new(&file("127.0.0.1:0", "app", &[("b0", a), ("b1", b), ("b2", c)]));
    let daemon = place.start();
    let dir = tempfile::tempdir().expect("a directory");
    let jar = dir.path().join("jar");
    let url = |target: &str| format!("http://{}{target}", address(&daemon));
    let Some(home) = curl(&url("/hops/5"), Some(&jar)) else {
        eprintln!("passed over: there is no curl");
        return;
    };
    let text = std::fs::read_to_string(&jar).expect("curl wrote it");
    assert!(text.contains("SERVERID") && text.contains("#HttpOnly_127.0.0.1"), "{text}");
    for target in ["/", "/status/404", "/status/500", "/hops/3", "/", "/", "/"] {
        assert_eq!(curl(&url(target), Some(&jar)).as_ref(), Some(&home), "{target}");
    }
    let bare: std::collections::BTreeSet<_> = (0..3).map(|_| curl(&url("/"), None)).collect();
    assert_eq!(bare.len(), 3, "S-51: a false alarm");
}

/// A daemon with the usual cookies in front of one backend.
fn usual(app: &App) -> (Place, Daemon) {
    let place = Place::new(&format!(
        "listeners.front = {{ bind = \"127.0.0.1:0\", protocol = \"http\", group = \"app\", persistence = \"cookie-insert\" }}
        groups.app.backends.b0 = {{ address = \"{}\" }}",
        app.address
    ));
    let daemon = place.start();
    (place, daemon)
}

#[test]
fn s_42_the_timeout_may_be_1_s_to_7_d_and_above_a_day_is_a_finding() {
    let app = App::new("b0");
    let (_place, daemon) = usual(&app);
    let path = "listeners.front.persistence.timeout";
    let at = address(&daemon);
    assert!(Browser::new(at).get("/").sets()[0].contains("; Max-Age=1000;"), "the default of the reference");
    for (value, age, found) in [("1s", "1", 1), ("1m", "60", 0), ("24h", "86400", 0), ("86401s", "86401", 1)] {
        daemon.ask(set(path, value)).expect("within the range");
        assert_eq!(daemon.status().findings.len(), found, "{value}: {:?}", daemon.status().findings);
        let page = Browser::new(at).get("/");
        assert!(page.sets()[0].contains(&format!("; Max-Age={age};")), "{value}: {}", page.head);
    }
    for value in ["999ms", "604801s", "0s"] {
        let refused = daemon.ask(set(path, value)).expect_err("beyond the range");
        assert!(refused.faults[0].to_string().contains("1s to 7d"), "{value}: {}", refused.faults[0]);
    }
}

#[test]
fn s_45_a_cookie_name_has_no_dollar_first_and_no_space_dot_or_comma() {
    let app = App::new("b0");
    let (_place, daemon) = usual(&app);
    let path = "listeners.front.persistence.cookie";
    for wrong in ["$a", "a b", "a.b", "a,b", "a;b", "a=b", "", "ä"] {
        daemon.ask(set(path, &format!("\"{wrong}\""))).expect_err(wrong);
    }
    for right in ["a$", "SERVER_ID-2", "x"] {
        daemon.ask(set(path, &format!("\"{right}\""))).expect(right);
        let at = address(&daemon);
        let page = Browser::new(at).get("/");
        assert!(page.sets()[0].starts_with(&format!("{right}=")), "{}", page.head);
    }
}
