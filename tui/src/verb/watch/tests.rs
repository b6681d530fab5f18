//! Events are a sentence for people and an object for programs.

use poise_ipc::edit::Edit;
use poise_ipc::message::{
    Author, BackendMoved, Commit, Counters, Drained, Event, EventBody, GroupMoved, ListenerMoved, RouteMoved, Topic,
    Transition,
};
use poise_ipc::model::DrainEnd;
use poise_ipc::status::{
    BackendCounters, DrainOutcome, GroupCounters, Health, HealthStatus, LatencyWindows, ListenerCounters, RouteCounters,
};

use super::super::fixture::{AT_MS, args, check_row, refused, status};
use super::{Args, Format, line, subscription};

fn event(body: EventBody) -> Event {
    Event { seq: 4, at_ms: AT_MS, body }
}

fn transition() -> EventBody {
    EventBody::Transition(Transition {
        group: "app".parse().unwrap(),
        backend: "app-2".parse().unwrap(),
        from: Health::Up,
        to: Health::Down,
        verdict: refused(),
        streak: 3,
    })
}

fn drained(outcome: DrainOutcome) -> EventBody {
    let (group, backend) = ("app".parse().unwrap(), "app-2".parse().unwrap());
    EventBody::Drained(Drained { group, backend, outcome, then: DrainEnd::Close, open: 3 })
}

fn bodies() -> Vec<(EventBody, &'static str)> {
    let (group, name) = (|| "app".parse().unwrap(), || "app-2".parse().unwrap());
    let commit = Commit {
        revision: 413,
        at_ms: AT_MS,
        author: Author::new(0, "root", 1),
        reason: Some("less load".to_owned()),
        edits: vec![Edit::set("groups.app.scheduler", "wlc")],
        inverse: Vec::new(),
    };
    let counters = Counters {
        listeners: vec![ListenerMoved {
            name: "web".parse().unwrap(),
            counters: ListenerCounters::default(),
            latency: LatencyWindows::default(),
        }],
        backends: vec![BackendMoved {
            group: group(),
            name: name(),
            effective_weight: 50,
            health: HealthStatus::default(),
            counters: BackendCounters { picks_total: 9, ..BackendCounters::default() },
            drain: None,
            pinned_entries: 0,
            queued: 0,
            latency: LatencyWindows::default(),
        }],
        routes: vec![RouteMoved {
            listener: "web".parse().unwrap(),
            route: None,
            counters: RouteCounters { requests_total: 7, ..RouteCounters::default() },
            latency: LatencyWindows::default(),
        }],
        groups: vec![GroupMoved {
            name: group(),
            counters: GroupCounters { requests_total: 8, inflight: 1, ..GroupCounters::default() },
            latency: LatencyWindows::default(),
        }],
    };
    vec![
        (EventBody::Snapshot(Box::new(status())), "snapshot    revision 412, 2 listeners, 3 backends, 2 up"),
        (EventBody::Committed(commit), "committed   revision 413 by root (less load): groups.app.scheduler = wlc"),
        (transition(), "transition  app/app-2 up -> down: fail connect refused, 3 in a row"),
        (
            EventBody::FailOpen { group: group(), active: true },
            "fail-open   group app fails open: too few of its backends are usable",
        ),
        (EventBody::FailOpen { group: group(), active: false }, "fail-open   group app no longer fails open"),
        (EventBody::Checked(check_row(7, 2)), "checked     app/app-2 10.0.0.2:8080: fail connect refused x2"),
        (
            EventBody::Counters(counters),
            "counters    listener web: 0 open, 0 requests, 0 errors\n\
             2026-11-22T14:02:08.122Z  counters    route web/-: 7 requests\n\
             2026-11-22T14:02:08.122Z  counters    group app: 8 requests, 1 in flight\n\
             2026-11-22T14:02:08.122Z  counters    app/app-2 unknown: 9 picks, 0 in flight, 0 failures",
        ),
        (drained(DrainOutcome::Empty), "drained     app/app-2 is empty"),
        (drained(DrainOutcome::Deadline), "drained     app/app-2 has had its time: 3 open, they are closed"),
        (EventBody::Lost { count: 5 }, "lost        5 events lost: this reader is too slow"),
    ]
}

#[test]
fn people_read_a_sentence_per_event() {
    for (body, sentence) in bodies() {
        assert_eq!(line(Format::Table, &event(body)), format!("2026-11-22T14:02:08.122Z  {sentence}\n"));
    }
}

#[test]
fn programs_read_an_object_that_names_its_kind_and_holds_the_wire_type() {
    for (body, sentence) in bodies() {
        let kind = sentence.split(' ').next().unwrap();
        let text = line(Format::Jsonl, &event(body));
        assert_eq!(text.lines().count(), 1);
        let row: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(row["kind"], kind);
        assert_eq!((&row["schema_version"], &row["seq"], &row["at_ms"]), (&1.into(), &4.into(), &AT_MS.into()));
        assert!(row[kind].is_object(), "{text}");
    }
}

#[test]
fn tsv_keeps_time_kind_and_sentence_apart() {
    let text = line(Format::Tsv, &event(transition()));
    assert_eq!(text.split('\t').count(), 3);
}

#[test]
fn health_and_config_are_watched_unless_classes_are_named() {
    assert_eq!(subscription(&args::<Args>(&[]).unwrap()).topics, [Topic::Health, Topic::Config]);
    let named = subscription(&args::<Args>(&["counters", "--interval", "500ms", "-b", "app/app-1"]).unwrap());
    assert_eq!((named.topics.as_slice(), named.interval_ms), ([Topic::Counters].as_slice(), 500));
    assert_eq!(named.filter.backend.unwrap().as_str(), "app-1");
}
