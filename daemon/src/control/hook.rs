//! The hook: a command of the operator's that is run for news of health, to page somebody.
//!
//! One run per transition, episode of flapping, ejection, fail-open and certificate: whatever the
//! bus tells of health, but not that a backend was found up at the start. News wait in a bounded
//! queue; a backend's news are run one after another, those of several side by side. Every run has a
//! deadline and is counted. It never holds up control: it only listens to the bus. `lib.rs` wires it.

mod run;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use poise_ipc::message::EventBody;
use poise_ipc::status::{Health, HookStatus};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tracing::warn;

use self::run::Mishap;
use super::bus::Happening;

/// Runs at once: what is stuck does not hold up the others, and a storm of news does not take the machine.
const RUNNING_MAX: usize = 4;
/// News that wait: a group of 200 backends may fall at once.
const WAITING_MAX: usize = 256;
/// How long runs may go on when poised stops.
const STOP_WAIT: Duration = Duration::from_secs(1);

/// The command: a program and its arguments, never a line for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// Its arguments, the same for every run.
    pub args: Vec<String>,
    /// How long a run may take.
    pub timeout: Duration,
}

/// Where it is counted how the runs end; the status reads it.
#[derive(Clone, Debug, Default)]
pub struct Board(Option<Arc<Mutex<HookStatus>>>);

impl Board {
    /// A board for a hook; without one there is nothing to count.
    pub fn new(hook: Option<&Hook>) -> Self {
        let status = |hook: &Hook| HookStatus { program: hook.program.display().to_string(), ..HookStatus::default() };
        Self(hook.map(|hook| Arc::new(Mutex::new(status(hook)))))
    }

    /// What stands on it.
    pub fn status(&self) -> Option<HookStatus> {
        self.0.as_ref().map(|status| status.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn note(&self, edit: impl FnOnce(&mut HookStatus)) {
        if let Some(status) = &self.0 {
            edit(&mut status.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Something to run the command for.
#[derive(Debug)]
struct News {
    /// News of one subject are run in their order.
    subject: String,
    at_ms: u64,
    body: EventBody,
}

impl News {
    /// The news in what happened, if it is worth a run.
    fn of(happening: &Happening) -> Option<Self> {
        let body = happening.what.health_news()?;
        let subject = match &body {
            // Everything that is well is found up at the start: that pages nobody.
            EventBody::Transition(news) if (news.from, news.to) == (Health::Unknown, Health::Up) => return None,
            EventBody::Transition(news) => format!("{}/{}", news.group, news.backend),
            EventBody::Flapping(news) => format!("{}/{}", news.group, news.backend),
            EventBody::Ejected(news) => format!("{}/{}", news.group, news.backend),
            EventBody::Drained(news) => format!("{}/{}", news.group, news.backend),
            EventBody::FailOpen { group, .. } => group.to_string(),
            EventBody::Certificate(news) => format!("certificate {}", news.certificate),
            _ => return None,
        };
        Some(Self { subject, at_ms: happening.at_ms, body })
    }
}

/// The queue and what runs.
struct Runner {
    hook: Arc<Hook>,
    board: Board,
    waiting: VecDeque<News>,
    /// Subjects whose run is under way, at most [`RUNNING_MAX`].
    busy: Vec<String>,
    runs: JoinSet<(String, Result<(), Mishap>)>,
    /// Whether the loss of news has been logged and none has got through since.
    overrun: bool,
}

/// Runs the command for what the bus tells, until the bus ends.
pub async fn run(hook: Option<Hook>, board: Board, mut news: Receiver<Arc<Happening>>) {
    let Some(hook) = hook else { return };
    let hook = Arc::new(hook);
    let (waiting, busy, runs) = (VecDeque::new(), Vec::new(), JoinSet::new());
    let mut runner = Runner { hook, board, waiting, busy, runs, overrun: false };
    loop {
        tokio::select! {
            told = news.recv() => match told {
                Ok(happening) => runner.take(&happening),
                // What was missed were mostly verdicts; how much of it was news cannot be known.
                Err(RecvError::Lagged(count)) => runner.lose(count),
                Err(RecvError::Closed) => break,
            },
            Some(ended) = runner.runs.join_next() => runner.ended(ended.ok()),
        }
        runner.start();
    }
    runner.stop().await;
}

impl Runner {
    fn take(&mut self, happening: &Happening) {
        let Some(news) = News::of(happening) else { return };
        if self.waiting.len() == WAITING_MAX {
            // Whoever is paged late wants to know how it stands, not how it stood.
            self.waiting.pop_front();
            self.lose(1);
        }
        self.waiting.push_back(news);
    }

    fn lose(&mut self, count: u64) {
        self.board.note(|status| status.lost_total += count);
        if !std::mem::replace(&mut self.overrun, true) {
            warn!(program = %self.hook.program.display(), "the hook is slower than the news: some are lost");
        }
    }

    /// Starts what may run.
    fn start(&mut self) {
        while self.busy.len() < RUNNING_MAX {
            let Some(next) = self.waiting.iter().position(|news| !self.busy.contains(&news.subject)) else { break };
            let Some(news) = self.waiting.remove(next) else { break };
            let (hook, subject) = (Arc::clone(&self.hook), news.subject.clone());
            self.busy.push(subject.clone());
            self.runs.spawn(async move { (subject, run::run(&hook, &news).await) });
        }
        let (running, waiting) = (count(self.busy.len()), count(self.waiting.len()));
        self.board.note(|status| (status.running, status.waiting) = (running, waiting));
    }

    fn ended(&mut self, ended: Option<(String, Result<(), Mishap>)>) {
        // A run that panicked says nothing; only stopped ones are aborted.
        let Some((subject, outcome)) = ended else { return };
        self.busy.retain(|busy| *busy != subject);
        self.overrun &= !self.waiting.is_empty();
        if let Err(mishap) = &outcome {
            warn!(program = %self.hook.program.display(), %subject, %mishap, "the hook went wrong");
        }
        self.board.note(|status| {
            match &outcome {
                Ok(()) => status.passed_total += 1,
                Err(Mishap::TimedOut { .. }) => status.timed_out_total += 1,
                Err(_) => status.failed_total += 1,
            }
            status.failure = outcome.err().map(|mishap| format!("{subject}: {mishap}"));
        });
    }

    /// Gives what runs a moment; whatever is left then is killed.
    async fn stop(mut self) {
        if !self.waiting.is_empty() {
            warn!(waiting = self.waiting.len(), "poised stops before the hook was run for all news");
        }
        // What takes longer is killed when it is dropped.
        let _ = tokio::time::timeout(STOP_WAIT, async { while self.runs.join_next().await.is_some() {} }).await;
    }
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
