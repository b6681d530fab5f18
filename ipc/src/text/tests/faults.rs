//! Faults of a text: all at once, each with path, value, range, hint, line and column.

use crate::fault::Fault;
use crate::text::parse;

fn faults(text: &str) -> Vec<String> {
    parse(text).expect_err("the text has faults").iter().map(Fault::to_string).collect()
}

#[test]
fn every_fault_of_a_text_is_told_at_once_and_in_its_order() {
    let text = r#"
[listeners.web]
bind = "0.0.0.0"
protocol = "htp"
group = "ap"
[groups.app]
schedular = "wrr"
health_check = { protocol = "http", interval = 2, fall = 0 }
[groups.app.backends]
app-1 = { address = "10.0.0.1", weight = 1001 }
"ä b" = { weight = "50" }
"#;
    assert_eq!(
        faults(text),
        [
            "3:8: listeners.web.bind: \"0.0.0.0\" has no port; allowed: address:port, as in 0.0.0.0:80 or [::]:80 (port 0: the kernel chooses), or unix:/path; write \"0.0.0.0:8080\"",
            "4:12: listeners.web.protocol: \"htp\" is not known here; allowed: tcp, http, udp, https; did you mean \"http\"?",
            "5:9: listeners.web.group: no group ap; did you mean app?",
            "7:1: groups.app.schedular: no such key; allowed: scheduler, health_check, fail_open, slow_start, queue_max, queue_timeout, backend_protocol, tls, min_usable, damping, passive, backends; did you mean scheduler?",
            "8:48: groups.app.health_check.interval: the number 2 stands where a duration is due; allowed: 100ms to 1h; write \"2s\"",
            "8:58: groups.app.health_check.fall: 0 is out of range; allowed: 1 to 100",
            "10:21: groups.app.backends.app-1.address: \"10.0.0.1\" has no port; allowed: address:port, as in 127.0.0.1:8080 or [::1]:8080, name:port, or unix:/path; write \"10.0.0.1:8080\"",
            "10:42: groups.app.backends.app-1.weight: 1001 is out of range; allowed: 0 to 1000",
            "11:1: groups.app.backends.\"ä b\": a name is letters, digits, `_` and `-`, and starts with a letter or digit; found 'ä' at 1",
            "11:9: groups.app.backends.\"ä b\".address: a backend needs this; allowed: address:port, as in 127.0.0.1:8080 or [::1]:8080, name:port, or unix:/path",
            "11:20: groups.app.backends.\"ä b\".weight: \"50\" stands where a whole number is due; allowed: 0 to 1000; write 50",
        ]
    );
}

#[test]
fn columns_count_characters() {
    let text = "# äöü\ngroups.a.backends.b = { address = \"1.1.1.1:1\" } # ü\n\"ñandú\" = 1";
    assert_eq!(faults(text), ["3:1: \"ñandú\": no such key; allowed: listeners, groups, certificates"]);
    assert_eq!(faults("groups = { \"é\" = {}, gröups = 1 }").len(), 1);
}

#[test]
fn broken_toml_is_told_without_noise() {
    assert_eq!(faults("[groups.app"), ["1:12: unclosed table, expected `]`"]);
    assert_eq!(faults("ä = 1"), ["1:1: invalid unquoted key, expected letters, numbers, `-`, `_`: \"ä\""]);
    let found = faults("[groups.app]\nscheduler = wrr\n[listeners\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], "2:13: string values must be quoted, expected literal string: \"wrr\"");
}

#[test]
fn a_key_given_twice_is_a_fault_beside_all_others() {
    let text = "[groups.app]\nscheduler = \"rr\"\nscheduler = \"wrr\"\nfail_open = \"maybe\"\n";
    assert_eq!(
        faults(text),
        [
            "3:1: duplicate key: \"scheduler\"",
            "4:13: groups.app.fail_open: \"maybe\" is not known here; allowed: all-down, never, below",
        ]
    );
}

#[test]
fn wrong_types_are_named() {
    assert_eq!(faults("groups = 1"), ["1:10: groups: the number 1 stands where a table of names is due"]);
    assert_eq!(faults("[[groups]]"), ["1:1: groups: a list stands where a table of names is due"]);
    assert_eq!(faults("groups.a = true"), ["1:12: groups.a: true stands where the table of a group is due"]);
    let check = faults("groups.a.health_check = 5");
    assert_eq!(
        check,
        [
            "1:25: groups.a.health_check: the number 5 stands where a table or one of off, tcp, http, udp, https, grpc is due"
        ]
    );
}

