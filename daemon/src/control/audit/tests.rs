//! Rows say what was asked and what became of it.

use poise_ipc::message::{Applied, Apply, ErrorCode, ErrorReply, WindowWish};

use super::*;

fn apply(edits: Vec<Edit>, dry_run: bool) -> Verb {
    Verb::Apply(Apply { edits, if_revision: None, dry_run, reason: None, window: WindowWish::default() })
}

#[test]
fn a_row_says_what_was_asked_as_an_imperative_and_what_became_of_it() {
    let edits = vec![Edit::set("groups.app.scheduler", "wlc"), Edit::remove("groups.old")];
    let said = Ok(Reply::Applied(Applied { revision: 7, changed: true, edits: Vec::new(), window: None }));
    let row = Asked::of(&apply(edits.clone(), false)).row(Author::new(1, "ada", 2), Role::Operate, &said);
    assert_eq!((row.verb.as_str(), row.what.as_str()), ("apply", "set groups.app.scheduler = wlc; remove groups.old"));
    assert_eq!(row.outcome, AuditOutcome::Done { revision: Some(7) });
    let row = Asked::of(&apply(edits.clone(), true)).row(Author::new(1, "ada", 2), Role::Operate, &said);
    assert_eq!(row.outcome, AuditOutcome::Done { revision: None }, "a dry run makes no revision");
    let refused = Err(ErrorReply::new(ErrorCode::Forbidden, "no"));
    let row = Asked::of(&apply(edits, true)).row(Author::new(1, "ada", 2), Role::View, &refused);
    assert!(row.what.starts_with("try to set "));
    assert_eq!(row.outcome, AuditOutcome::Refused { code: ErrorCode::Forbidden, message: "no".to_owned() });
}

#[test]
fn a_row_is_bounded_whatever_was_asked() {
    let edits = vec![Edit::set("groups.app.scheduler", "ä".repeat(1_000)); 500];
    let asked = Asked::of(&apply(edits, false));
    assert_eq!(asked.what.chars().count(), AUDIT_TEXT_MAX + 3);
}
