//! One reader's view of what happens: which events it asked for, numbered, and what it lost.
//!
//! The queue of a slow reader is the bus itself, bounded there; what it loses is counted here and
//! mended by a snapshot. Counters are differences between two snapshots. It sends nothing: the
//! connection does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use poise_ipc::Name;
use poise_ipc::message::{
    BackendMoved, Counters, Event, EventBody, GroupMoved, ListenerMoved, RouteMoved, Subscribe, Topic,
};
use poise_ipc::status::{BackendStatus, GroupStatus, HealthStatus, ListenerStatus, RouteStatus, Status};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::control::bus::{Feed, Happening, What};
use crate::wall::now_ms;

/// Numbers of the events of a connection. They go on when a subscription is replaced.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    last: u64,
}

/// What a reader has asked for and what it knows.
#[derive(Debug)]
pub(super) struct Subscription {
    wanted: Subscribe,
    feed: Receiver<Arc<Happening>>,
    ticks: Interval,
    /// The reader must have a snapshot before it can trust what it has.
    owed: bool,
    /// The state as the reader knows it.
    known: Option<Arc<Status>>,
}

/// What a subscription is ready for.
#[derive(Debug)]
pub(super) enum Due {
    /// This event.
    Event(Event),
    /// A snapshot, to be handed to [`Subscription::snapshot`].
    Snapshot,
    /// A look at the counters, to be handed to [`Subscription::moved`].
    Counters,
    /// Nothing that this reader wants.
    Nothing,
    /// poised ends.
    Ended,
}

impl Numbers {
    fn event(&mut self, at_ms: u64, body: EventBody) -> Event {
        self.last += 1;
        Event { seq: self.last, at_ms, body }
    }
}

impl Subscription {
    /// Begins with the next event; a snapshot is due at once.
    pub(super) fn new(wanted: Subscribe, feed: &Feed) -> Self {
        let every = Duration::from_millis(u64::from(wanted.interval_ms));
        let mut ticks = interval_at(Instant::now() + every, every);
        // A reader that was slow wants the newest counters, not those it missed.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { wanted, feed: feed.subscribe(), ticks, owed: true, known: None }
    }

    /// Waits until something is due.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn due(&mut self, numbers: &mut Numbers) -> Due {
        // The first snapshot goes before everything, so that events have something to apply to;
        // later ones wait for the events before them, so that none is older than what it follows.
        if self.owed && (self.known.is_none() || self.feed.is_empty()) {
            return Due::Snapshot;
        }
        let counters = self.wants(Topic::Counters);
        tokio::select! {
            happened = self.feed.recv() => self.happened(happened, numbers),
            _ = self.ticks.tick(), if counters => Due::Counters,
        }
    }

    fn happened(&mut self, happened: Result<Arc<Happening>, RecvError>, numbers: &mut Numbers) -> Due {
        match happened {
            Ok(happening) => match self.select(&happening.what) {
                Some(body) => Due::Event(numbers.event(happening.at_ms, body)),
                None => Due::Nothing,
            },
            Err(RecvError::Lagged(missed)) => {
                // What still waits is old: the snapshot that follows says more, and at once. The
                // gap in the numbers is what the reader could have had at the most.
                let count = missed + self.feed.len() as u64;
                self.feed = self.feed.resubscribe();
                self.owed = true;
                numbers.last += count;
                Due::Event(numbers.event(now_ms(), EventBody::Lost { count }))
            }
            Err(RecvError::Closed) => Due::Ended,
        }
    }

    fn select(&mut self, what: &What) -> Option<EventBody> {
        match what {
            What::Committed(commit) if self.wants(Topic::Config) => {
                self.owed = true;
                Some(EventBody::Committed(commit.clone()))
            }
            What::Window(news) if self.wants(Topic::Config) => {
                self.owed = true;
                Some(EventBody::Window(news.clone()))
            }
            What::Layer(news) if self.wants(Topic::Config) => {
                self.owed = true;
                Some(EventBody::Layer(news.clone()))
            }
            What::Checked(row) if self.wants(Topic::Checks) && self.wanted.filter.takes(row) => {
                Some(EventBody::Checked(row.clone()))
            }
            news if self.wants(Topic::Health) => {
                self.owed |= matches!(news, What::Certificate(_));
                news.health_news()
            }
            _ => None,
        }
    }

    fn wants(&self, topic: Topic) -> bool {
        self.wanted.topics.contains(&topic)
    }

    /// The snapshot that was due, as an event.
    pub(super) fn snapshot(&mut self, status: Arc<Status>, numbers: &mut Numbers) -> Event {
        self.owed = false;
        let body = EventBody::Snapshot(Box::new(Status::clone(&status)));
        let at_ms = status.at_ms;
        self.known = Some(status);
        numbers.event(at_ms, body)
    }

    /// What moved since the reader last heard of it, if anything did.
    pub(super) fn moved(&mut self, status: Arc<Status>, numbers: &mut Numbers) -> Option<Event> {
        let moved = match &self.known {
            Some(known) if Arc::ptr_eq(known, &status) => return None,
            Some(known) => difference(known, &status),
            None => {
                difference(&Status { listeners: Vec::new(), groups: Vec::new(), ..Status::clone(&status) }, &status)
            }
        };
        // What goes wrong beside the traffic is in snapshots alone, and is to be seen at once.
        self.owed |= self.known.as_ref().is_some_and(|known| troubles(known) != troubles(&status));
        let at_ms = status.at_ms;
        self.known = Some(status);
        (!moved.is_empty()).then(|| numbers.event(at_ms, EventBody::Counters(moved)))
    }
}

