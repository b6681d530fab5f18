//! Deadlines and phases as connections see them.

use std::time::Duration;

use super::*;
use crate::published::Publisher;
use crate::records::{evidence, lines, ring};

fn context() -> Rc<WorkerContext> {
    context_within(Budget::of(1_024, 1))
}

/// A context of an empty plan, with no thread around it.
pub(crate) fn context_within(budget: Budget) -> Rc<WorkerContext> {
    let rings = Rings { records: ring(1).0, lines: lines::ring(1).0, evidence: evidence::ring(1).0 };
    let published = Publisher::new().published();
    let shared = Shared {
        published,
        tls: tls::Published::default(),
        tls_log: Throttle::default(),
        start: Instant::now(),
        budget,
        accept_log: Throttle::default(),
        dials: Arc::default(),
        bell: Bell::default(),
        pages: Shelf::default(),
        process: 1,
    };
    Rc::new(WorkerContext::new(0, rings, &shared))
}

async fn with_sweep<F: Future>(ctx: &Rc<WorkerContext>, work: F) -> F::Output {
    let sweep = tokio::task::spawn_local(super::super::sweep::run(Rc::clone(ctx)));
    let output = tokio::time::timeout(Duration::from_mins(1), work).await.expect("no alarm within a minute");
    sweep.abort();
    output
}

#[tokio::test(flavor = "local")]
async fn a_wait_ends_at_its_deadline_and_not_before() {
    let ctx = context();
    let began = Instant::now();
    let watch = ctx.watch(150);
    let ended = with_sweep(&ctx, watch.bound(std::future::pending::<()>())).await;
    assert_eq!(ended, Err(Alarm::Due));
    assert!(began.elapsed() >= Duration::from_millis(150), "early: {:?}", began.elapsed());
}

#[tokio::test(flavor = "local")]
async fn work_that_is_ready_wins_over_its_deadline() {
    let ctx = context();
    let watch = ctx.watch(0);
    assert_eq!(watch.bound(std::future::ready(7)).await, Ok(7));
}

#[tokio::test(flavor = "local")]
async fn draining_reaches_only_those_at_rest_and_cutting_everybody() {
    let ctx = context();
    let watch = ctx.watch(60_000);
    let rest = || std::future::poll_fn(|cx| watch.poll_rest(cx));
    let busy = || std::future::poll_fn(|cx| watch.poll_alarm(cx));
    ctx.enter(Phase::Draining);
    assert_eq!(rest().await, Alarm::Draining);
    let waiting = tokio::time::timeout(Duration::from_millis(1), busy()).await;
    assert!(waiting.is_err(), "a busy connection lives on while draining");
    ctx.enter(Phase::Cutting);
    assert_eq!((rest().await, busy().await), (Alarm::Cut, Alarm::Cut));
}
