//! A failure says what, where, what is allowed and what to do, to people and to programs.

use poise_ipc::fault::{Fault, Place};
use poise_ipc::message::{ErrorCode, ErrorReply};

use super::{Failure, Format};
use crate::exit::Exit;

fn faulty() -> Failure {
    let mut fault = Fault::new("groups.app.backends.app-1.weight", "5000 is out of range").allowed("0 to 1000");
    fault.place = Some(Place { line: 12, column: 44 });
    Failure::invalid("poise.toml", vec![fault])
}

#[test]
fn people_read_every_fault_with_its_file_line_and_column() {
    assert_eq!(
        faulty().report(Format::Table),
        "poise: poise.toml is invalid: 1 fault\n  \
         poise.toml:12:44: groups.app.backends.app-1.weight: 5000 is out of range; allowed: 0 to 1000\n"
    );
}

#[test]
fn programs_read_one_object_on_one_line() {
    let report = faulty().report(Format::Json);
    assert_eq!(report.lines().count(), 1);
    let document: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["error"]["code"], "invalid");
    assert_eq!(document["error"]["exit"], 7);
    assert_eq!(document["error"]["faults"][0]["place"]["line"], 12);
    assert_eq!(document["error"]["faults"][0]["allowed"], "0 to 1000");
}

#[test]
fn every_refusal_of_the_daemon_has_its_exit_code() {
    for (code, exit) in [
        (ErrorCode::Forbidden, Exit::Forbidden),
        (ErrorCode::Invalid, Exit::Invalid),
        (ErrorCode::NotFound, Exit::NotFound),
        (ErrorCode::Conflict, Exit::Conflict),
        (ErrorCode::Drift, Exit::Conflict),
        (ErrorCode::Bind, Exit::Failed),
        (ErrorCode::Storage, Exit::Failed),
        (ErrorCode::Busy, Exit::Failed),
        (ErrorCode::Internal, Exit::Failed),
        (ErrorCode::Upgrade, Exit::Failed),
        (ErrorCode::Malformed, Exit::Failed),
        (ErrorCode::Version, Exit::Failed),
    ] {
        assert_eq!(Failure::from(ErrorReply::new(code, "no")).exit, exit, "{code:?}");
    }
}

#[test]
fn the_place_and_the_hint_stand_below_the_sentence() {
    let failure =
        Failure::not_found("groups.app.backends.app-9", "no backend app/app-9").hint("did you mean app/app-1?");
    assert_eq!(
        failure.report(Format::Tsv),
        "poise: no backend app/app-9\n  at: groups.app.backends.app-9\n  hint: did you mean app/app-1?\n"
    );
}

#[test]
fn outside_text_cannot_write_to_the_terminal() {
    let report = Failure::new(Exit::Failed, "a\x1b[2Jb").at("c\x07d").hint("e\nf").report(Format::Table);
    assert_eq!(report, "poise: a^[[2Jb\n  at: c^Gd\n  hint: e^Jf\n");
}

#[test]
fn a_quiet_end_says_nothing() {
    assert_eq!(Failure::quiet(Exit::Ok).report(Format::Json), "");
}

#[test]
fn a_single_fault_that_is_the_sentence_is_not_said_twice() {
    let fault = Fault::new("groups.app.scheduler", "\"fast\" is not known here").allowed("rr, wrr, wlc");
    let sentence = "groups.app.scheduler: \"fast\" is not known here; allowed: rr, wrr, wlc";
    let reply = ErrorReply { faults: vec![fault], ..ErrorReply::new(ErrorCode::Invalid, sentence) };
    assert_eq!(Failure::from(reply).report(Format::Table), format!("poise: {sentence}\n"));
}
