//! An edit to one object leaves every other one the very same: its part of the plan, its TLS, its sockets, its
//! health and its counters.
//!
//! Every setting of every object is edited and taken back; which there are is asked of the tables that reading
//! and printing go by, so that a setting that is new is held to it from its first day.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use poise_core::persistence::PersistencePlan;
use poise_core::plan::{ListenerId, ListenerPlan, Plan};
use poise_ipc::edit::Edit;
use poise_ipc::message::{Replace, Reply, Verb, WindowWish};
use poise_ipc::model::{Config, Listener};
use poise_ipc::status::{BackendStatus, GroupStatus, Health, ListenerStatus, Status, Verdict};
use poise_ipc::text::{Setting, parse, settings};
use poise_ipc::{Name, apply as ipc_apply, diff};

use super::support::*;
use crate::control::ports::Wanted;
use crate::tls::ServerTls;
use crate::tls::made::{NOW, Shelf};

/// At least two of everything, so that there always is somebody else.
fn text(shelf: &Shelf) -> String {
    let [one, two] = ["one", "two"].map(|name| shelf.certificate(name, &[&format!("{name}.test")], NOW));
    let certificates = [("one", one), ("two", two)]
        .map(|(name, made)| format!("[certificates.{name}]\nchain = {:?}\nkey = {:?}\n", made.chain, made.key))
        .concat();
    format!(
        r#"{certificates}
[listeners.web]
bind = "127.0.0.1:8001"
protocol = "http"
group = "app"
persistence = "cookie-insert"
[listeners.web.routes.shop]
path_prefix = "/shop"
group = "shop"
[listeners.web.routes.parts]
path_prefix = "/parts"
split = ["app 1", "shop 2"]
[listeners.web.routes.any]
hosts = ["any.test"]
group = "app"
[listeners.site]
bind = "127.0.0.1:8002"
protocol = "https"
group = "shop"
tls = {{ certificates = ["one"] }}
[listeners.other]
bind = "127.0.0.1:8003"
protocol = "https"
group = "app"
tls = {{ certificates = ["two"] }}
[listeners.raw]
bind = "127.0.0.1:8004"
protocol = "tcp"
group = "data"
persistence = {{ kind = "source", timeout = "5m" }}
[listeners.more]
bind = "127.0.0.1:8005"
protocol = "tcp"
group = "data"
accept_proxy = {{ from = ["10.0.0.0/8"] }}
[listeners.names]
bind = "127.0.0.1:8006"
protocol = "udp"
group = "dns"
persistence = {{ kind = "source", timeout = "5m" }}
[listeners.echo]
bind = "127.0.0.1:8007"
protocol = "udp"
group = "dns"
[groups.app.backends]
a = {{ address = "10.0.1.1:80" }}
b = {{ address = "10.0.1.2:80" }}
c = {{ address = "10.0.1.3:80" }}
[groups.shop]
scheduler = "wlc"
health_check = {{ protocol = "http" }}
[groups.shop.backends]
a = {{ address = "10.0.2.1:80" }}
b = {{ address = "10.0.2.2:80" }}
[groups.data.backends]
a = {{ address = "10.0.3.1:80" }}
b = {{ address = "10.0.3.2:80" }}
[groups.dns]
health_check = {{ protocol = "udp", send = "ping", receive = "pong" }}
[groups.dns.backends]
a = {{ address = "10.0.4.1:53" }}
b = {{ address = "10.0.4.2:53" }}
"#
    )
}

/// Everything that may not change by itself.
struct View {
    plan: Arc<Plan>,
    tls: HashMap<ListenerId, Arc<ServerTls>>,
    sockets: Wanted,
    status: Status,
}

impl View {
    async fn of(writer: &Writer) -> Self {
        let status = writer.status().await;
        let sockets = writer.ports.open.borrow().clone();
        Self { plan: writer.published.load_full(), tls: writer.secured.listeners(), sockets, status }
    }

    fn listener(&self, name: &Name) -> Option<&Arc<ListenerPlan>> {
        self.plan.listeners.values().find(|listener| listener.name == *name)
    }

    fn listener_status(&self, name: &Name) -> Option<&ListenerStatus> {
        self.status.listeners.iter().find(|listener| listener.name == *name)
    }

    fn group_status(&self, name: &Name) -> Option<&GroupStatus> {
        self.status.groups.iter().find(|group| group.name == *name)
    }
}

/// What an edit may touch.
struct Touched<'a> {
    listener: Option<&'a str>,
    group: Option<&'a str>,
    backend: Option<&'a str>,
    certificate: Option<&'a str>,
}

