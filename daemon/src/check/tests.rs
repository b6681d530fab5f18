//! What must hold of `--check`: one line per fault, at its place, and findings apart from faults.

use poise_ipc::text;

use super::*;

fn printed(print: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    print(&mut out).expect("memory takes it");
    String::from_utf8(out).expect("text")
}

#[test]
fn every_fault_is_a_line_with_its_place() {
    let text =
        "[groups.app]\nscheduler = \"wr\"\n[groups.app.backends]\na = { address = \"10.0.0.1:80\", weight = 2000 }\n";
    let faults = text::parse(text).expect_err("two faults");
    let said = printed(|out| print_faults(out, Path::new("x.toml"), &faults));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("x.toml:2:13: groups.app.scheduler: "), "{said}");
    assert!(lines[1].starts_with("x.toml:4:41: groups.app.backends.a.weight: "), "{said}");
    assert_eq!(lines[2], "x.toml: invalid, 2 faults found");
}

#[test]
fn a_valid_file_shows_its_findings_and_what_it_holds() {
    let config = text::parse("[groups.app]\n").expect("valid");
    let said = printed(|out| print_findings(out, Path::new("x.toml"), (&config, Vec::new())));
    assert!(said.contains("x.toml: "), "{said}");
    assert!(said.ends_with("x.toml: valid, 0 listeners, 1 group, 0 backends, 1 finding\n"), "{said}");
}
