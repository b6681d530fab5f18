//! Every verb has one row, and the reference of roles is what the table says.

use super::*;

/// The verbs as they are declared, in kebab-case.
fn declared() -> Vec<String> {
    let source = include_str!("../request.rs");
    let (_, rest) = source.split_once("pub enum Verb {").expect("declared there");
    let (body, _) = rest.split_once("\n}").expect("closed");
    let variants = body
        .lines()
        .filter(|line| line.starts_with("    ") && line.as_bytes().get(4).is_some_and(u8::is_ascii_uppercase));
    let kebab = |line: &str| {
        let name: String = line.trim().chars().take_while(char::is_ascii_alphanumeric).collect();
        let spaced = name.chars().enumerate().map(|(at, c)| {
            let dash = if at > 0 && c.is_ascii_uppercase() { "-" } else { "" };
            format!("{dash}{}", c.to_ascii_lowercase())
        });
        spaced.collect::<String>()
    };
    variants.map(kebab).collect()
}

#[test]
fn every_verb_has_a_row_and_every_row_a_verb() {
    let (mut declared, mut rows) = (declared(), VERBS.iter().map(|facts| facts.word.to_owned()).collect::<Vec<_>>());
    declared.sort();
    rows.sort();
    assert_eq!(declared, rows);
}

#[test]
fn who_may_only_view_changes_nothing() {
    assert!(VERBS.iter().all(|facts| facts.role > Role::View || !facts.mutates));
}

#[test]
fn the_reference_of_roles_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/roles.md");
    if std::env::var_os("POISE_BLESS").is_some() {
        std::fs::write(path, document()).expect("written");
    }
    let written = std::fs::read_to_string(path).expect("there");
    assert_eq!(written, document(), "run the tests with POISE_BLESS=1 to write it anew");
}
