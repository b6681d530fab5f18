//! Any edits give a valid configuration or faults; the difference to it leads there again.
//!
//! One edit a line: `path = value`, or a path alone, which is removed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poise_ipc::apply::apply;
use poise_ipc::diff::diff;
use poise_ipc::edit::Edit;
use poise_ipc::text::parse;

const START: &str = r#"
listeners.web = { bind = "127.0.0.1:80", protocol = "http", group = "app" }
groups.app.backends.app-1 = { address = "10.0.0.1:8080" }
"#;

fuzz_target!(|text: &str| {
    let start = parse(START).expect("the start is valid");
    let edit = |line: &str| match line.split_once(" = ") {
        Some((path, value)) => Edit::set(path, value),
        None => Edit::remove(line),
    };
    let edits: Vec<_> = text.lines().map(edit).collect();
    if let Ok(outcome) = apply(&start, &edits) {
        assert_eq!(apply(&start, &diff(&start, &outcome)), Ok(outcome));
    }
});
