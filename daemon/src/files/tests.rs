//! Files that are missing, no files, or never answer.

use std::net::SocketAddr;

use poise_ipc::Name;
use poise_ipc::model::{Listener, Protocol};

use super::*;

fn wanted(pages: &[&str], log: Option<&str>) -> BTreeMap<ListenerId, Wanted> {
    let name = Name::new("web").expect("a name");
    let mut settings = Listener::new(SocketAddr::from(([127, 0, 0, 1], 0)), Protocol::Http, name.clone());
    let rule = |path: &&str| format!("no-route {path}").parse().expect("a rule");
    settings.replies = pages.iter().map(rule).collect();
    settings.access_log.path = log.map(str::to_owned);
    settings.access_log.format = if log.is_some() { LogFormat::Json } else { LogFormat::Off };
    [(ListenerId(1), Wanted { name, settings })].into()
}

#[test]
fn a_pipe_a_folder_or_nothing_is_refused_at_once_with_its_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is everywhere");
    assert!(made.success());
    let mut files = Files::new(Shelf::default());
    for path in [pipe.to_str().expect("text"), folder.path().to_str().expect("text"), "/missing/a.html"] {
        for (setting, wanted) in [("replies", wanted(&[path], None)), ("access_log", wanted(&[], Some(path)))] {
            let begun = Instant::now();
            let outcome = files.look(&wanted);
            let error = outcome.err().expect("it is refused");
            assert!(error.setting == setting && error.source.to_string().contains(path), "{error:?}");
            assert!(begun.elapsed() < WAIT, "{path}");
        }
    }
}

#[test]
fn what_was_in_force_stays_when_its_file_goes_and_a_new_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, log) = (folder.path().join("a.html"), folder.path().join("access.log"));
    std::fs::write(&page, "a").expect("written");
    let (page, log) = (page.to_str().expect("text"), log.to_str().expect("text"));
    let mut files = Files::new(Shelf::default());
    let found = files.look(&wanted(&[page], Some(log))).expect("both are there");
    files.put(found);
    folder.close().expect("it goes");
    let found = files.look(&wanted(&[page], Some(log))).expect("both are known");
    files.put(found);
    assert!(files.shelf.at(page).is_some());
    assert!(files.look(&wanted(&[page, "/missing.html"], Some(log))).is_err());
    assert!(files.look(&wanted(&[page], Some("/missing/access.log"))).is_err());
}

#[test]
fn a_file_that_never_answers_holds_one_commit_for_a_moment_and_no_other() {
    let (answer, hang) = channel::<()>();
    let hang = std::sync::Mutex::new(hang);
    let mut files = Files::new(Shelf::default());
    let error = files.look_by(&wanted(&["/hung.html"], None), Duration::from_millis(50), move |_| {
        // Until the test has ended.
        let _ = hang.lock().expect("one thread").recv();
        Ok(None)
    });
    let error = error.err().expect("nobody waits for ever").source;
    assert_eq!((error.kind(), error.to_string().contains("/hung.html")), (io::ErrorKind::TimedOut, true));
    let mut ask_again = || files.look_by(&wanted(&["/b.html"], None), Duration::from_mins(10), |_| Ok(None));
    assert!(ask_again().is_err(), "the first is still under way, and is not waited for again");
    drop(answer);
    while files.under_way.as_ref().is_some_and(|thread| !thread.is_finished()) {
        std::thread::yield_now();
    }
    assert!(files.look_by(&wanted(&["/b.html"], None), Duration::from_mins(10), |_| Ok(None)).is_ok());
}
