//! Which events are due, and what counts as moved.

use std::net::SocketAddr;

use poise_ipc::message::LogFilter;
use poise_ipc::model::{Backend, FailOpen, HealthCheck, Listener, Protocol, Scheduler};
use poise_ipc::status::{
    BackendCounters, DaemonStatus, GroupStatus, HealthStatus, LastVerdict, ListenerCounters, Phase, Phases, Reason,
    RecorderStatus, Verdict,
};

use super::*;
use crate::control::bus::{Bus, EVENTS_MAX};

fn address() -> SocketAddr {
    "127.0.0.1:80".parse().unwrap()
}

fn backend(id: u64, picks_total: u64) -> BackendStatus {
    let (group, name) = ("app".parse().unwrap(), format!("b{id}").parse().unwrap());
    let counters = BackendCounters { picks_total, ..BackendCounters::default() };
    BackendStatus { id, effective_weight: 100, counters, ..BackendStatus::of(group, name, &Backend::new(address())) }
}

fn status(requests_total: u64, backends: Vec<BackendStatus>) -> Arc<Status> {
    let counters = ListenerCounters { requests_total, ..ListenerCounters::default() };
    let settings = Listener::new(address(), Protocol::Http, "app".parse().unwrap());
    let listener = ListenerStatus { counters, ..ListenerStatus::of("web".parse().unwrap(), &settings) };
    let group = GroupStatus {
        name: "app".parse().unwrap(),
        scheduler: Scheduler::Wrr,
        health_check: HealthCheck::default(),
        fail_open: FailOpen::default(),
        failing_open: false,
        queued: 0,
        queue_wait_ms: 0,
        latency: poise_ipc::status::LatencyWindows::default(),
        counters: poise_ipc::status::GroupCounters::default(),
        backends,
        on_backups: false,
    };
    let daemon = DaemonStatus {
        version: String::new(),
        host: String::new(),
        pid: 1,
        started_ms: 0,
        workers: 1,
        config_file: None,
        drift: false,
        records_lost_total: 0,
        read_only: false,
        predecessors: Vec::new(),
    };
    let (listeners, groups, findings) = (vec![listener], vec![group], vec![]);
    Arc::new(Status {
        at_ms: 5,
        daemon,
        revision: 1,
        generation: 1,
        listeners,
        groups,
        findings,
        certificates: vec![],
        recorder: RecorderStatus::default(),
        hook: None,

        window: None,
        layers: Vec::new(),
        layers_ended: Vec::new(),
    })
}

fn subscription(bus: &Bus, topics: &[Topic]) -> Subscription {
    let wanted = Subscribe { topics: topics.to_vec(), interval_ms: 1_000, filter: LogFilter::default() };
    Subscription::new(wanted, &bus.feed())
}

fn fail_open(active: bool) -> What {
    What::FailOpen { group: "app".parse().unwrap(), active }
}

#[tokio::test]
async fn the_first_snapshot_comes_before_events_that_already_wait() {
    let (bus, mut numbers) = (Bus::new(), Numbers::default());
    let mut subscription = subscription(&bus, &[Topic::Health]);
    bus.publish(1, fail_open(true));
    assert!(matches!(subscription.due(&mut numbers).await, Due::Snapshot));
    assert_eq!(subscription.snapshot(status(0, vec![]), &mut numbers).seq, 1);
    let Due::Event(event) = subscription.due(&mut numbers).await else { panic!("the event") };
    assert_eq!((event.seq, event.at_ms), (2, 1));
}

#[tokio::test]
async fn what_was_lost_leaves_a_gap_in_the_numbers_and_a_snapshot_follows() {
    let (bus, mut numbers) = (Bus::new(), Numbers::default());
    let mut subscription = subscription(&bus, &[Topic::Health]);
    subscription.snapshot(status(0, vec![]), &mut numbers);
    let published = EVENTS_MAX as u64 + 10;
    for _ in 0..published {
        bus.publish(1, fail_open(true));
    }
    let Due::Event(event) = subscription.due(&mut numbers).await else { panic!("the loss") };
    assert_eq!(event.body, EventBody::Lost { count: published });
    assert_eq!(event.seq, 1 + published + 1);
    assert!(matches!(subscription.due(&mut numbers).await, Due::Snapshot));
}