/// Whether the recorder and the hook are in trouble.
fn troubles(status: &Status) -> (bool, bool) {
    (status.recorder.failure.is_some(), status.hook.as_ref().is_some_and(|hook| hook.failure.is_some()))
}

/// The rows of `now` that are not as they were.
fn difference(before: &Status, now: &Status) -> Counters {
    let listeners: HashMap<&Name, &ListenerStatus> = before.listeners.iter().map(|l| (&l.name, l)).collect();
    let backends: HashMap<u64, &BackendStatus> = backends(before).map(|b| (b.id, b)).collect();
    let groups: HashMap<&Name, &GroupStatus> = before.groups.iter().map(|g| (&g.name, g)).collect();
    let moved_listener = |l: &&ListenerStatus| {
        listeners.get(&l.name).is_none_or(|was| (&was.counters, &was.latency) != (&l.counters, &l.latency))
    };
    let moved_group = |g: &&GroupStatus| {
        groups.get(&g.name).is_none_or(|was| (&was.counters, &was.latency) != (&g.counters, &g.latency))
    };
    let moved_backend = |b: &&BackendStatus| backends.get(&b.id).is_none_or(|was| !same(was, b));
    Counters {
        listeners: now.listeners.iter().filter(moved_listener).map(listener_moved).collect(),
        backends: self::backends(now).filter(moved_backend).map(backend_moved).collect(),
        routes: now.listeners.iter().flat_map(|l| routes_moved(listeners.get(&l.name).copied(), l)).collect(),
        groups: now.groups.iter().filter(moved_group).map(group_moved).collect(),
    }
}

fn backends(status: &Status) -> impl Iterator<Item = &BackendStatus> {
    status.groups.iter().flat_map(|group| &group.backends)
}

fn same(was: &BackendStatus, is: &BackendStatus) -> bool {
    was.counters == is.counters
        && was.latency == is.latency
        && was.effective_weight == is.effective_weight
        && (&was.drain, was.pinned_entries, was.queued) == (&is.drain, is.pinned_entries, is.queued)
        && same_health(&was.health, &is.health)
}

/// Whether the health says the same. One more pass is no news: it comes with every probe, and a reader
/// that wants each verdict subscribes to them. A growing streak of failures is.
fn same_health(was: &HealthStatus, is: &HealthStatus) -> bool {
    let verdict = |health: &HealthStatus| health.last.as_ref().map(|last| last.verdict.clone());
    let failing = is.last.as_ref().is_some_and(|last| last.verdict.failed());
    (was.health, was.since_ms, was.transitions_10min) == (is.health, is.since_ms, is.transitions_10min)
        && verdict(was) == verdict(is)
        && (!failing || was.streak == is.streak)
}

fn listener_moved(listener: &ListenerStatus) -> ListenerMoved {
    ListenerMoved { name: listener.name.clone(), counters: listener.counters.clone(), latency: listener.latency }
}

fn group_moved(group: &GroupStatus) -> GroupMoved {
    GroupMoved { name: group.name.clone(), counters: group.counters.clone(), latency: group.latency }
}

/// The routes of a listener that are not as they were. Between two commits they stand where they stood.
fn routes_moved(was: Option<&ListenerStatus>, listener: &ListenerStatus) -> impl Iterator<Item = RouteMoved> {
    let before = was.map(|was| &was.routes[..]).unwrap_or_default();
    let moved = |(at, route): &(usize, &RouteStatus)| before.get(*at) != Some(route);
    listener.routes.iter().enumerate().filter(move |entry| moved(entry)).map(|(_, route)| RouteMoved {
        listener: listener.name.clone(),
        route: route.name.clone(),
        counters: route.counters.clone(),
        latency: route.latency,
    })
}

fn backend_moved(backend: &BackendStatus) -> BackendMoved {
    BackendMoved {
        group: backend.group.clone(),
        name: backend.name.clone(),
        effective_weight: backend.effective_weight,
        health: backend.health.clone(),
        counters: backend.counters.clone(),
        drain: backend.drain.clone(),
        pinned_entries: backend.pinned_entries,
        queued: backend.queued,
        latency: backend.latency,
    }
}

#[cfg(test)]
mod tests;
