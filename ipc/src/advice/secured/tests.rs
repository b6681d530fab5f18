//! TLS that does nothing, and hosts that get a certificate of others.

use super::*;
use crate::advice::findings;
use crate::text::parse;

const SITE: &str = "[certificates.site]\nchain = \"/c\"\nkey = \"/k\"\n\
    [certificates.shop]\nchain = \"/c\"\nkey = \"/k\"\n";

/// Code, subject and severity of what is found in a text.
fn found(text: &str) -> Vec<(String, String, Severity)> {
    let findings = findings(&parse(text).expect("a valid text"));
    findings.into_iter().map(|finding| (finding.code, finding.subject, finding.severity)).collect()
}

fn group(protocol: &str, more: &str) -> String {
    format!(
        "listeners.front = {{ bind = \"127.0.0.1:80\", protocol = \"{protocol}\", group = \"app\" }}\n\
        [groups.app]\n{more}\nbackends.a = {{ address = \"10.0.0.1:80\" }}\n"
    )
}

#[test]
fn tls_to_backends_does_nothing_for_listeners_that_pass_bytes_on() {
    let insecure = "tls = { mode = \"insecure\" }";
    let passed_by = |severity| [("tls-passed-by".to_owned(), "groups.app.tls.mode".to_owned(), severity)];
    assert_eq!(found(&group("tcp", insecure)), passed_by(Severity::Note), "health checks speak it");
    assert_eq!(found(&group("http", insecure)), []);
    let unchecked = found(&group("tcp", &format!("health_check = \"off\"\n{insecure}")));
    assert!(unchecked.contains(&passed_by(Severity::Warning)[0]), "{unchecked:?}");
    let web = "listeners.web = { bind = \"127.0.0.1:81\", protocol = \"http\", group = \"app\" }\n";
    assert_eq!(found(&(web.to_owned() + &group("tcp", insecure))), [], "one of them speaks it");
}

#[test]
fn settings_beside_another_mode_do_nothing() {
    let idle = |path: &str| ("setting-without-effect".to_owned(), path.to_owned(), Severity::Note);
    let off = found(&group("http", "tls = { ca = \"/ca\", name = \"a.test\" }"));
    assert_eq!(off, [idle("groups.app.tls.ca"), idle("groups.app.tls.name")]);
    let insecure = found(&group("http", "tls = { mode = \"insecure\", ca = \"/ca\", name = \"a.test\" }"));
    assert_eq!(insecure, [idle("groups.app.tls.ca")], "a name is asked for");
    assert_eq!(found(&group("http", "tls = { mode = \"verify\", ca = \"/ca\", name = \"a.test\" }")), []);
}

fn secured(more: &str, routes: &str) -> String {
    format!(
        "{SITE}[listeners.front]\nbind = \"127.0.0.1:443\"\nprotocol = \"https\"\ngroup = \"app\"\n\
        tls = {{ certificates = [\"site\", \"shop\"]{more} }}\n{routes}\
        [groups.app.backends]\na = {{ address = \"10.0.0.1:80\" }}\n"
    )
}

#[test]
fn certificates_that_nobody_gets_are_told() {
    assert_eq!(found(&secured("", "")), []);
    let unused = [("certificate-unused".to_owned(), "certificates.shop".to_owned(), Severity::Note)];
    assert_eq!(found(&secured("", "").replace("[\"site\", \"shop\"]", "[\"site\"]")), unused);
}

fn status(name: &str, names: &[&str]) -> CertificateStatus {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateStatus {
        name: name.parse().expect("a name"),
        chain: String::new(),
        facts: Some(CertificateFacts { names, ..CertificateFacts::default() }),
        days_left: Some(99),
        loaded_ms: 0,
        error: None,
        listeners: Vec::new(),
        notes: Vec::new(),
    }
}

/// What is said of a route for these hosts.
fn said(more: &str, hosts: &str, certificates: &[CertificateStatus]) -> Vec<String> {
    let text = secured(more, &format!("[listeners.front.routes.r]\nhosts = [{hosts}]\ngroup = \"app\"\n"));
    let found = uncovered(&parse(&text).expect("a valid text"), certificates);
    assert!(found.iter().all(|finding| finding.subject == "listeners.front.routes.r.hosts"), "{found:?}");
    found.into_iter().map(|finding| finding.message).collect()
}

#[test]
fn a_host_that_no_certificate_speaks_for_is_told_with_the_one_that_its_clients_get() {
    let certificates = [status("site", &["site.test", "10.0.0.1"]), status("shop", &["*.shop.test", "10.0.0.2"])];
    for covered in ["site.test", "SITE.test", "a.shop.test", "*.shop.test", "10.0.0.1"] {
        assert_eq!(said("", &format!("\"{covered}\""), &certificates), [""; 0], "{covered}");
    }
    for missed in ["a.site.test", "shop.test", "a.b.shop.test", "*.site.test", "*.a.shop.test", "10.0.0.2", "10.0.0.3"]
    {
        let expected = format!("no certificate of the listener speaks for {missed}: clients get site and refuse it");
        assert_eq!(said("", &format!("\"{missed}\""), &certificates), [expected]);
    }
    let many = said(", unknown_name = \"reject\"", "\"a.x\", \"site.test\", \"b.x\", \"c.x\", \"d.x\"", &certificates);
    let expected = "no certificate of the listener speaks for a.x, b.x, c.x and 1 more: clients are turned away";
    assert_eq!(many, [expected]);
}

#[test]
fn nothing_is_said_of_hosts_while_a_certificate_cannot_be_read() {
    let unread = CertificateStatus { facts: None, ..status("shop", &[]) };
    assert_eq!(said("", "\"a.test\"", &[status("site", &["site.test"]), unread]), [""; 0]);
}