impl<'a> Touched<'a> {
    fn by(path: &'a str) -> Self {
        let keys: Vec<_> = path.split('.').collect();
        let named = |kind: &str| keys.first().filter(|first| **first == kind).and_then(|_| keys.get(1).copied());
        let backend = keys.get(2).filter(|key| **key == "backends").and_then(|_| keys.get(3).copied());
        Self { listener: named("listeners"), group: named("groups"), backend, certificate: named("certificates") }
    }

    /// Whether a listener may have another plan: it is the one, or it leads to the group.
    fn leads(&self, name: &Name, listener: &Listener) -> bool {
        let routed = listener.routes.values().any(|route| {
            let split = route.split.iter().any(|share| self.is_group(&share.group));
            split || route.group.as_ref().is_some_and(|group| self.is_group(group))
        });
        self.is_listener(name) || routed || listener.group.as_ref().is_some_and(|group| self.is_group(group))
    }

    fn is_listener(&self, name: &Name) -> bool {
        self.listener == Some(name.as_str())
    }

    fn is_group(&self, name: &Name) -> bool {
        self.group == Some(name.as_str())
    }

    /// Whether the handshakes of a listener may go by something else.
    fn secures(&self, name: &Name, listener: &Listener) -> bool {
        let certified =
            self.certificate.is_some_and(|wanted| listener.tls.certificates.iter().any(|name| name.as_str() == wanted));
        self.is_listener(name) || certified
    }
}

/// Holds what is not touched to be the very same.
fn hold(edit: &str, config: &Config, before: &View, after: &View) {
    let touched = Touched::by(edit);
    for (name, listener) in &config.listeners {
        let (Some(was), Some(is)) = (before.listener(name), after.listener(name)) else {
            assert!(touched.is_listener(name), "{edit} added or removed {name}");
            continue;
        };
        assert_eq!(was.id, is.id, "{edit}: who {name} is");
        assert!(Arc::ptr_eq(&was.live, &is.live), "{edit}: counters of {name}");
        assert!(Arc::ptr_eq(&was.limiter, &is.limiter), "{edit}: limits in use of {name}");
        if !touched.leads(name, listener) {
            assert!(Arc::ptr_eq(was, is), "{edit}: the plan of {name}");
        }
        if !touched.is_listener(name) {
            assert!(Arc::ptr_eq(&was.access, &is.access), "{edit}: the access list of {name}");
            assert_eq!(before.sockets.get(&was.id), after.sockets.get(&is.id), "{edit}: sockets of {name}");
            assert_eq!(before.listener_status(name), after.listener_status(name), "{edit}: status of {name}");
            if let (PersistencePlan::Source(was), PersistencePlan::Source(is)) = (&was.persistence, &is.persistence) {
                assert!(Arc::ptr_eq(was, is), "{edit}: clients of {name}");
            }
        }
        if !touched.secures(name, listener) {
            let same = match (before.tls.get(&was.id), after.tls.get(&is.id)) {
                (Some(was), Some(is)) => Arc::ptr_eq(was, is),
                (was, is) => was.is_none() && is.is_none(),
            };
            assert!(same, "{edit}: handshakes of {name}");
        }
    }
    for name in config.groups.keys() {
        let (Some(was), Some(is)) = (before.plan.group(name), after.plan.group(name)) else {
            assert!(touched.is_group(name), "{edit} added or removed {name}");
            continue;
        };
        assert!(Arc::ptr_eq(&was.live, &is.live), "{edit}: counters of {name}");
        assert!(Arc::ptr_eq(&was.queue, &is.queue), "{edit}: who waits at {name}");
        if !touched.is_group(name) {
            assert!(Arc::ptr_eq(was, is), "{edit}: the plan of {name}");
            assert_eq!(before.group_status(name), after.group_status(name), "{edit}: status of {name}");
            continue;
        }
        for was in &was.backends {
            let Some(is) = is.backends.iter().find(|backend| backend.name == was.name) else { continue };
            if touched.backend == Some(was.name.as_str()) {
                continue;
            }
            assert_eq!((was.id, &was.target), (is.id, &is.target), "{edit}: who {name}/{} is", was.name);
            assert!(Arc::ptr_eq(&was.live, &is.live), "{edit}: counters of {name}/{}", was.name);
            if touched.backend.is_some() {
                assert!(Arc::ptr_eq(was, is), "{edit}: the plan of {name}/{}", was.name);
                let status = |view: &View| -> Option<BackendStatus> {
                    let group = view.group_status(name)?;
                    group.backends.iter().find(|backend| backend.name == was.name).cloned()
                };
                assert_eq!(status(before), status(after), "{edit}: status of {name}/{}", was.name);
            }
        }
    }
}

