//! Certificates as operators meet them: refused when they cannot be used, shown with their days.

use poise_ipc::message::{CertificateEvent, ErrorCode, Reply, Verb};
use poise_ipc::status::TlsFailure;

use super::{address, config, failures, plain, started};
use crate::process::{Place, command, run, set};
use crate::secured::{Client, NOW, Shelf, leaf_of};

fn site() -> Shelf {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test"], NOW);
    shelf
}

#[test]
fn a_commit_that_names_a_bad_certificate_is_refused_and_changes_nothing() {
    let (shelf, backend) = (site(), plain());
    shelf.put("other", &["other.test"], NOW);
    shelf.put("old", &["site.test"], (2020, 2024));
    shelf.put("young", &["site.test"], (2198, 2199));
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let before = Client::new().certificate(address(&daemon), "site.test");
    let path = |file: &str| format!("\"{}\"", shelf.path(file).display());
    for (setting, file, said) in [
        ("key", "other.key", "is not that of the first certificate"),
        ("chain", "old.pem", "has expired on 2024-12-31"),
        ("chain", "young.pem", "is not valid before 2198-01-01"),
        ("chain", "nowhere.pem", "No such file"),
        ("chain", "site.key", "holds no certificate"),
    ] {
        let keys = if file == "old.pem" { Some("old.key") } else { (file == "young.pem").then_some("young.key") };
        let mut edits = vec![(format!("certificates.site.{setting}"), path(file))];
        edits.extend(keys.map(|key| ("certificates.site.key".to_owned(), path(key))));
        let error = daemon.ask(crate::process::set_all(&edits)).expect_err("it cannot be used");
        assert_eq!(error.code, ErrorCode::Invalid);
        assert!(error.message.contains(said), "{file}: {}", error.message);
        assert_eq!(error.faults[0].path, format!("certificates.site.{setting}"));
        assert!(error.faults[0].hint.is_some());
        assert_eq!(daemon.status().revision, 1, "{file}");
        assert_eq!(Client::new().certificate(address(&daemon), "site.test"), before, "{file}");
    }
}

#[test]
fn what_is_in_use_survives_its_files_and_other_edits_do_not_ask_for_them() {
    let (shelf, backend) = (site(), plain());
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let before = Client::new().certificate(address(&daemon), "site.test");
    std::fs::remove_file(shelf.path("site.pem")).expect("it was there");
    daemon.ask(set("groups.app.backends.one.weight", "7")).expect("no business of certificates");
    assert_eq!(Client::new().certificate(address(&daemon), "site.test"), before);
    let error = daemon.ask(Verb::CertificatesReload { name: None }).expect_err("it has gone");
    assert!(error.message.contains("No such file"), "{}", error.message);
    let status = daemon.status().certificates.remove(0);
    assert!(status.error.is_some_and(|error| error.contains("No such file")) && status.facts.is_some());
    assert_eq!(Client::new().certificate(address(&daemon), "site.test"), before);
}

#[test]
fn a_restart_without_the_files_serves_everything_else_and_says_why() {
    let (shelf, backend) = (site(), plain());
    let plain_too = "[listeners.plain]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n";
    let place = Place::new(&(config(&shelf, &["site"], "", &backend) + plain_too));
    place.start().kill();
    std::fs::remove_file(shelf.path("site.key")).expect("it was there");
    let daemon = place.start();
    let status = daemon.status();
    assert!(status.listeners.iter().all(|listener| listener.bind.ip().is_some()));
    let finding = status.findings.iter().find(|finding| finding.code == "certificate-unusable").expect("a finding");
    assert!(finding.message.contains("No such file"), "{}", finding.message);
    Client::new().connect(address(&daemon), "site.test").expect_err("there is no certificate");
    daemon.ask(set("groups.app.backends.one.weight", "7")).expect("no business of certificates");
    assert_eq!(failures(&daemon, TlsFailure::NoCertificate), 1);
    shelf.put("site", &["site.test"], NOW);
    daemon.ask(Verb::CertificatesReload { name: None }).expect("the files are back");
    Client::new().connect(address(&daemon), "site.test").expect("there is a certificate");
    assert!(daemon.status().findings.iter().all(|finding| finding.code != "certificate-unusable"));
}

