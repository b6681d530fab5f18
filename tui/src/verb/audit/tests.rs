//! Rows say who, what and what became of it; what came from outside is safe on a terminal.

use poise_ipc::message::{Author, ErrorCode, Role};

use super::super::fixture::AT_MS;
use super::*;

fn row(outcome: AuditOutcome) -> AuditRow {
    let author = Author { client: "poise weight".to_owned(), ..Author::new(1_000, "o\x1bps", 99) };
    let what = "set groups.app.scheduler = wlc".to_owned();
    AuditRow { seq: 7, at_ms: AT_MS, author, role: Role::Operate, verb: "apply".to_owned(), what, outcome }
}

#[test]
fn the_table_says_who_what_and_what_became_of_it() {
    let refused = AuditOutcome::Refused { code: ErrorCode::Forbidden, message: "no".to_owned() };
    let rows = [row(AuditOutcome::Done { revision: Some(3) }), row(refused)];
    assert_eq!(
        table(Format::Table, &rows),
        "\
SEQ  AT                        USER   BY            WHAT                            OUTCOME
  7  2026-11-22T14:02:08.122Z  o^[ps  poise weight  set groups.app.scheduler = wlc  revision 3
  7  2026-11-22T14:02:08.122Z  o^[ps  poise weight  set groups.app.scheduler = wlc  refused: no
"
    );
}