/// Every object of a configuration, by its path.
fn objects(config: &Config) -> Vec<String> {
    let mut paths: Vec<_> = config.certificates.keys().map(|name| format!("certificates.{name}")).collect();
    for (name, listener) in &config.listeners {
        paths.push(format!("listeners.{name}"));
        paths.extend(listener.routes.keys().map(|route| format!("listeners.{name}.routes.{route}")));
    }
    for (name, group) in &config.groups {
        paths.push(format!("groups.{name}"));
        paths.extend(group.backends.keys().map(|backend| format!("groups.{name}.backends.{backend}")));
    }
    paths
}

/// Values that a setting may take: the words that it allows, and usual ones of every kind.
fn candidates(setting: &Setting) -> Vec<String> {
    let words = setting.allowed.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_' && c != '.');
    let words = words.filter(|word| !word.is_empty()).map(|word| format!("{word:?}"));
    let usual = [
        "true",
        "false",
        "1",
        "2",
        "3",
        "7",
        "60",
        "100",
        "443",
        "8080",
        "65535",
        "\"1s\"",
        "\"2s\"",
        "\"3s\"",
        "\"9s\"",
        "\"30s\"",
        "\"5m\"",
        "\"2h\"",
        "\"1Mbit/s\"",
        "\"64KiB\"",
        "\"1MiB\"",
        "\"10%\"",
        "\"/x\"",
        "\"x\"",
        "\"GET\"",
        "\"x.test\"",
        "\"200-299\"",
        "\"shop\"",
        "\"app\"",
        "\"127.0.0.1:8099\"",
        "\"10.0.9.9:81\"",
        "\"10.0.9.9\"",
        "[]",
        "[\"GET\"]",
        "[\"x.test\"]",
        "[\"200-204\"]",
        "[204]",
        "[\"203.0.113.0/24\"]",
        "[\"10.0.0.0/8\"]",
        "[\"two\"]",
        "[\"one\", \"two\"]",
        "[\"x-a\"]",
        "[{ name = \"x-a\" }]",
        "[{ name = \"x-a\", value = \"1\" }]",
        "[\"set X-A: b\"]",
        "{ remove = [\"x-a\"] }",
        "{ add = { x-a = \"1\" } }",
        "[\"app 3\"]",
        "{ x-a = \"1\" }",
        "{ x-a = true }",
        "[\"h2\"]",
        "[\"gzip\"]",
    ];
    words.chain(usual.map(str::to_owned)).collect()
}

/// A setting with a value that the configuration may have there instead of its own.
fn edited(config: &Config, path: &str, setting: &Setting) -> Option<Edit> {
    candidates(setting).into_iter().find_map(|value| {
        let edit = set(&format!("{path}.{}", setting.key), &value);
        let after = ipc_apply::apply(config, std::slice::from_ref(&edit)).ok()?;
        (after != *config).then_some(edit)
    })
}

/// Settings that are not edited alone: a key without its chain is no certificate, and replies are files.
const NOT_ALONE: &[&str] = &["certificates.chain", "certificates.key", "listeners.replies"];

async fn start(dir: &std::path::Path, text: &str) -> Writer {
    let writer = Writer::start(dir, None, FakePorts::default()).await.expect("starts");
    let replace = Replace {
        text: text.to_owned(),
        if_revision: Some(0),
        dry_run: false,
        reason: None,
        window: WindowWish::default(),
    };
    applied(writer.ask(Verb::Replace(replace)).await).expect("valid");
    writer
}

async fn config(writer: &Writer) -> Config {
    match writer.ask(Verb::Config).await {
        Ok(Reply::Config { config, .. }) => config,
        other => panic!("no configuration: {other:?}"),
    }
}

#[test]
fn an_edit_to_one_object_leaves_every_other_one_the_very_same() {
    let (dir, shelf) = (tempfile::tempdir().expect("dir"), Shelf::new());
    on_runtime(async {
        let writer = start(dir.path(), &text(&shelf)).await;
        let at_rest = config(&writer).await;
        let (mut edits, mut alone) = (0, BTreeMap::<String, usize>::new());
        for path in objects(&at_rest) {
            for setting in settings(&at_rest, &path).expect("an object") {
                let key = format!("{}.{}", path.split('.').next().unwrap_or_default(), setting.key);
                let Some(edit) = edited(&at_rest, &path, &setting) else {
                    alone.entry(key).or_default();
                    continue;
                };
                let before = View::of(&writer).await;
                // Files that are not there, names that nobody knows: the writer's own refusals.
                let Ok(made) = writer.apply(vec![edit.clone()]).await else {
                    alone.entry(key).or_default();
                    continue;
                };
                assert!(made.changed, "{edit}");
                *alone.entry(key).or_default() += 1;
                let after = View::of(&writer).await;
                hold(edit.path(), &at_rest, &before, &after);
                let back = diff::diff(&config(&writer).await, &at_rest);
                writer.apply(back).await.expect("it was so before");
                hold(edit.path(), &at_rest, &after, &View::of(&writer).await);
                edits += 1;
            }
        }
        let never: Vec<_> = alone.iter().filter(|(_, made)| **made == 0).map(|(key, _)| key.as_str()).collect();
        assert_eq!(never, NOT_ALONE, "settings that were not edited");
        assert!(edits > 300, "{edits} edits");
        writer.stop().await;
    });
}

