//! Certificates replaced under load: nobody is refused, nothing that is open is touched.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use poise_ipc::message::Verb;
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
