//! Holds the source to its own rules: the import law, one door per package, a purpose at the top
//! of every file, and the sizes of files and functions.
//!
//! Reads the tree as text; what a compiler or clippy can say is left to them.

#![expect(clippy::expect_used, reason = "a test that cannot read its own tree has nothing else to do")]

use std::fs;
use std::path::{Path, PathBuf};

/// No file may be longer, in lines.
const FILE_LINES_MAX: usize = 600;
/// Half of the files must be shorter, in lines.
const FILE_LINES_MEDIAN: usize = 200;
/// Functions longer than this are counted as long, in lines.
const FUNCTION_LINES_LONG: usize = 70;
/// How many of a hundred functions may be long.
const FUNCTIONS_LONG_PERCENT_MAX: usize = 2;

/// Where something may be named: `needle` only in files whose path contains one of `doors`.
struct Door {
    needle: &'static str,
    /// The part of the tree that the rule is about; empty for all of it.
    within: &'static str,
    doors: &'static [&'static str],
}

const fn door(needle: &'static str, within: &'static str, doors: &'static [&'static str]) -> Door {
    Door { needle, within, doors }
}

/// One package, one door: swapping a package is a change of one place.
const PACKAGE_DOORS: &[Door] = &[
    door("bincode::", "", &["ipc/src/frame"]),
    door("interprocess::", "", &["ipc/src/transport"]),
    door("rusqlite::", "", &["daemon/src/store", "daemon/src/recorder"]),
    door("ringbuf::", "", &["daemon/src/records"]),
    door("hyper::", "", &["daemon/src/l7", "daemon/src/probe"]),
    door("humantime::", "", &["ipc/src/text", "tui/src/cli", "tui/src/verb"]),
    door("crossterm::", "tui/src", &["tui/src/console/terminal", "tui/src/console/input"]),
    door("poised::", "tui/src", &["tui/src/demo.rs"]),
    door("poise_core", "tui/", &[]),
];

/// The import law inside the packages.
const LAYER_DOORS: &[Door] = &[
    door("control::", "daemon/src/listen", &[]),
    door("control::", "daemon/src/l4", &[]),
    door("control::", "daemon/src/l7", &[]),
    door("control::", "daemon/src/worker", &[]),
    door("control::", "daemon/src/probe", &[]),
    door("crate::l4", "daemon/src/control", &[]),
    door("crate::l7", "daemon/src/control", &[]),
    door("crate::listen", "daemon/src/control", &[]),
    door("crate::worker", "daemon/src/control", &[]),
    door("crate::probe", "daemon/src/control", &[]),
    door("ratatui", "tui/src/console/update", &[]),
    door("crossterm", "tui/src/console/update", &[]),
    door("tokio", "tui/src/console/update", &[]),
    door("tokio", "tui/src/console/view", &[]),
    door("::link", "tui/src/console/view", &[]),
    door("::terminal", "tui/src/console/view", &[]),
    door("Instant::now", "daemon/core/src", &[]),
    door("SystemTime::now", "daemon/core/src", &[]),
    door("std::fs", "daemon/core/src", &[]),
    door("std::env", "daemon/core/src", &[]),
    door("TcpStream", "daemon/core/src", &[]),
    door("RandomState", "daemon/core/src", &[]),
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Numbered lines without those that are comments: what the laws are about.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of the tree") {
        let path = entry.expect("an entry of the tree").path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with("fuzz") {
                collect(root, &path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let path = path.strip_prefix(root).expect("within the tree").display().to_string();
            found.push(Source { path, text });
        }
    }
}

fn sources() -> Vec<Source> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("ipc lies in the workspace").into();
    let mut found = Vec::new();
    for folder in ["ipc", "daemon", "tui", "tests"] {
        collect(&root, &root.join(folder), &mut found);
    }
    assert!(found.len() > 10, "the tree was not found below {}", root.display());
    found
}

fn assert_none(offences: &[String], rule: &str) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

fn through_other_doors(doors: &[Door]) -> Vec<String> {
    let sources = sources();
    let mut offences = Vec::new();
    for door in doors {
        let inside = |s: &&Source| s.path.contains(door.within) && !s.is_test();
        let elsewhere = |s: &&Source| !door.doors.iter().any(|open| s.path.contains(open));
        for source in sources.iter().filter(inside).filter(elsewhere) {
            let hits = source.code().filter(|(_, line)| line.contains(door.needle));
            offences.extend(hits.map(|(at, _)| format!("{}:{at} names `{}`", source.path, door.needle)));
        }
    }
    offences
}

#[test]
fn each_package_is_named_behind_its_own_door() {
    assert_none(&through_other_doors(PACKAGE_DOORS), "a package is named outside its door");
}

#[test]
fn layers_do_not_reach_across() {
    assert_none(&through_other_doors(LAYER_DOORS), "the import law is broken");
}

#[test]
fn every_file_opens_with_its_purpose() {
    let bare = sources().into_iter().filter(|s| !s.text.starts_with("//! ")).map(|s| s.path);
    assert_none(&bare.collect::<Vec<_>>(), "files without a purpose in their first line");
}

#[test]
fn nothing_is_left_for_later_without_a_number() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut offences = Vec::new();
    for source in sources() {
        let lines = source.text.lines().enumerate();
        let marked = lines.filter(|(_, line)| marks.iter().any(|m| line.contains(m)) && !line.contains('#'));
        offences.extend(marked.map(|(at, _)| format!("{}:{}", source.path, at + 1)));
    }
    assert_none(&offences, "marks without the number of an issue");
}

#[test]
fn files_stay_small() {
    let mut lengths: Vec<_> = sources().into_iter().map(|s| (s.text.lines().count(), s.path)).collect();
    lengths.sort_unstable();
    let long = lengths.iter().filter(|(lines, _)| *lines > FILE_LINES_MAX);
    assert_none(&long.map(|(lines, path)| format!("{path}: {lines}")).collect::<Vec<_>>(), "files over 600 lines");
    let (median, _) = lengths[lengths.len() / 2];
    assert!(median < FILE_LINES_MEDIAN, "the median file has {median} lines");
}

/// First line and length of the functions of a file that rustfmt has laid out: from `fn` to the
/// brace below it.
fn functions(source: &Source) -> Vec<(usize, usize)> {
    let lines: Vec<_> = source.text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let opens = |line: &str| {
        let code = line.trim_start();
        !code.starts_with("//") && (code.starts_with("fn ") || code.contains(" fn ")) && !code.ends_with(';')
    };
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| opens(line)) {
        let brace = format!("{}}}", " ".repeat(indent(line)));
        let close = lines[at..].iter().position(|l| *l == brace);
        found.extend(close.map(|length| (at + 1, length + 1)));
    }
    found
}

#[test]
fn functions_stay_short() {
    let sources = sources();
    let all: Vec<_> = sources.iter().flat_map(|s| functions(s).into_iter().map(move |f| (&s.path, f))).collect();
    let long: Vec<_> = all.iter().filter(|(_, (_, lines))| *lines > FUNCTION_LINES_LONG).collect();
    let listed: Vec<_> = long.iter().map(|(path, (at, lines))| format!("{path}:{at}: {lines} lines")).collect();
    assert!(
        long.len() * 100 <= all.len() * FUNCTIONS_LONG_PERCENT_MAX,
        "{} of {} functions are over {FUNCTION_LINES_LONG} lines:\n{}",
        long.len(),
        all.len(),
        listed.join("\n")
    );
}
