//! Files are made for few eyes, opened again, and what they cannot take is counted.

use std::fs;

use super::*;

fn sink(path: &Path) -> Sink {
    Sink::new(Place::File(path.to_str().expect("a path").to_owned()))
}

fn write(sink: &mut Sink, line: &str) -> u64 {
    sink.batch.extend_from_slice(line.as_bytes());
    sink.flush()
}

#[test]
fn a_log_is_made_for_owner_and_group_and_appended_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    assert_eq!(write(&mut sink(&path), "one\n"), 0);
    assert_eq!(write(&mut sink(&path), "two\n"), 0);
    assert_eq!(fs::read_to_string(&path).expect("the log"), "one\ntwo\n");
    assert_eq!(fs::metadata(&path).expect("the log").permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_log_that_was_moved_away_is_made_anew_when_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, moved) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let mut sink = sink(&path);
    write(&mut sink, "one\n");
    fs::rename(&path, &moved).expect("moved");
    write(&mut sink, "two\n");
    sink.reopen();
    write(&mut sink, "three\n");
    assert_eq!(fs::read_to_string(&moved).expect("the old log"), "one\ntwo\n");
    assert_eq!(fs::read_to_string(&path).expect("the new log"), "three\n");
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_it_is_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("missing/access.log");
    let mut sink = sink(&path);
    assert_eq!(write(&mut sink, "one\ntwo\n"), 2);
    fs::create_dir(folder.path().join("missing")).expect("a folder");
    assert_eq!(write(&mut sink, "three\n"), 1, "left alone for a while");
    sink.reopen();
    assert_eq!(write(&mut sink, "four\n"), 0);
    assert_eq!(fs::read_to_string(&path).expect("the log"), "four\n");
}

#[test]
fn a_full_pipe_loses_lines_without_waiting_and_tears_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o600)).expect("a pipe");
    let mut sink = sink(&path);
    assert_eq!(write(&mut sink, "nobody reads\n"), 1);
    let mut reader = OpenOptions::new().read(true).write(true).open(&path).expect("a reader");
    sink.reopen();
    // Longer than a pipe holds, in lines whose length divides no page.
    let lines = "a line of the log that is as long as it is\n".repeat(3_000);
    let lost = write(&mut sink, &lines);
    assert!((1..3_000).contains(&lost), "{lost}");
    let mut buffer = vec![0; 128 << 10];
    let held = io::Read::read(&mut reader, &mut buffer).expect("what the pipe holds");
    sink.reopen_in_time();
    assert_eq!(write(&mut sink, "whole\n"), 0);
    let count = io::Read::read(&mut reader, &mut buffer[held..]).expect("the rest");
    let text = String::from_utf8_lossy(&buffer[..held + count]).into_owned();
    assert!(text.ends_with("\nwhole\n"), "{}", &text[text.len() - 80..]);
}

impl Sink {
    /// As if the pause after a failure were over.
    fn reopen_in_time(&mut self) {
        if let Some(failing) = &mut self.failing {
            failing.until = Instant::now();
        }
    }
}
