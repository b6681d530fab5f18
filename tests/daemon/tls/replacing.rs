//! Certificates replaced under load: nobody is refused, nothing that is open is touched.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use poise_ipc::message::{CertificateEvent, Verb};
use rustix::process::Signal;

use super::{address, plain, started};
use crate::backends::until;
use crate::process::set_all;
use crate::secured::{Client, NOW, Shelf, ask, leaf, leaf_of};

/// Replacements while requests go on.
const ROUNDS: usize = 8;

#[test]
fn no_request_fails_while_certificates_are_replaced() {
    let (shelf, backend) = (Shelf::new(), plain());
    for name in ["site", "next"] {
        shelf.put(name, &["site.test"], NOW);
    }
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let at = address(&daemon);
    let mut kept = Client::new().connect(at, "site.test").expect("a handshake");
    let (served, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for resumes in [false, true] {
            let (served, stop) = (&served, &stop);
            scope.spawn(move || {
                let same = Client::new();
                while !stop.load(Ordering::SeqCst) {
                    let fresh = Client::new();
                    let client = if resumes { &same } else { &fresh };
                    let mut secured = client.connect(at, "site.test").expect("never refused");
                    for _ in 0..3 {
                        assert_eq!(ask(&mut secured, "site.test").expect("never lost").0, "HTTP/1.1 200 OK");
                    }
                    served.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 0..ROUNDS {
            let before = served.load(Ordering::SeqCst);
            if round % 2 == 0 {
                shelf.put("site", &["site.test"], NOW);
                daemon.ask(Verb::CertificatesReload { name: None }).expect("it can be used");
                assert_eq!(Client::new().certificate(at, "site.test"), leaf_of(&shelf.path("site.pem")));
            } else {
                // By an edit of the paths, there and back.
                for name in ["next", "site"] {
                    let path = |file: &str| format!("\"{}\"", shelf.path(&format!("{name}.{file}")).display());
                    let edits = ["chain", "key"].into_iter().zip([path("pem"), path("key")]);
                    let edits: Vec<_> = edits.map(|(key, to)| (format!("certificates.site.{key}"), to)).collect();
                    daemon.ask(set_all(&edits)).expect("it can be used");
                    assert_eq!(
                        Client::new().certificate(at, "site.test"),
                        leaf_of(&shelf.path(&format!("{name}.pem")))
                    );
                }
            }
            assert_eq!(ask(&mut kept, "site.test").expect("an open connection lives on").0, "HTTP/1.1 200 OK");
            until("others are served under it", || served.load(Ordering::SeqCst) > before + 1);
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert_ne!(leaf(&kept), Client::new().certificate(at, "site.test"));
}

#[test]
fn a_hangup_takes_what_the_files_hold_now() {
    let (shelf, backend) = (Shelf::new(), plain());
    shelf.put("site", &["site.test"], NOW);
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    shelf.put("site", &["site.test"], NOW);
    daemon.signal(Signal::HUP);
    let wanted = leaf_of(&shelf.path("site.pem"));
    until("it is in use", || Client::new().certificate(address(&daemon), "site.test") == wanted);
    assert_eq!(daemon.status().revision, 1, "it is no commit");
}

#[test]
fn files_that_cannot_be_used_leave_what_is_in_use_and_say_why() {
    let (shelf, backend) = (Shelf::new(), plain());
    shelf.put("site", &["site.test"], NOW);
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let (at, in_use) = (address(&daemon), leaf_of(&shelf.path("site.pem")));
    let mut events = daemon.subscribe();
    let breaks: [(Spoil, &str); 3] = [
        (|shelf| shelf.put("site", &["site.test"], (2020, 2024)), "has expired on 2024-12-31"),
        (|shelf| shelf.write("site.pem", "nothing"), "holds no certificate"),
        (mismatch, "is not that of the first certificate"),
    ];
    for (spoil, said) in breaks {
        spoil(&shelf);
        let refused = daemon.ask(Verb::CertificatesReload { name: None }).expect_err("it cannot be used");
        assert!(refused.message.contains(said), "{said}: {}", refused.message);
        assert_eq!(events.certificate().what, CertificateEvent::Refused);
        daemon.signal(Signal::HUP);
        let told = events.certificate();
        assert_eq!(told.what, CertificateEvent::Refused, "a hangup says so too");
        assert!(told.reason.is_some_and(|reason| reason.contains(said)), "{said}");
        let status = daemon.status();
        assert!(status.certificates[0].error.as_ref().is_some_and(|error| error.contains(said)), "{said}");
        assert!(status.findings.iter().any(|finding| finding.code == "certificate-unusable"), "{said}");
        assert_eq!(Client::new().certificate(at, "site.test"), in_use, "{said}");
    }
    shelf.put("site", &["site.test"], NOW);
    daemon.signal(Signal::HUP);
    assert_eq!(events.certificate().what, CertificateEvent::Loaded);
    assert_eq!(Client::new().certificate(at, "site.test"), leaf_of(&shelf.path("site.pem")));
    assert_eq!(daemon.status().certificates[0].error, None);
}

/// What befalls the files of a certificate.
type Spoil = fn(&Shelf);

/// A certificate beside the key of another one.
fn mismatch(shelf: &Shelf) {
    shelf.put("site", &["site.test"], NOW);
    shelf.put("other", &["site.test"], NOW);
    std::fs::copy(shelf.path("other.key"), shelf.path("site.key")).expect("both are there");
}
