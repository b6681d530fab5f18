//! Routes, redirects, certificates and sizes as texts: what they may be, and what is said otherwise.

use crate::fault::Fault;
use crate::model::{ByteSize, HeaderEdit, HeaderMatch, HostPattern, MethodName, RedirectStatus, ReplyRule, Share};
use crate::text::items::Item;
use crate::text::value::{Kind, Value};
use crate::text::{parse, value_of};
use crate::{apply, edit::Edit, limits};

const ROUTED: &str = r#"
[certificates.site]
chain = "/etc/poise/site.pem"
key = "/etc/poise/site.key"
[listeners.web]
bind = "0.0.0.0:443"
protocol = "https"
tls = { certificates = "site" }
[listeners.web.routes.shop]
hosts = ["shop.example.com", "*.shop.example.com"]
path_regex = '/v\d+/.*'
split = ["blue 90", "green 10"]
response_headers = ["set Link: </a>; rel=\"next\"", "remove Server"]
[listeners.plain]
bind = "0.0.0.0:80"
protocol = "http"
redirect = "https"
[groups.blue]
[groups.green]
"#;

fn read<V: Value>(text: &str, kind: &Kind) -> Result<V, Fault> {
    V::read(value_of(text).expect("a value").get_ref(), kind)
}

fn list<T: Item>(text: &str) -> Result<Vec<T>, Fault> {
    read(text, &Kind::items::<T>())
}

fn faults(text: &str) -> Vec<String> {
    parse(text).expect_err("faults").iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect()
}

fn changed(path: &str, value: &str) -> Vec<String> {
    let config = parse(ROUTED).expect("a valid configuration");
    let Err(faults) = apply::apply(&config, &[Edit::set(path, value)]) else { return Vec::new() };
    faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect()
}

