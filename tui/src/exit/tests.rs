//! The numbers of the exit codes are a promise to scripts.

use super::Exit;

#[test]
fn the_numbers_are_those_that_scripts_rely_on() {
    let numbers: Vec<_> = Exit::TABLE.iter().map(|&(_, number, word, _)| (number, word)).collect();
    assert_eq!(
        numbers,
        [
            (0, "ok"),
            (1, "failed"),
            (2, "usage"),
            (3, "not-found"),
            (4, "forbidden"),
            (5, "conflict"),
            (6, "unreachable"),
            (7, "invalid"),
            (8, "timed-out"),
            (9, "undone"),
            (10, "degraded"),
            (130, "interrupted"),
        ]
    );
}

#[test]
fn every_code_finds_its_own_row() {
    for (exit, number, word, _) in Exit::TABLE {
        assert_eq!((exit.number(), exit.word()), (number, word));
    }
}

#[test]
fn help_lists_every_code() {
    let help = Exit::help();
    assert_eq!(help.lines().count(), 1 + Exit::TABLE.len());
    assert!(help.contains("   10  status --check"), "{help}");
}