#[test]
fn objects_that_come_and_go_leave_every_other_one_the_very_same() {
    let (dir, shelf) = (tempfile::tempdir().expect("dir"), Shelf::new());
    on_runtime(async {
        let writer = start(dir.path(), &text(&shelf)).await;
        let at_rest = config(&writer).await;
        let renewed = shelf.certificate("renewed", &["one.test"], NOW);
        let renewed = format!("{{ chain = {:?}, key = {:?} }}", renewed.chain, renewed.key);
        let before = View::of(&writer).await;
        writer.apply(vec![set("certificates.one", &renewed)]).await.expect("valid");
        hold("certificates.one", &at_rest, &before, &View::of(&writer).await);
        writer.apply(diff::diff(&config(&writer).await, &at_rest)).await.expect("it was so before");
        for (path, value) in [
            ("listeners.new", "{ bind = \"127.0.0.1:8090\", protocol = \"http\", group = \"app\" }"),
            ("listeners.web.routes.new", "{ path = \"/new\", group = \"app\" }"),
            ("groups.new", "{ backends = { a = { address = \"10.0.5.1:80\" } } }"),
            ("groups.app.backends.new", "{ address = \"10.0.1.9:80\", weight = 3 }"),
            ("groups.dns.backends.new", "{ address = \"10.0.4.9:53\" }"),
        ] {
            let before = View::of(&writer).await;
            writer.apply(vec![set(path, value)]).await.expect("valid");
            let between = View::of(&writer).await;
            hold(path, &at_rest, &before, &between);
            writer.apply(vec![Edit::remove(path)]).await.expect("valid");
            hold(path, &at_rest, &between, &View::of(&writer).await);
        }
        for path in objects(&at_rest) {
            let before = View::of(&writer).await;
            // What others lead to cannot go.
            if writer.apply(vec![Edit::remove(&path)]).await.is_err() {
                continue;
            }
            let between = View::of(&writer).await;
            hold(&path, &at_rest, &before, &between);
            let back = diff::diff(&config(&writer).await, &at_rest);
            writer.apply(back).await.expect("it was so before");
            hold(&path, &at_rest, &between, &View::of(&writer).await);
        }
        writer.stop().await;
    });
}

#[test]
fn health_is_kept_over_every_edit_that_does_not_change_how_it_is_checked() {
    let (dir, shelf) = (tempfile::tempdir().expect("dir"), Shelf::new());
    on_runtime(async {
        let writer = start(dir.path(), &text(&shelf)).await;
        let health = async |writer: &Writer| {
            let status = writer.status().await;
            let backends = status.groups.into_iter().flat_map(|group| group.backends);
            backends.map(|backend| (backend.id, backend.health.health, backend.health.streak)).collect::<Vec<_>>()
        };
        for _ in 0..4 {
            writer.verdict("c", Verdict::Pass { code: None }).await;
        }
        let known = loop {
            let known = health(&writer).await;
            // Verdicts are taken one by one.
            if known.iter().any(|(_, health, streak)| (*health, *streak) == (Health::Up, 4)) {
                break known;
            }
        };
        let at_rest = config(&writer).await;
        for path in objects(&at_rest).iter().filter(|path| !path.starts_with("groups.app")) {
            for setting in settings(&at_rest, path).expect("an object") {
                let Some(edit) = edited(&at_rest, path, &setting) else { continue };
                if writer.apply(vec![edit.clone()]).await.is_err() {
                    continue;
                }
                assert_eq!(health(&writer).await, known, "{edit}");
                let back = diff::diff(&config(&writer).await, &at_rest);
                writer.apply(back).await.expect("it was so before");
            }
        }
        writer.stop().await;
    });
}

#[test]
fn the_configuration_of_these_tests_is_valid() {
    let config = parse(&text(&Shelf::new())).expect("valid");
    assert_eq!((config.listeners.len(), config.groups.len()), (7, 4));
}
