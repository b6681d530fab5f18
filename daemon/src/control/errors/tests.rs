//! Bounded by listener, newest kept, asked for by listener and number.

use poise_ipc::cause::Cause;
use poise_ipc::errors::Side;

use super::*;
use crate::planned;
use crate::records::evidence::{EVIDENCE_MAX, Seen, ring};

const TWO: &str = "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n\
    [listeners.api]\nbind = \"127.0.0.1:1\"\nprotocol = \"http\"\ngroup = \"app\"\n\
    [groups.app.backends.a]\naddress = \"127.0.0.1:1\"\n";

fn evidence(listener: ListenerId, backend: Option<BackendId>, reason: String) -> Evidence {
    let seen = Seen { side: Side::Request, reason, offset: 3, start: 1, bytes: (*b"\x00\xff").into() };
    Evidence { at_ms: 7, listener, backend, peer: ([127, 0, 0, 1], 1).into(), cause: Cause::BadRequest, seen }
}

#[test]
fn the_newest_of_each_listener_are_kept_and_named() {
    let plan = planned::first(TWO);
    let id = |name: &str| plan.listeners.values().find(|l| l.name.as_str() == name).expect("a listener").id;
    let backend = plan.groups[0].backends[0].id;
    let (mut sender, receiver) = ring(EVIDENCE_MAX);
    let mut errors = Errors::new(vec![receiver]);
    sender.send(evidence(id("api"), None, "first".to_owned()));
    for at in 0..ERRORS_KEPT_MAX + 5 {
        sender.send(evidence(id("web"), Some(backend), at.to_string()));
        errors.drain(&plan);
    }
    let all = errors.query(&ErrorQuery { limit: 1_000, ..ErrorQuery::default() });
    assert_eq!((all.rows.len(), all.rows[0].reason.as_str()), (ERRORS_KEPT_MAX + 1, "first"));
    let last = errors.query(&ErrorQuery { listener: Some("web".parse().expect("a name")), limit: 2, after_seq: 0 });
    let reasons: Vec<_> = last.rows.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons, ["67", "68"]);
    let newer = errors.query(&ErrorQuery { after_seq: all.rows[all.rows.len() - 3].seq, ..ErrorQuery::default() });
    assert_eq!(newer.rows, all.rows[all.rows.len() - 2..]);
    let row = &last.rows[0];
    assert_eq!(
        (row.group.as_ref().map(Name::as_str), row.backend.as_ref().map(Name::as_str)),
        (Some("app"), Some("a"))
    );
    assert_eq!((row.offset, row.start, row.bytes()), (3, 1, vec![0, 255]));
}

#[test]
fn what_is_gone_is_forgotten_and_what_found_no_room_is_counted() {
    let plan = planned::first(TWO);
    let id = *plan.listeners.keys().next().expect("a listener");
    let (mut sender, receiver) = ring(1);
    let mut errors = Errors::new(vec![receiver]);
    sender.send(evidence(id, None, "one".to_owned()));
    sender.send(evidence(id, None, "two".to_owned()));
    errors.drain(&plan);
    let page = errors.query(&ErrorQuery::default());
    assert_eq!((page.rows.len(), page.skipped_total), (1, 1));
    errors.drain(&Plan::default());
    assert_eq!(errors.query(&ErrorQuery::default()).rows, []);
}
