//! What must hold of the hook: what it is told, in which order, and that nothing of it is without bounds.

use std::path::Path;

use poise_ipc::message::Transition;
use poise_ipc::status::Verdict;
use tokio::io::AsyncReadExt;
use tokio::sync::broadcast;
use tokio::task::{JoinHandle, LocalSet};

use super::*;
use crate::control::bus::What;

/// A little more than what a run may say.
const SAID_AT_MOST: usize = 600;

fn script(words: &str, dir: &Path) -> Hook {
    let args = vec!["-c".to_owned(), words.to_owned(), "hook".to_owned(), dir.display().to_string()];
    Hook { program: "/bin/sh".into(), args, timeout: Duration::from_mins(5) }
}

fn turned(backend: &str, from: Health, to: Health) -> Arc<Happening> {
    let (group, backend) = ("app".parse().expect("a name"), backend.parse().expect("a name"));
    let verdict = Verdict::Pass { code: Some(200) };
    let transition = Transition { group, backend, from, to, verdict, streak: 2 };
    Arc::new(Happening { at_ms: 1_774_000_000_123, what: What::Transition(transition) })
}

fn down(backend: &str) -> Arc<Happening> {
    turned(backend, Health::Up, Health::Down)
}

/// A hook at work.
struct Worked {
    news: broadcast::Sender<Arc<Happening>>,
    board: Board,
    run: JoinHandle<()>,
}

impl Worked {
    fn new(hook: Hook) -> Self {
        let (news, board) = (broadcast::Sender::new(1_024), Board::new(Some(&hook)));
        let run = tokio::task::spawn_local(run(Some(hook), board.clone(), news.subscribe()));
        Self { news, board, run }
    }

    fn tell(&self, happening: Arc<Happening>) {
        assert_eq!(self.news.send(happening).ok(), Some(1), "the hook listens");
    }

    async fn until(&self, holds: impl Fn(&HookStatus) -> bool) -> HookStatus {
        loop {
            match self.board.status() {
                Some(status) if holds(&status) => return status,
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    }
}

fn here(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(LocalSet::new().run_until(async {
        tokio::time::timeout(Duration::from_mins(1), test).await.expect("ends");
    }));
}

#[test]
fn it_is_told_in_variables_and_in_json() {
    let dir = tempfile::tempdir().expect("a folder");
    here(async {
        let words = r#"{ echo "$POISE_EVENT $POISE_GROUP $POISE_BACKEND $POISE_STATE $POISE_AT"; echo "$POISE_TEXT"; cat; } > "$1/told""#;
        let hook = Worked::new(script(words, dir.path()));
        hook.tell(turned("app-0", Health::Unknown, Health::Up));
        hook.tell(down("app-1"));
        let status = hook.until(|status| status.passed_total == 1 && status.running == 0).await;
        assert_eq!((status.failed_total, status.lost_total, status.failure), (0, 0, None));
    });
    let told = std::fs::read_to_string(dir.path().join("told")).expect("written");
    let mut lines = told.lines();
    assert_eq!(lines.next(), Some("transition app app-1 down 2026-03-20T09:46:40.123Z"));
    assert_eq!(lines.next(), Some("app/app-1 up -> down: pass 200, 2 in a row"));
    let json: serde_json::Value = serde_json::from_str(lines.next().expect("a line")).expect("JSON");
    assert_eq!((&json["kind"], &json["transition"]["backend"]), (&"transition".into(), &"app-1".into()));
    assert_eq!(json["text"], "app/app-1 up -> down: pass 200, 2 in a row");
}

#[test]
fn news_of_one_backend_keep_their_order_while_others_run_beside_them() {
    let dir = tempfile::tempdir().expect("a folder");
    here(async {
        // The first run of app-1 ends when one of app-2 has begun.
        let words = r#"
            [ "$POISE_BACKEND" = app-2 ] && { touch "$1/other"; exit; }
            until [ -e "$1/other" ]; do sleep 0.01; done
            echo "$POISE_STATE" >> "$1/told""#;
        let hook = Worked::new(script(words, dir.path()));
        hook.tell(down("app-1"));
        hook.tell(turned("app-1", Health::Down, Health::Up));
        hook.tell(down("app-1"));
        hook.tell(down("app-2"));
        hook.until(|status| status.passed_total == 4).await;
    });
    assert_eq!(std::fs::read_to_string(dir.path().join("told")).expect("written"), "down\nup\ndown\n");
}

#[test]
fn failures_are_counted_with_their_last_words() {
    let dir = tempfile::tempdir().expect("a folder");
    here(async {
        let hook =
            Worked::new(script(r"printf 'no \033[31mroute\n' >&2; head -c 100000 /dev/zero >&2; exit 3", dir.path()));
        hook.tell(down("app-1"));
        let status = hook.until(|status| status.failed_total == 1).await;
        let failure = status.failure.expect("told");
        assert!(failure.starts_with("app/app-1: exit status: 3: no  [31mroute"), "{failure}");
        assert!(failure.len() < SAID_AT_MOST, "{failure}");
        let missing = Worked::new(Hook { program: dir.path().join("missing"), ..script("", dir.path()) });
        missing.tell(down("app-1"));
        let status = missing.until(|status| status.failed_total == 1).await;
        assert!(status.failure.expect("told").contains("it cannot be started: No such file"));
    });
}

#[test]
fn a_run_that_takes_too_long_is_killed_with_all_that_it_started() {
    let dir = tempfile::tempdir().expect("a folder");
    here(async {
        let timeout = Duration::from_millis(1);
        let hook = Worked::new(Hook { timeout, ..script("sleep 600", dir.path()) });
        hook.tell(down("app-1"));
        let status = hook.until(|status| status.timed_out_total == 1).await;
        assert_eq!(status.failure.as_deref(), Some("app/app-1: it was killed after 1ms"));

        let news = News::of(&down("app-1")).expect("news");
        let mut group = run::start(&script("sleep 600 & echo ready >&2; wait", dir.path()), &news).expect("starts");
        let mut said = group.0.stderr.take().expect("a pipe");
        let mut word = [0; 6];
        said.read_exact(&mut word).await.expect("it is ready");
        drop(group);
        // The pipe ends when nobody holds it: neither the shell nor what it started.
        assert_eq!(said.read(&mut word).await.expect("reads"), 0);
    });
}

#[test]
fn what_waits_is_bounded_and_the_oldest_goes_first() {
    let dir = tempfile::tempdir().expect("a folder");
    here(async {
        let words = r#"until [ -e "$1/go" ]; do sleep 0.01; done; echo "$POISE_STATE" >> "$1/told""#;
        let hook = Worked::new(script(words, dir.path()));
        hook.tell(turned("app-1", Health::Unknown, Health::Down));
        hook.until(|status| status.running == 1).await;
        // One runs; the first of those that wait has to go.
        hook.tell(turned("app-1", Health::Down, Health::Up));
        for _ in 0..WAITING_MAX {
            hook.tell(down("app-1"));
        }
        let status = hook.until(|status| status.lost_total == 1).await;
        assert_eq!((status.running, status.waiting), (1, 256));
        std::fs::write(dir.path().join("go"), "").expect("written");
        hook.until(|status| status.passed_total >= 3).await;
        // A stop waits for no queue.
        drop(hook.news);
        hook.run.await.expect("ends");
    });
    let told = std::fs::read_to_string(dir.path().join("told")).expect("written");
    assert!(told.starts_with("down\ndown\n"), "{told}");
}
