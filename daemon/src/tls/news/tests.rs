//! Which failures get a line, and how often.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the log of a daemon at its usual level has of these failures, one every second.
fn told(failures: &[Failed]) -> Vec<String> {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_ansi(false);
    tracing::subscriber::with_default(log.with_writer(move || writer.clone()).finish(), || {
        let (news, listener) = (News::default(), "web".parse().expect("a name"));
        for (second, failed) in (0..).zip(failures) {
            news.tell(&listener, ([192, 0, 2, 1], 7).into(), failed, second * 1_000);
        }
    });
    let bytes = lines.0.lock().expect("nobody panics").clone();
    String::from_utf8(bytes).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn a_reason_gets_a_line_in_a_while_that_counts_those_between() {
    let unknown = || Failed { reason: TlsFailure::UnknownName, said: Some("elsewhere.test".to_owned()) };
    let failures: Vec<_> = (0..11).map(|_| unknown()).chain([Failed::new(TlsFailure::Timeout)]).collect();
    let lines = told(&failures);
    assert_eq!(lines.len(), 3, "{lines:?}");
    for part in ["listener=web", "client=192.0.2.1:7", "reason=unknown-name", "said=\"elsewhere.test\"", "untold=0"] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(lines[1].contains("untold=9"), "{}", lines[1]);
    assert!(
        lines[2].contains("reason=timeout") && !lines[2].contains("said"),
        "another reason has lines of its own: {}",
        lines[2]
    );
}

#[test]
fn connections_that_only_come_and_go_are_no_news() {
    assert_eq!(told(&[Failed::new(TlsFailure::Closed)]), Vec::<String>::new());
}
