//! Questions about the health log, and the rows on their way to the recorder.
//!
//! What memory holds is taken here; the answer is made on a thread that may wait for a disk.

use std::sync::Arc;
use std::time::Duration;

use poise_ipc::BackendPath;
use poise_ipc::advice::unrecorded;
use poise_ipc::health::{Exchange, WhyAnswer, WhyQuery};
use poise_ipc::message::{ErrorCode, ErrorReply, LogFilter, LogQuery, Reply};
use poise_ipc::status::Health;
use tokio::sync::Semaphore;

use super::commit::answer;
use super::{Asker, Reconcile};
use crate::control::checks::Question;
use crate::control::command::Answer;
use crate::control::ports::Ports;
use crate::recorder::ReadError;
use crate::wall::now_ms;

/// Questions that are answered at once; each reads the disk for some time.
const QUESTIONS_MAX: usize = 4;

/// How long a question may take in all: a client waits 5 s for its answer unless told otherwise.
const ANSWER_TIME: Duration = Duration::from_secs(4);

/// Leave to ask the disk.
pub(super) fn leave() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(QUESTIONS_MAX))
}

/// What is known of a backend besides the log.
struct Known {
    is_configured: bool,
    /// Its health and since when, where now is asked about.
    now: Option<(Health, u64)>,
    turned: Option<(u64, Arc<Exchange>)>,
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Hands the recorder the rows that are due.
    pub(super) fn hand_over(&mut self) {
        if self.frozen {
            return;
        }
        for kept in self.log.take_due() {
            self.parts.recorder.record(kept);
        }
    }

    /// Says so when the recorder begins or ceases to fail, or has lost rows.
    pub(super) fn watch_recorder(&mut self) {
        let status = self.parts.recorder.status();
        let finding = unrecorded(status.failure.as_deref(), status.lost_total);
        if finding != self.unrecorded {
            self.unrecorded = finding;
            self.judge();
        }
    }

    /// Ends all rows and hands them over, as before a stop.
    pub(super) fn hand_over_all(&mut self) {
        self.log.close_all();
        self.hand_over();
    }

    /// Answers with rows of the log.
    pub(super) fn logs(&self, query: LogQuery, asker: Asker) {
        let newest = (query.before_seq.unwrap_or(u64::MAX), query.limit as usize);
        let question = self.log.question(&query.filter, Some(newest), self.parts.recorder.reader());
        let recorder = self.parts.recorder.status();
        self.inquire(asker, move || {
            let rows = question.logs(&query).map_err(|error| refused(&error))?;
            Ok(Reply::Logs { rows, lost_total: recorder.lost_total, recorder })
        });
    }

    /// Answers how a backend was at a moment, and why.
    pub(super) fn why(&self, query: WhyQuery, asker: Asker) {
        let WhyQuery { group, backend, at_ms } = query;
        let of = LogFilter { group: Some(group.clone()), backend: Some(backend.clone()), ..LogFilter::default() };
        let question = self.log.question(&of, None, self.parts.recorder.reader());
        let path = BackendPath { group, backend };
        let id = self.state.identities.backends.get(&path).copied();
        let now = now_ms();
        let status = id.filter(|_| at_ms.is_none()).map(|id| self.trackers.status(id, now));
        let known = Known {
            is_configured: id.is_some(),
            now: status.map(|status| (status.health, status.since_ms)),
            turned: id.and_then(|id| self.log.turned(id)),
        };
        self.inquire(asker, move || explained(&question, &path, at_ms.unwrap_or(now), &known));
    }

    fn inquire(&self, asker: Asker, work: impl FnOnce() -> Answer + Send + 'static) {
        // What memory alone answers waits for nothing.
        let leave = match Arc::clone(&self.questions).try_acquire_owned() {
            Err(_) if !self.parts.recorder.stands_still() => {
                let error = ErrorReply::new(ErrorCode::Busy, "too many questions about the health log at once");
                return answer(asker, Err(error.hint("try again in a moment")));
            }
            leave => leave,
        };
        let found = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop(leave);
            answer
        });
        drop(tokio::spawn(async move {
            let answered = tokio::time::timeout(ANSWER_TIME, found).await;
            let late = || Err(ErrorReply::new(ErrorCode::Storage, "the disk of the health log does not answer"));
            answer(asker, answered.map_or_else(|_| late(), |done| done.unwrap_or_else(|_| late())));
        }));
    }
}

fn explained(question: &Question, path: &BackendPath, at_ms: u64, known: &Known) -> Answer {
    let mut why: WhyAnswer = question.why(path, at_ms).map_err(|error| refused(&error))?;
    if why.rows.is_empty() && !known.is_configured {
        let error = ErrorReply::new(ErrorCode::NotFound, format!("no backend {path}, and none in the health log"));
        return Err(ErrorReply { path: Some(poise_ipc::edit::backend_path(path)), ..error });
    }
    if let Some((health, since_ms)) = known.now {
        // A backend that was just given another address has begun anew without a row.
        why.transition = why.transition.filter(|_| why.health == health);
        why.since_ms = since_ms;
        why.health = health;
    }
    if let Some(row) = &why.transition {
        let fresh = known.turned.as_ref().filter(|(seq, _)| *seq == row.seq);
        why.exchange = match fresh {
            Some((_, exchange)) => Some(Exchange::clone(exchange)),
            None => question.reader().exchange(row.seq).map_err(|error| refused(&error))?,
        };
    }
    Ok(Reply::Why(Box::new(why)))
}

fn refused(error: &ReadError) -> ErrorReply {
    match error {
        ReadError::TooLong => {
            ErrorReply::new(ErrorCode::Busy, error.to_string()).hint("name a backend, or a shorter time")
        }
        ReadError::Disk(_) => ErrorReply::new(ErrorCode::Storage, error.to_string()),
    }
}
