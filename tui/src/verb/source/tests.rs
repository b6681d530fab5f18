//! A file is a whole configuration or a list of edits, and its faults are told by line and column.

use poise_ipc::edit::Edit;

use super::super::fixture::{TEXT, config};
use super::Source;
use crate::exit::Exit;

#[test]
fn toml_is_a_whole_configuration_even_when_it_begins_with_a_bracket() {
    assert!(TEXT.trim_start().starts_with('['));
    let source = Source::of("f", TEXT.to_owned()).unwrap();
    assert!(matches!(&source, Source::Whole(..)));
    assert_eq!(source.edits_from(&config()).unwrap(), []);
}

#[test]
fn json_is_a_list_of_edits_bare_or_in_what_diff_prints() {
    let list = r#"[{"set": {"path": "groups.app.backends.app-1.weight", "value": "60"}}]"#;
    let document = format!("{{\"schema_version\": 1, \"edits\": {list}}}");
    for text in [list.to_owned(), document] {
        let edits = Source::of("f", text).unwrap().edits_from(&config()).unwrap();
        assert_eq!(edits, [Edit::set("groups.app.backends.app-1.weight", "60")]);
    }
    assert!(matches!(Source::of("f", " [ ]".to_owned()).unwrap(), Source::Edits(edits) if edits.is_empty()));
}

#[test]
fn edits_that_change_nothing_make_no_difference() {
    let text = r#"[{"set": {"path": "groups.app.backends.app-1.weight", "value": "100"}}]"#;
    assert_eq!(Source::of("f", text.to_owned()).unwrap().edits_from(&config()).unwrap(), []);
}

#[test]
fn a_faulty_file_is_invalid_and_every_fault_has_its_place() {
    let failure = Source::of("p.toml", "[groups.app]\nschedular = \"rr\"\nfail_open = 3\n".to_owned()).unwrap_err();
    assert_eq!(failure.exit, Exit::Invalid);
    let lines: Vec<_> = failure.faults.iter().filter_map(|fault| fault.place).map(|place| place.line).collect();
    assert_eq!(lines, [2, 3]);
    let failure = Source::of("e.json", "[{\"set\": 3}]".to_owned()).unwrap_err();
    assert_eq!(failure.exit, Exit::Invalid);
    assert!(failure.message.starts_with("e.json:1:"), "{}", failure.message);
}

#[test]
fn edits_to_what_is_not_there_are_invalid() {
    let text = r#"[{"remove": {"path": "groups.nope"}}]"#;
    let failure = Source::of("f", text.to_owned()).unwrap().edits_from(&config()).unwrap_err();
    assert_eq!(failure.exit, Exit::Invalid);
    assert_eq!(failure.faults.len(), 1);
}

#[test]
fn nothing_at_all_is_refused_rather_than_taken_as_an_empty_configuration() {
    let failure = Source::of("standard input", " \n".to_owned()).unwrap_err();
    assert_eq!((failure.exit, failure.message.as_str()), (Exit::Invalid, "standard input is empty"));
}