#[test]
fn a_routed_configuration_reads_and_its_values_are_found_by_path() {
    let config = parse(ROUTED).expect("a valid configuration");
    let get = |path| apply::get(&config, path);
    assert_eq!(get("listeners.web.routes.shop.path_regex").as_deref(), Some(r"/v\d+/.*"));
    assert_eq!(get("listeners.web.routes.shop.split").as_deref(), Some(r#"["blue 90", "green 10"]"#));
    assert_eq!(get("certificates.site.key").as_deref(), Some("/etc/poise/site.key"));
    assert_eq!(get("listeners.plain.redirect.to").as_deref(), Some("https"));
    assert_eq!(get("listeners.plain.redirect.status").as_deref(), Some("301"));
}

#[test]
fn hosts_are_names_or_all_names_below_one() {
    let hosts = |text| list::<HostPattern>(text).map(|hosts| hosts.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(
        hosts(r#"["[2001:DB8:0::1]", "0:0:0:0:0:0:0:1"]"#).expect("addresses"),
        ["2001:db8::1", "::1"],
        "one spelling for each address"
    );
    assert!(hosts(r#"["::1", "[0::1]"]"#).is_err(), "they are one host");
    assert!(hosts(r#"["*.::1"]"#).is_err() && hosts(r#"["%61.b"]"#).is_err());
    assert_eq!(
        hosts(r#"["Shop.Example.com", "*.example.com"]"#),
        Ok(vec!["shop.example.com".into(), "*.example.com".into()])
    );
    assert_eq!(hosts("10.0.0.1"), Ok(vec!["10.0.0.1".into()]));
    for text in ["*", "*.", "a*.b", "a..b", "-a.b", "a.b:80", "a b", "ä.b", ".a", "*.*.a"] {
        assert!(hosts(text).is_err(), "{text}");
    }
    assert!(hosts(r#"["a.b", "A.b"]"#).is_err_and(|fault| fault.message.contains("twice")));
}

#[test]
fn methods_and_headers_are_tokens() {
    assert!(list::<MethodName>(r#"["GET", "M-SEARCH"]"#).is_ok());
    assert!(list::<MethodName>("get").is_err_and(|fault| fault.hint.as_deref() == Some("write \"GET\"")));
    for text in ["X-A", "X-A: b c", "X-A:b"] {
        assert!(list::<HeaderMatch>(text).is_ok(), "{text}");
    }
    for text in ["X A", ": b", "X-A: ", "\"X-A: a\\tb\"", "X-Ä: b"] {
        assert!(list::<HeaderMatch>(text).is_err(), "{text}");
    }
}

#[test]
fn fields_of_the_framing_and_of_one_hop_are_never_edited() {
    assert!(list::<HeaderEdit>(r#"["set X-A: b", "add X-B: c", "add X-B: d", "remove X-C"]"#).is_ok());
    for name in ["Content-Length", "transfer-encoding", "Connection", "Host", "TE", "Upgrade", "Via"] {
        let fault = list::<HeaderEdit>(&format!("remove {name}")).expect_err("a fault");
        assert!(fault.message.contains("poised itself"), "{fault:?}");
    }
    for text in ["X-A: b", "set X-A", "put X-A: b", "remove", "remove X-A: b"] {
        assert!(list::<HeaderEdit>(text).is_err(), "{text}");
    }
    assert!(list::<HeaderEdit>(r#"["set X-A: b", "remove x-a"]"#).is_err());
}

#[test]
fn shares_replies_sizes_and_redirects_keep_to_their_ranges() {
    assert!(list::<Share>(r#"["blue 0", "green 1000"]"#).is_ok());
    for text in ["blue", "blue 1001", "blue -1", "b! 1"] {
        assert!(list::<Share>(text).is_err(), "{text}");
    }
    assert!(list::<ReplyRule>("no-route /etc/404.html").is_ok());
    assert!(
        list::<ReplyRule>("no-rout /a").is_err_and(|fault| fault.hint.as_deref() == Some("did you mean no-route?"))
    );
    assert!(list::<ReplyRule>("client-closed /a").is_err());
    let size = |text| read::<ByteSize>(text, &Kind::Size(limits::BODY_BYTES)).map(|size| size.to_string());
    assert_eq!(size("1.5MiB"), Ok("1536KiB".to_owned()));
    assert_eq!(size("10 GiB"), Ok("10GiB".to_owned()));
    assert!(size("0B").is_err() && size("10").is_err() && size("10MB").is_err());
    let status = |text| read::<RedirectStatus>(text, &Kind::RedirectStatus).map(|status| status.0);
    assert_eq!((status("308"), status("\"302\"")), (Ok(308), Ok(302)));
    assert!(status("303").is_err() && status("true").is_err());
}

#[test]
fn a_listener_of_requests_needs_somewhere_to_send_them() {
    let bare = "[listeners.web]\nbind = \"0.0.0.0:80\"\nprotocol = \"http\"\n";
    assert_eq!(faults(bare), ["listeners.web.group: a listener needs a group, routes or a redirect"]);
    let tcp = "[listeners.web]\nbind = \"0.0.0.0:80\"\nprotocol = \"tcp\"\n";
    assert_eq!(faults(tcp), ["listeners.web.group: a listener of protocol tcp needs this"]);
    assert_eq!(
        changed("listeners.plain.redirect.to", "off"),
        ["listeners.plain.group: a listener needs a group, routes or a redirect"]
    );
}

#[test]
fn a_route_takes_one_path_and_leads_to_one_place() {
    let route = |value| changed("listeners.web.routes.new", value);
    assert_eq!(route("{ group = \"blue\" }"), [""; 0]);
    assert_eq!(route("{}"), ["listeners.web.routes.new.group: a route needs a group, a split or a redirect"]);
    assert_eq!(route("{ group = \"bleu\" }"), ["listeners.web.routes.new.group: no group bleu"]);
    assert_eq!(
        route("{ group = \"blue\", redirect = \"https\" }"),
        ["listeners.web.routes.new.redirect: stands beside group"]
    );
    assert_eq!(
        route("{ group = \"blue\", path = \"/a\", path_prefix = \"/b\" }"),
        ["listeners.web.routes.new.path_prefix: stands beside path"]
    );
    assert_eq!(
        route("{ group = \"blue\", persistence = \"source\" }"),
        ["listeners.web.routes.new.persistence.kind: source does not work on a route"]
    );
    assert_eq!(changed("listeners.plain.persistence", "inherit").len(), 1);
}

#[test]
fn expressions_compile_and_fields_fit_before_anything_is_committed() {
    let regex = |pattern| changed("listeners.web.routes.shop.path_regex", pattern);
    assert_eq!(regex("/(a|b)/.*"), [""; 0]);
    assert!(regex("/(a").concat().contains("is no regular expression: unclosed group"), "{:?}", regex("/(a"));
    assert!(regex("/(a{1000}){1000}").concat().contains("too large"));
    let long = format!("[\"set X-A: {}\", \"set X-B: {}\"]", "a".repeat(1_020), "b".repeat(1_024));
    assert!(changed("listeners.web.routes.shop.response_headers", &long).concat().contains("2058 bytes of fields"));
}

#[test]
fn the_id_of_a_request_takes_no_field_that_poised_writes() {
    assert_eq!(
        changed("listeners.web.access_log.id_header", "content-length"),
        ["listeners.web.access_log.id_header: poised writes this field itself"]
    );
    assert_eq!(changed("listeners.web.access_log.id_header", "X-Trace"), [""; 0]);
}

#[test]
fn https_needs_certificates_that_are_there() {
    assert_eq!(
        changed("listeners.web.tls.certificates", "[]"),
        ["listeners.web.tls.certificates: an https listener needs a certificate"]
    );
    assert_eq!(
        changed("listeners.web.tls.certificates", "sites"),
        ["listeners.web.tls.certificates: no certificate sites"]
    );
    let config = parse(ROUTED).expect("a valid configuration");
    assert!(apply::apply(&config, &[Edit::remove("certificates.site")]).is_err());
}
