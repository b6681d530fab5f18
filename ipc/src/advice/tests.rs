//! Each piece of advice fires on what it is about and on nothing else.

use std::net::IpAddr;

use proptest::prelude::*;

use super::{Severity, Site, blind_check, findings, findings_at};
use crate::Config;
use crate::apply::apply;
use crate::edit::Edit;
use crate::model::Bind;
use crate::text::parse;

const PLAIN: &str = r#"
listeners.web = { bind = "127.0.0.1:80", protocol = "http", group = "app" }
listeners.raw = { bind = "127.0.0.1:81", protocol = "tcp", group = "app" }
groups.app.backends.a = { address = "10.0.0.1:80" }
"#;

fn edited(edits: &[(&str, &str)]) -> Config {
    let edits: Vec<_> = edits.iter().map(|(path, value)| Edit::set(*path, *value)).collect();
    apply(&parse(PLAIN).expect("a valid text"), &edits).expect("valid edits")
}

fn codes(edits: &[(&str, &str)]) -> Vec<(String, String)> {
    findings(&edited(edits)).into_iter().map(|finding| (finding.code, finding.subject)).collect()
}

fn assert_found(edits: &[(&str, &str)], code: &str, subject: &str) {
    assert_eq!(codes(edits), [(code.to_owned(), subject.to_owned())]);
}

#[test]
fn defaults_with_a_backend_of_weight_need_no_advice() {
    assert_eq!(findings(&edited(&[])), []);
    assert_eq!(findings(&Config::default()), []);
}