#[test]
fn what_does_not_work_together_is_a_fault() {
    let found = |listener: &str| {
        let group = "groups.a.backends.b = { address = \"unix:/run/b\" }";
        faults(&format!("{group}\nlisteners.l = {{ bind = \"1.1.1.1:1\", group = \"a\", {listener} }}")).join("\n")
    };
    assert!(found("protocol = \"udp\"").ends_with("takes no datagrams; use another group"));
    let proxied = found("protocol = \"tcp\", accept_proxy = \"required\"");
    assert!(proxied.contains("accept_proxy.from: nobody would be believed"), "{proxied}");
    let named = found("protocol = \"http\", client_address = \"proxy-v2\"");
    assert!(named.contains("client_address: proxy-v2 does not work on a listener of protocol http"), "{named}");
    let twice = found("protocol = \"tcp\", access = { deny = [\"10.0.0.0/8\", \"10.0.0.0/8 again\"] }");
    assert!(twice.ends_with("10.0.0.0/8 stands there twice; remove one of them"), "{twice}");
    let bits = found("protocol = \"tcp\", access = { deny = [\"10.0.0.1/8\"] }");
    assert!(bits.ends_with("write \"10.0.0.0/8\""), "{bits}");
    let band = found("protocol = \"tcp\", limits = { bandwidth_in = \"10\" }");
    assert!(band.contains("limits.bandwidth_in: \"10\" is no bandwidth"), "{band}");
}

#[test]
fn health_settings_that_do_not_fit_together_are_faults() {
    let found = |group: &str| faults(&format!("groups.a = {{ {group} }}"));
    let body = found("health_check = { protocol = \"http\", receive = \"ok\" }");
    assert!(body[0].ends_with("answers to HEAD have no body; use method = \"GET\""), "{body:?}");
    let whole = "groups.a.health_check = { protocol = \"http\", method = \"GET\", receive = '\"ok\"' }";
    assert_eq!(parse(whole).map(|_| ()), Ok(()));
    let regex = found("health_check = { protocol = \"tcp\", receive_regex = \"a(\" }");
    assert!(regex[0].contains("receive_regex: a( is no regular expression"), "{regex:?}");
    let field = found("health_check = { protocol = \"http\", headers = [\"Host: a\"] }");
    assert!(field[0].contains("probes write \"Host\" themselves"), "{field:?}");
    let reuse = found("damping = { mode = \"on\", suppress = 500, reuse = 500 }");
    assert!(reuse[0].contains("allowed: below suppress, which is 500"), "{reuse:?}");
    let short = found("passive = { ejection = \"10m\" }");
    assert!(short[0].contains("passive.ejection_max: shorter than the first ejection"), "{short:?}");
    for amount in ["10001", "\"101%\"", "\"half\""] {
        let amount = found(&format!("min_usable = {amount}"));
        assert!(amount[0].contains("allowed: a number of backends up to 10000"), "{amount:?}");
    }
}

#[test]
fn tcp_and_udp_may_share_a_port_but_a_dual_listener_takes_both_families() {
    let found = |first: &str, second: &str| {
        faults(&format!(
            "groups.a = {{}}\n[listeners]\na = {{ group = \"a\", {first} }}\nb = {{ group = \"a\", {second} }}"
        ))
    };
    let text = "groups.a = {}\nlisteners.t = { bind = \"1.1.1.1:1\", protocol = \"tcp\", group = \"a\" }
listeners.u = { bind = \"1.1.1.1:1\", protocol = \"udp\", group = \"a\" }";
    assert_eq!(parse(text).map(|_| ()), Ok(()));
    let dual = "bind = \"[::]:80\", protocol = \"tcp\", dual_stack = true";
    let v4 = "bind = \"0.0.0.0:80\", protocol = \"http\"";
    let faults = found(dual, v4);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("overlaps [::]:80 of listener a"), "{faults:?}");
}

#[test]
fn too_long_a_text_is_refused_unread() {
    let found = faults(&"#".repeat(crate::limits::CONFIG_LEN_MAX + 1));
    assert_eq!(found, ["1:1: a configuration of 4194305 bytes; allowed: up to 4194304 bytes"]);
}

#[test]
fn faults_beyond_the_limit_are_counted() {
    let text = (0..1_500).map(|n| format!("key-{n} = 1")).collect::<Vec<_>>().join("\n");
    let found = faults(&text);
    assert_eq!(found.len(), 1_001);
    assert_eq!(found[1_000], "1:1: 500 more faults are not listed");
}

#[test]
fn of_a_long_text_that_is_no_toml_the_first_error_is_told() {
    let torn = format!("{}=\n=\n", "#\n".repeat(200_000));
    assert_eq!(faults(&torn).len(), 1);
    let twice = format!("{}groups = {{}}\ngroups = {{}}\n", "#\n".repeat(200_000));
    assert_eq!(faults(&twice), ["200002:1: duplicate key: \"groups\""]);
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(&deep).is_err());
    assert!(parse(&format!("{}x = 1", "a.".repeat(10_000))).is_err());
}
