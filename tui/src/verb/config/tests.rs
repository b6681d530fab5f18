//! A file is checked without a daemon.

use poise_ipc::advice::findings;
use poise_ipc::text::parse;

use super::super::fixture::{TEXT, config};
use super::{Exit, Format, check, praise};

#[test]
fn a_valid_file_is_counted_and_its_findings_stand_apart() {
    let config = config();
    let text = praise("poise.toml", &config, &findings(&config));
    let mut lines = text.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with("poise.toml is valid: 2 listeners, 2 groups, 3 backends, "), "{head}");
    assert!(lines.any(|line| line.starts_with("severe: groups.data")), "{text}");
}

#[test]
fn a_file_with_faults_is_invalid_in_every_form() {
    let text = TEXT.replace("weight = 50", "weight = 5000");
    let (report, outcome) = check(Format::Table, "poise.toml", parse(&text));
    assert_eq!(report, "");
    let failure = outcome.unwrap_err();
    assert_eq!(failure.exit, Exit::Invalid);
    let report = failure.report(Format::Table);
    assert!(report.contains("  poise.toml:17:47: groups.app.backends.app-2.weight"), "{report}");
    let (report, outcome) = check(Format::Json, "poise.toml", parse(&text));
    assert_eq!(outcome.unwrap(), Exit::Invalid);
    let document: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&document["valid"], &document["faults"][0]["place"]["line"]), (&false.into(), &17.into()));
}