proptest! {
    #[test]
    fn defaults_need_no_advice_whatever_the_names_and_addresses(group in "[a-z]{1,9}", host in 1..=254_u8, weight in 1..=1_000_u16, http: bool) {
        let protocol = if http { "http" } else { "tcp" };
        let text = format!(
            "listeners.l = {{ bind = \"10.0.1.{host}:80\", protocol = \"{protocol}\", group = \"{group}\" }}
            groups.{group}.backends.b = {{ address = \"10.0.0.{host}:80\", weight = {weight} }}"
        );
        prop_assert_eq!(findings(&parse(&text).expect("a valid text")), []);
    }
}

#[test]
fn groups_that_answer_nobody_are_severe() {
    assert_found(&[("groups.app.backends", "{}")], "group-without-backends", "groups.app");
    assert_found(&[("groups.app.backends.a.weight", "0")], "group-without-weight", "groups.app");
    assert_found(&[("groups.app.backends.a.state", "draining")], "group-without-enabled", "groups.app");
    let gravest = findings(&edited(&[("groups.app.backends.a.weight", "0"), ("groups.new", "{}")]));
    assert_eq!(gravest[0].severity, Severity::Severe);
    assert_eq!(gravest[1].code, "group-unused");
}

#[test]
fn checks_that_see_little_are_named() {
    assert_found(&[("groups.app.health_check", "off")], "checks-off", "groups.app.health_check");
    let path = "groups.app.health_check";
    assert_found(&[(path, "{ protocol = \"http\", expect = \"5xx\" }")], "expects-errors", &format!("{path}.expect"));
    assert_found(
        &[(path, "{ protocol = \"http\", path = \"/a.php?x\" }")],
        "check-of-program",
        &format!("{path}.path"),
    );
    assert_found(&[(path, "{ path = \"/a\" }")], "setting-without-effect", &format!("{path}.path"));
    assert_found(&[(path, "{ timeout = \"6s\" }")], "timeout-over-interval", &format!("{path}.timeout"));
    assert_eq!(codes(&[(path, "{ interval = \"1s\", timeout = \"2s\" }")]), []);
}

#[test]
fn s_61_each_way_to_fewer_lines_of_probes_has_its_risk_as_a_finding() {
    let path = "groups.app.health_check";
    assert_found(&[(path, "{ log = \"transitions\" }")], "log-thinned", &format!("{path}.log"));
    assert_found(&[(path, "{ interval = \"50s\" }")], "late-detection", &format!("{path}.interval"));
    assert_found(&[(path, "off")], "checks-off", path);
    assert_found(&[(path, "{ protocol = \"http\", port = 9000 }")], "check-elsewhere", &format!("{path}.port"));
    // Checks that only connect are the default: they are a risk where they miss something.
    let connecting = blind_check(&"app/a".parse().expect("a path"));
    assert_eq!((connecting.code.as_str(), connecting.severity), ("check-blind", Severity::Warning));
    for (edit, risk) in [
        ("{ log = \"transitions\" }", "cannot be read"),
        ("{ interval = \"50s\" }", "its share of the traffic fails"),
        ("off", "keeps its share"),
        ("{ protocol = \"http\", port = 9000 }", "may fail unseen"),
    ] {
        let found = findings(&edited(&[(path, edit)]));
        assert!(found.iter().any(|finding| finding.message.contains(risk)), "{edit}: {found:?}");
    }
}

#[test]
fn values_beyond_the_reference_are_named() {
    let path = "groups.app.health_check";
    assert_eq!(
        codes(&[(path, "{ interval = \"51s\", fast_interval = \"1s\" }")]),
        [
            ("beyond-reference".to_owned(), format!("{path}.interval")),
            ("late-detection".to_owned(), format!("{path}.interval"))
        ]
    );
    assert_found(&[(path, "{ rise = 1 }")], "beyond-reference", &format!("{path}.rise"));
    assert_found(&[(path, "{ fall = 11 }")], "beyond-reference", &format!("{path}.fall"));
    let raw = "listeners.raw.persistence";
    assert_found(&[(raw, "{ kind = \"source\", timeout = \"3601s\" }")], "beyond-reference", &format!("{raw}.timeout"));
    let web = "listeners.web.persistence";
    assert_eq!(codes(&[(web, "{ kind = \"cookie-insert\", timeout = \"1d\" }")]), []);
}

#[test]
fn balance_that_cannot_come_about_is_named() {
    let wlc = [("groups.app.scheduler", "wlc"), ("listeners.raw.persistence", "source")];
    assert_found(&wlc, "wlc-with-persistence", "listeners.raw.persistence");
    let unequal =
        [("groups.app.scheduler", "rr"), ("groups.app.backends.b", "{ address = \"10.0.0.2:80\", weight = 5 }")];
    assert_found(&unequal, "weight-without-effect", "groups.app.scheduler");
    let twice = [("groups.app.backends.b", "{ address = \"10.0.0.1:80\" }")];
    assert_found(&twice, "address-twice", "groups.app.backends.b.address");
    let short = [("listeners.raw.persistence", "{ kind = \"source\", timeout = \"5s\" }")];
    assert_found(&short, "persistence-short", "listeners.raw.persistence.timeout");
}

#[test]
fn a_listener_that_would_feed_itself_is_severe() {
    assert_found(&[("groups.app.backends.a.address", "127.0.0.1:81")], "loop", "groups.app.backends.a.address");
    assert_eq!(findings(&edited(&[("groups.app.backends.a.address", "127.0.0.1:81")]))[0].severity, Severity::Severe);
}

#[test]
fn a_round_through_several_listeners_is_severe_and_a_chain_is_a_note() {
    let chain = r#"
listeners.outer = { bind = "127.0.0.1:80", protocol = "tcp", group = "inner" }
listeners.inner = { bind = "0.0.0.0:81", protocol = "tcp", group = "app" }
groups.inner.backends.poised = { address = "127.0.0.1:81" }
"#;
    let found = |last: &str| {
        let text = format!("{chain}groups.app.backends.a = {{ address = \"{last}\" }}");
        let findings = findings(&parse(&text).expect("a valid text"));
        findings.into_iter().map(|finding| (finding.code, finding.subject)).collect::<Vec<_>>()
    };
    let (first, last) = ("groups.inner.backends.poised.address", "groups.app.backends.a.address");
    assert_eq!(found("10.0.0.1:80"), [("chain".to_owned(), first.to_owned())]);
    let round = [("loop".to_owned(), last.to_owned()), ("loop".to_owned(), first.to_owned())];
    assert_eq!(found("127.0.0.1:80"), round);
    assert_eq!(found("127.0.0.1:82"), [("chain".to_owned(), first.to_owned())]);
}

#[test]
fn what_a_host_knows_finds_loops_that_a_file_does_not_show() {
    let text = r#"
listeners.any = { bind = "0.0.0.0:80", protocol = "tcp", group = "app" }
listeners.free = { bind = "127.0.0.1:0", protocol = "tcp", group = "app" }
listeners.socket = { bind = "unix:/run/front.sock", protocol = "tcp", group = "app" }
listeners.names = { bind = "127.0.0.1:53", protocol = "udp", group = "dns" }
groups.dns.backends.x = { address = "10.0.0.9:53" }
groups.app.backends.a = { address = "10.0.0.1:80" }
groups.app.backends.b = { address = "127.0.0.1:4000" }
groups.app.backends.c = { address = "front.test:80" }
groups.app.backends.d = { address = "127.0.0.1:53" }
"#;
    let config = parse(text).expect("a valid text");
    assert_eq!(findings(&config), []);
    let here: IpAddr = [10, 0, 0, 1].into();
    let site = Site {
        bind: &|name| (name.as_str() == "free").then(|| Bind::Ip(([127, 0, 0, 1], 4_000).into())),
        address: &|host| (host == "front.test").then_some(here),
        is_local: &|address| address == here,
    };
    let subjects: Vec<_> = findings_at(&config, &site).into_iter().map(|finding| finding.subject).collect();
    assert_eq!(subjects, ["a", "b", "c"].map(|name| format!("groups.app.backends.{name}.address")));
    let socket =
        edited(&[("listeners.raw.bind", "unix:/run/p.sock"), ("groups.app.backends.a.address", "unix:/run/p.sock")]);
    assert_eq!(findings(&socket).into_iter().map(|finding| finding.code).collect::<Vec<_>>(), ["loop"]);
}

#[test]
fn s_05_protocols_that_a_balancer_cannot_follow_are_named_with_advice() {
    for (port, code) in [(21, "ftp"), (1720, "h323")] {
        let found = codes(&[("listeners.raw.bind", &format!("127.0.0.1:{port}"))]);
        assert_eq!(found, [(code.to_owned(), "listeners.raw.bind".to_owned())]);
    }
    let behind = [("groups.app.backends.a.address", "10.0.0.1:21")];
    assert_found(&behind, "ftp", "groups.app.backends.a.address");
    let udp = "{ bind = \"127.0.0.1:69\", protocol = \"udp\", group = \"app\" }";
    assert_found(&[("listeners.tftp", udp)], "tftp", "listeners.tftp.bind");
    let advice = findings(&edited(&[("listeners.raw.bind", "127.0.0.1:21")]));
    assert!(advice[0].remedy.contains("SFTP"), "{}", advice[0].remedy);
}

#[test]
fn s_05_sip_is_advised_to_keep_to_one_backend_by_hash() {
    let two = [("groups.app.backends.b", "{ address = \"10.0.0.2:80\" }"), ("listeners.raw.bind", "127.0.0.1:5060")];
    assert_found(&two, "sip", "listeners.raw.bind");
    assert_eq!(codes(&[two[0], two[1], ("groups.app.scheduler", "hash")]), []);
    assert_eq!(codes(&[two[0], two[1], ("listeners.raw.persistence", "source")]), []);
    assert_eq!(codes(&two[1..]), [], "a single backend gets every call");
}

#[test]
fn settings_of_http_on_a_tcp_listener_are_named() {
    let off = [("listeners.raw.forwarded_for", "off")];
    assert_found(&off, "setting-without-effect", "listeners.raw.forwarded_for");
    let silent = [("listeners.raw.response_timeout", "5s")];
    assert_found(&silent, "setting-without-effect", "listeners.raw.response_timeout");
}

#[test]
fn schedulers_that_persistence_keeps_from_their_work_are_named() {
    let (raw, source) = ("listeners.raw.persistence", ("listeners.raw.persistence", "source"));
    assert_found(&[("groups.app.scheduler", "p2c"), source], "p2c-with-persistence", raw);
    assert_found(&[("groups.app.scheduler", "hash"), source], "hash-with-persistence", raw);
    let cookie = ("listeners.web.persistence", "cookie-insert");
    assert_eq!(codes(&[("groups.app.scheduler", "hash"), cookie]), [], "a cookie knows clients behind one address");
    for scheduler in ["rr", "wrr"] {
        assert_eq!(codes(&[("groups.app.scheduler", scheduler), source]), []);
    }
    for scheduler in ["rr", "wrr", "wlc", "hash", "p2c"] {
        assert_eq!(codes(&[("groups.app.scheduler", scheduler)]), [], "{scheduler} alone is fine");
    }
}

#[test]
fn unequal_weights_are_as_configured() {
    for scheduler in ["wrr", "wlc", "hash", "p2c"] {
        let backend = ("groups.app.backends.b", "{ address = \"10.0.0.2:80\", weight = 5 }");
        assert_eq!(codes(&[("groups.app.scheduler", scheduler), backend]), []);
    }
}

#[test]
fn persistence_that_knows_few_clients_is_named() {
    let raw = "listeners.raw.persistence";
    let v4 = [(raw, "{ kind = \"source\", prefix_v4 = 7 }")];
    assert_found(&v4, "persistence-of-few", &format!("{raw}.prefix_v4"));
    let v6 = [(raw, "{ kind = \"source\", prefix_v6 = 8 }")];
    assert_found(&v6, "persistence-of-few", &format!("{raw}.prefix_v6"));
    let unix = [("listeners.raw.bind", "unix:/run/app.sock"), (raw, "source")];
    assert_found(&unix, "persistence-of-few", raw);
    let hash = [("listeners.raw.bind", "unix:/run/app.sock"), ("groups.app.scheduler", "hash")];
    assert_found(&hash, "hash-of-one", "listeners.raw");
    let named = [("listeners.raw.accept_proxy", "{ mode = \"required\", from = [\"10.0.0.0/8\"] }")];
    assert_eq!(codes(&[hash[0], hash[1], named[0]]), [], "a PROXY header tells who they are");
    assert_eq!(codes(&[(raw, "{ kind = \"source\", prefix_v4 = 24, prefix_v6 = 48 }")]), []);
}

#[test]
fn backups_and_slow_start_that_do_nothing_are_named() {
    assert_found(&[("groups.app.backends.a.backup", "true")], "backups-only", "groups.app");
    let mixed = [("groups.app.backends.a.backup", "true"), ("groups.app.backends.b", "{ address = \"10.0.0.2:80\" }")];
    assert_eq!(codes(&mixed), []);
    for scheduler in ["rr", "hash"] {
        let slow = [("groups.app.scheduler", scheduler), ("groups.app.slow_start", "30s")];
        assert_found(&slow, "setting-without-effect", "groups.app.slow_start");
    }
    assert_eq!(codes(&[("groups.app.slow_start", "30s")]), []);
}

#[test]
fn probes_that_come_without_the_header_that_clients_come_with_are_a_finding() {
    let (told, asks) = (("listeners.raw.client_address", "proxy-v2"), ("groups.app.health_check.protocol", "http"));
    let (path, code) = ("groups.app.health_check.proxy", "probe-without-header");
    assert_found(&[told, asks], code, path);
    assert_eq!(codes(&[told, asks, (path, "v2")]), []);
    assert_eq!(codes(&[told]), [], "a bare connection says nothing");
    let port = "groups.app.health_check.port";
    assert_found(&[told, asks, (port, "8080")], "check-elsewhere", port);
    assert_found(&[(path, "v1")], "setting-without-effect", path);
}

const ROUTED: &str = r#"
listeners.web.bind = "127.0.0.1:80"
listeners.web.protocol = "http"
listeners.web.group = "app"
groups.app.backends.a = { address = "10.0.0.1:80" }
groups.new.backends.a = { address = "10.0.0.2:80" }
listeners.web.routes.new.group = "new"
"#;

/// What is found on the listener of `ROUTED` with these routes.
fn routed(routes: &str) -> Vec<(String, String)> {
    let config = parse(&format!("{ROUTED}{routes}")).expect("a valid text");
    findings(&config).into_iter().map(|finding| (finding.code, finding.subject)).collect()
}

#[test]
fn a_route_that_another_takes_all_from_is_shadowed() {
    let narrow = r#"listeners.web.routes.shop = { group = "app", hosts = ["a.b", "x.a.b"], path_prefix = "/s" }"#;
    assert_eq!(routed(narrow), []);
    let shadowed = ("route-shadowed".to_owned(), "listeners.web.routes.shop".to_owned());
    for wide in [
        "priority = 1",
        r#"priority = 1, hosts = ["*.b"]"#,
        r#"priority = 1, hosts = ["*.a.b", "a.b"], path_prefix = "/""#,
        r#"hosts = ["a.b", "x.a.b"], path_prefix = "/s""#,
    ] {
        let wide = format!("{narrow}\nlisteners.web.routes.all = {{ group = \"app\", {wide} }}");
        assert!(routed(&wide).contains(&shadowed), "{wide}");
    }
    for part in [
        r#"priority = 1, hosts = ["*.a.b"]"#,
        r#"priority = 1, path_prefix = "/sh", hosts = ["*.b"]"#,
        r#"priority = 1, methods = ["GET"]"#,
        r#"priority = 1, headers = ["X-A"]"#,
        r#"priority = 1, path_regex = "/s""#,
    ] {
        assert_eq!(
            routed(&format!("{narrow}\nlisteners.web.routes.all = {{ group = \"app\", {part} }}")),
            [],
            "{part}"
        );
    }
}

#[test]
fn routes_that_only_their_names_keep_apart_overlap() {
    let both = |a: &str, b: &str| {
        routed(&format!(
            "listeners.web.routes.a = {{ group = \"app\", {a} }}\nlisteners.web.routes.b = {{ group = \"new\", {b} }}"
        ))
    };
    let overlap = [("routes-overlap".to_owned(), "listeners.web.routes.b".to_owned())];
    assert_eq!(both(r#"headers = ["X-A"]"#, r#"headers = ["X-B"]"#), overlap);
    assert_eq!(both(r#"methods = ["GET", "PUT"]"#, r#"methods = ["PUT", "POST"]"#), overlap);
    assert_eq!(both(r#"headers = ["X-A: 1"]"#, r#"headers = ["x-a: 2"]"#), []);
    assert_eq!(both(r#"headers = ["X-A"], path = "/a""#, r#"headers = ["X-B"], path = "/b""#), []);
    assert_eq!(both(r#"headers = ["X-A"], priority = 1"#, r#"headers = ["X-B"]"#), []);
}

#[test]
fn splits_without_weight_and_redirects_to_themselves_are_severe() {
    let severe = |key: &str, code: &str| [(code.to_owned(), format!("listeners.web.routes.r.{key}"))];
    let split = r#"listeners.web.routes.r = { path = "/r", split = ["app 0", "new 0"] }"#;
    assert_eq!(routed(split), severe("split", "split-without-weight"));
    let redirect =
        |rest: &str| routed(&format!("listeners.web.routes.r = {{ path_prefix = \"/r\", redirect = {{ {rest} }} }}"));
    let found = severe("redirect", "redirect-loop");
    assert_eq!(redirect(r#"to = "http""#), found);
    assert_eq!(redirect(r#"to = "same""#), found);
    assert_eq!(redirect(r#"to = "https""#), []);
    assert_eq!(redirect(r#"to = "http", port = 8080"#), []);
    assert_eq!(redirect(r#"to = "same", host = "x.y""#), []);
    assert_eq!(redirect(r#"to = "same", path = "/other""#), []);
}

#[test]
fn a_thousand_routes_are_all_judged() {
    let of_one_host = |at: usize| format!("path_prefix = \"/{at:03}\", priority = 1");
    let of_their_own = |at: usize| format!("hosts = [\"h{at:03}.b\"]");
    for each in [of_one_host as fn(usize) -> String, of_their_own] {
        let line = |at: usize| format!("listeners.web.routes.r{at:03} = {{ group = \"app\", {} }}\n", each(at));
        let routes: String = (0..998).map(line).collect();
        assert_eq!(routed(&routes), []);
        let last = format!("listeners.web.routes.z = {{ group = \"new\", {} }}\n", each(997));
        assert_eq!(routed(&(routes + &last)), [("route-shadowed".to_owned(), "listeners.web.routes.z".to_owned())]);
    }
}

#[test]
fn health_settings_that_change_nothing_or_hide_something_are_named() {
    let check = "groups.app.health_check";
    let late = [(check, "{ interval = \"20s\" }")];
    assert_found(&late, "late-detection", &format!("{check}.interval"));
    assert_eq!(codes(&[(check, "{ interval = \"20s\", fast_interval = \"2s\" }")]), []);
    assert_found(&[(check, "{ log = \"failures\" }")], "log-thinned", &format!("{check}.log"));
    assert_found(&[(check, "{ protocol = \"https\" }")], "check-unverified", &format!("{check}.protocol"));
    let effect = "setting-without-effect";
    assert_found(&[(check, "{ service = \"a.b\" }")], effect, &format!("{check}.service"));
    assert_found(&[(check, "{ protocol = \"http\", send = \"x\" }")], effect, &format!("{check}.send"));
    assert_found(&[("groups.app.fail_open", "{ below = 1 }")], effect, "groups.app.fail_open.below");
    assert_found(
        &[("groups.app.fail_open", "{ when = \"never\", use = \"reject\" }")],
        effect,
        "groups.app.fail_open.use",
    );
    let all = [("groups.app.fail_open", "{ when = \"below\", below = 2 }")];
    assert_found(&all, "always-fail-open", "groups.app.fail_open.below");
    assert_found(&[("groups.app.min_usable", "\"100%\"")], "never-down", "groups.app.min_usable");
    let nothing = "{ mode = \"on\", connect_errors = 0, server_errors = 0, timeouts = 0 }";
    assert_found(&[("groups.app.passive", nothing)], effect, "groups.app.passive.mode");
}