#[tokio::test(start_paused = true)]
async fn counters_are_due_at_their_interval_and_only_if_asked_for() {
    let (bus, mut numbers) = (Bus::new(), Numbers::default());
    let mut with = subscription(&bus, &[Topic::Counters]);
    with.snapshot(status(0, vec![]), &mut numbers);
    let began = Instant::now();
    for second in 1..=3 {
        assert!(matches!(with.due(&mut numbers).await, Due::Counters));
        assert_eq!(began.elapsed().as_secs(), second);
    }
    let mut without = subscription(&bus, &[Topic::Health]);
    without.snapshot(status(0, vec![]), &mut numbers);
    let waited = tokio::time::timeout(Duration::from_secs(100), without.due(&mut numbers)).await;
    assert!(waited.is_err(), "nothing is due");
}

#[tokio::test]
async fn only_rows_that_moved_are_told() {
    let (bus, mut numbers) = (Bus::new(), Numbers::default());
    let mut subscription = subscription(&bus, &[Topic::Counters]);
    let first = status(7, vec![backend(1, 10), backend(2, 20)]);
    subscription.snapshot(Arc::clone(&first), &mut numbers);
    assert_eq!(subscription.moved(first, &mut numbers), None, "the same snapshot");
    assert_eq!(subscription.moved(status(7, vec![backend(1, 10), backend(2, 20)]), &mut numbers), None);

    let event = subscription.moved(status(7, vec![backend(1, 10), backend(2, 21)]), &mut numbers).unwrap();
    let EventBody::Counters(moved) = event.body else { panic!("counters") };
    assert_eq!((moved.listeners.len(), moved.backends.len()), (0, 1));
    assert_eq!((moved.backends[0].name.as_str(), moved.backends[0].counters.picks_total), ("b2", 21));

    let mut down = backend(1, 10);
    down.effective_weight = 0;
    let event = subscription.moved(status(8, vec![down, backend(2, 21), backend(3, 0)]), &mut numbers).unwrap();
    let EventBody::Counters(moved) = event.body else { panic!("counters") };
    let names: Vec<_> = moved.backends.iter().map(|b| b.name.as_str()).collect();
    assert_eq!((moved.listeners.len(), names), (1, vec!["b1", "b3"]), "a new weight and a new backend");
}

#[tokio::test]
async fn one_more_pass_is_no_news_and_one_more_failure_is() {
    let (bus, mut numbers) = (Bus::new(), Numbers::default());
    let mut subscription = subscription(&bus, &[Topic::Counters]);
    let probed = |verdict: Verdict, streak: u32| {
        let last =
            LastVerdict { at_ms: u64::from(streak), verdict, latency_us: u64::from(streak), phases: Phases::default() };
        let health = HealthStatus { streak, last: Some(last), ..HealthStatus::default() };
        status(0, vec![BackendStatus { health, ..backend(1, 0) }])
    };
    let fail = || Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None };
    let mut is_told = |status| subscription.moved(status, &mut numbers).is_some();
    is_told(probed(Verdict::Pass { code: Some(200) }, 1));
    assert!(!is_told(probed(Verdict::Pass { code: Some(200) }, 2)));
    assert!(is_told(probed(Verdict::Pass { code: Some(204) }, 3)));
    assert!(is_told(probed(fail(), 1)));
    assert!(is_told(probed(fail(), 2)));
}

#[tokio::test]
async fn the_end_of_the_publisher_is_the_end_of_the_subscription() {
    let (bus, mut numbers) = (Bus::new(), Numbers::default());
    let mut subscription = subscription(&bus, &[Topic::Health]);
    subscription.snapshot(status(0, vec![]), &mut numbers);
    drop(bus);
    assert!(matches!(subscription.due(&mut numbers).await, Due::Ended));
}
