//! There is a man page for every verb, with exit codes and examples.

use std::fs;

use super::write;

#[test]
fn pages_are_written_for_the_program_and_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    write(&pages).unwrap();
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(page("poise.1").contains("Exit codes"));
    assert!(page("poise-weight.1").contains("app/app\\-1"));
    for verb in ["status", "get", "set", "drain", "apply", "logs", "watch", "config-check"] {
        page(&format!("poise-{verb}.1"));
    }
    assert!(!pages.join("poise-__complete.1").exists(), "hidden verbs have no page");
}
