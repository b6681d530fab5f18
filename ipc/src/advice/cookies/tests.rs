//! Advice on cookies, as configuration texts would get it.

use crate::advice::findings;
use crate::text::parse;

/// The codes and subjects of the findings on a configuration whose listener `web` has these lines.
fn told(lines: &str) -> Vec<String> {
    told_at("http", lines)
}

fn told_at(protocol: &str, lines: &str) -> Vec<String> {
    let backends = "backends.b = { address = \"10.0.0.1:80\" }";
    let text = format!(
        "[listeners.web]\nbind = \"127.0.0.1:80\"\nprotocol = \"{protocol}\"\ngroup = \"app\"\n{lines}\n\
         [groups.app]\n{backends}\n[groups.shop]\n{backends}\n[listeners.tcp]\nbind = \"127.0.0.1:81\"\n\
         protocol = \"tcp\"\ngroup = \"shop\"\n"
    );
    let config = parse(&text).unwrap_or_else(|faults| panic!("{faults:?}"));
    let cookies = |code: &str| code.starts_with("cookie-") || code.starts_with("persistence-short");
    let found = findings(&config).into_iter().filter(|finding| cookies(&finding.code));
    found.map(|finding| format!("{} {}", finding.code, finding.subject.replace("listeners.web.", ""))).collect()
}

fn persistence(keys: &str) -> String {
    format!("persistence = {{ kind = \"cookie-insert\"{keys} }}")
}

#[test]
fn a_plain_cookie_is_no_finding() {
    assert_eq!(told(&persistence("")), [""; 0]);
    assert_eq!(told(&persistence(", idle = \"10m\", life = \"8h\", same_site = \"lax\"")), [""; 0]);
}

#[test]
fn times_that_end_it_early_are_named() {
    assert_eq!(told(&persistence(", idle = \"30s\"")), ["persistence-short persistence.idle"]);
    assert_eq!(told(&persistence(", life = \"59s\"")), ["persistence-short persistence.life"]);
    assert_eq!(told(&persistence(", timeout = \"10m\", idle = \"11m\"")), ["cookie-dropped-early persistence.idle"]);
}

#[test]
fn attributes_that_browsers_refuse_are_named() {
    assert_eq!(told(&persistence(", same_site = \"none\"")), ["cookie-refused persistence.same_site"]);
    assert_eq!(told(&persistence(", secure = \"on\"")), ["cookie-secure-on-http persistence.secure"]);
    assert_eq!(told(&persistence(", cookie = \"__Host-S\"")), ["cookie-refused persistence.cookie"]);
}

#[test]
fn routes_to_other_backends_need_a_cookie_of_their_own_where_a_client_can_meet_both() {
    let route = |keys: &str| format!("{}\nroutes.shop = {{ group = \"shop\", {keys} }}", persistence(""));
    let rivals = ["cookie-of-two-groups routes.shop.persistence"];
    assert_eq!(told(&route("path_prefix = \"/shop\"")), rivals, "inherited");
    assert_eq!(told(&route("path_prefix = \"/shop\", persistence = \"cookie-insert\"")), rivals);
    assert_eq!(told(&route("path_prefix = \"/shop\", persistence = \"off\"")), [""; 0]);
    let own = "path_prefix = \"/shop\", persistence = { kind = \"cookie-insert\", ";
    assert_eq!(told(&route(&format!("{own}cookie = \"SHOP\" }}"))), [""; 0]);
    assert_eq!(told(&route(&format!("{own}path = \"/shop\" }}"))), [""; 0]);
    let to_the_same = format!("{}\nroutes.shop = {{ group = \"app\", path_prefix = \"/shop\" }}", persistence(""));
    assert_eq!(told(&to_the_same), [""; 0]);
}

#[test]
fn routes_of_different_hosts_may_share_a_name() {
    let two = |a: &str, b: &str| {
        let keys = "persistence = \"cookie-insert\"";
        told(&format!(
            "routes.a = {{ group = \"app\", hosts = [\"{a}\"], {keys} }}\nroutes.b = {{ group = \"shop\", hosts = [\"{b}\"], {keys} }}"
        ))
    };
    assert_eq!(two("a.example.com", "b.example.com"), [""; 0]);
    let rivals = ["cookie-of-two-groups routes.b.persistence"];
    assert_eq!(two("a.example.com", "a.example.com"), rivals);
    assert_eq!(two("*.example.com", "a.example.com"), rivals);
    assert_eq!(two("*.b.example.com", "*.example.com"), rivals);
    assert_eq!(two("*.xample.com", "a.example.com"), [""; 0]);
}

#[test]
fn listeners_of_one_address_share_the_cookies_of_browsers() {
    let other = |keys: &str| {
        format!(
            "{}\n[listeners.alt]\nbind = \"127.0.0.1:8080\"\nprotocol = \"http\"\n{keys}\npersistence = \"cookie-insert\"",
            persistence("")
        )
    };
    assert_eq!(told(&other("group = \"shop\"")), ["cookie-of-two-listeners persistence.cookie"]);
    assert_eq!(told(&other("group = \"app\"")), [""; 0]);
}