#[test]
fn days_names_and_users_of_a_certificate_are_shown_and_its_end_is_told() {
    let (shelf, backend) = (site(), plain());
    shelf.put_for_days("soon", &["soon.test"], 6);
    let (_place, daemon) = started(&shelf, &["site", "soon"], "", &backend);
    let status = daemon.status();
    let soon = status.certificates.iter().find(|certificate| certificate.name.as_str() == "soon").expect("configured");
    let facts = soon.facts.as_ref().expect("it was read");
    assert_eq!((facts.names.as_slice(), facts.issuer.as_str()), (&["soon.test".to_owned()][..], "Test Authority"));
    assert_eq!((facts.key_type.as_str(), soon.listeners[0].as_str()), ("ECDSA P-256", "front"));
    assert!(matches!(soon.days_left, Some(5 | 6)), "{:?}", soon.days_left);
    let finding = status.findings.iter().find(|finding| finding.subject == "certificates.soon").expect("a finding");
    assert_eq!(finding.code, "certificate-expires");
    shelf.put_for_days("soon", &["soon.test"], 1);
    let mut events = daemon.subscribe();
    let reloaded = daemon.ask(Verb::CertificatesReload { name: Some("soon".parse().expect("a name")) });
    let Ok(Reply::CertificatesReloaded { certificates, changed: 1 }) = reloaded else { panic!("{reloaded:?}") };
    assert_eq!(certificates.len(), 1);
    assert_eq!(events.certificate().what, CertificateEvent::Loaded);
    assert_eq!(events.certificate().what, CertificateEvent::Expiring);
}

#[test]
fn a_file_with_a_bad_certificate_is_found_by_the_check_and_stops_a_first_start() {
    let (shelf, backend) = (site(), plain());
    shelf.put("other", &["other.test"], NOW);
    std::fs::copy(shelf.path("other.key"), shelf.path("site.key")).expect("both are there");
    let place = Place::new(&config(&shelf, &["site"], "", &backend));
    let checked = run(command().arg("--check").arg(place.file()));
    assert_eq!(checked.code, Some(7), "{}", checked.said);
    assert!(checked.said.contains("certificates.site.key: the key of"), "{}", checked.said);
    let started = run(&mut place.command());
    assert_ne!(started.code, Some(0));
    assert!(started.said.contains("is not that of the first certificate"), "{}", started.said);
}

#[test]
fn a_reload_is_all_or_nothing() {
    let (shelf, backend) = (site(), plain());
    shelf.put("shop", &["shop.test"], NOW);
    let (_place, daemon) = started(&shelf, &["site", "shop"], "", &backend);
    let before = Client::new().certificate(address(&daemon), "site.test");
    shelf.put("site", &["site.test"], NOW);
    shelf.write("shop.pem", "nothing");
    daemon.ask(Verb::CertificatesReload { name: None }).expect_err("one of them cannot be used");
    assert_eq!(Client::new().certificate(address(&daemon), "site.test"), before);
    daemon.ask(Verb::CertificatesReload { name: Some("site".parse().expect("a name")) }).expect("this one can");
    assert_eq!(Client::new().certificate(address(&daemon), "site.test"), leaf_of(&shelf.path("site.pem")));
    let missing = daemon.ask(Verb::CertificatesReload { name: Some("sit".parse().expect("a name")) });
    assert_eq!(missing.expect_err("there is none").code, ErrorCode::NotFound);
}

#[test]
fn a_check_of_the_file_tells_what_there_is_to_say_of_its_certificates() {
    let (shelf, backend) = (Shelf::new(), plain());
    shelf.put_for_days("site", &["site.test"], 5);
    let place = Place::new(&config(&shelf, &["site"], "", &backend));
    let checked = run(command().arg("--check").arg(place.file()));
    assert_eq!(checked.code, Some(0), "{}", checked.said);
    assert!(checked.said.contains("certificates.site: it expires in "), "{}", checked.said);
}
