//! What the daemon has said, made safe and easy to look up: the newest status, brought up to date
//! by the counters that moved, and the recent past of every total.
//!
//! Shares and rates are computed here from totals; nothing here knows a screen or an edit.

pub mod admit;

use std::collections::{BTreeMap, HashMap, HashSet};

use poise_ipc::message::{Counters, WindowStatus};
use poise_ipc::model::{AdminState, FailOpenUse, FailOpenWhen, Scheduler};
use poise_ipc::name::{BackendPath, Name};
use poise_ipc::status::{BackendStatus, GroupStatus, Health, ListenerStatus, Status};

use super::series::{Growth, Series};

/// Changes of health within ten minutes from which on a backend that is up counts as flapping.
const FLAPS_MIN: u32 = 4;

/// Totals of a listener: connections or requests, bytes both ways, errors.
pub type ListenerSeries = Series<3>;
/// Totals of a backend: connections or requests given to it, failed ones.
pub type BackendSeries = Series<2>;

/// A listener and one of its routes; no name stands for what none of them takes.
type RouteKey = (Name, Option<Name>);

/// The state of the daemon as last told.
#[derive(Clone, Debug)]
pub struct Model {
    status: Status,
    listeners: BTreeMap<Name, ListenerSeries>,
    backends: HashMap<u64, BackendSeries>,
    routes: BTreeMap<RouteKey, Series<1>>,
    now_ms: u64,
}

/// How a backend fares in one word, with its glyph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// It failed its checks.
    Down,
    /// It passes, and damping keeps it out because it comes and goes.
    Damped,
    /// Traffic met it failing and it is out for a time.
    Ejected,
    /// It is up but has changed often.
    Flap,
    /// No verdict yet.
    Unknown,
    /// It takes no new clients.
    Drain,
    /// It is out of service by the operator's wish.
    Maintenance,
    /// It passed its checks.
    Up,
}

impl Condition {
    /// The word for screens and filters.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Down => "DOWN",
            Self::Damped => "DAMPED",
            Self::Ejected => "EJECTED",
            Self::Flap => "FLAP",
            Self::Unknown => "UNKNOWN",
            Self::Drain => "DRAIN",
            Self::Maintenance => "MAINT",
            Self::Up => "UP",
        }
    }

    /// The same in lower case, as filters spell it.
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Damped => "damped",
            Self::Ejected => "ejected",
            Self::Flap => "flap",
            Self::Unknown => "unknown",
            Self::Drain => "drain",
            Self::Maintenance => "maint",
            Self::Up => "up",
        }
    }

    /// The condition of a backend; what the operator wants comes before what the probes say.
    pub fn of(backend: &BackendStatus) -> Self {
        let damped = backend.health.damping.is_some_and(|damping| damping.until_ms.is_some());
        let ejected = backend.health.ejection.is_some_and(|ejection| ejection.active);
        match (backend.state, backend.health.health) {
            (AdminState::Disabled, _) => Self::Maintenance,
            (AdminState::Draining | AdminState::DrainingHard, _) => Self::Drain,
            (AdminState::Enabled, Health::Down) => Self::Down,
            (AdminState::Enabled, Health::Up | Health::Unknown) if ejected => Self::Ejected,
            (AdminState::Enabled, Health::Up | Health::Unknown) if damped => Self::Damped,
            (AdminState::Enabled, Health::Unknown) => Self::Unknown,
            (AdminState::Enabled, Health::Up) if backend.health.transitions_10min >= FLAPS_MIN => Self::Flap,
            (AdminState::Enabled, Health::Up) => Self::Up,
        }
    }
}

/// A backend's part of its group's work, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// By effective weight.
    pub want: f64,
    /// By counters over the window; `None` while there was nothing to count.
    pub got: Option<f64>,
    /// Connections or requests per second.
    pub rps: Option<f64>,
}

impl Share {
    /// Observed minus wanted, in points.
    pub fn dev(&self) -> Option<f64> {
        self.got.map(|got| got - self.want)
    }
}

impl Model {
    /// Takes a first status.
    pub fn new(status: Status) -> Self {
        let mut model = Self {
            now_ms: 0,
            status: admit::status(status),
            listeners: BTreeMap::new(),
            backends: HashMap::new(),
            routes: BTreeMap::new(),
        };
        model.sample();
        model
    }

    /// Takes a newer status; the past of what is still there is kept.
    pub fn replace(&mut self, status: Status) {
        self.status = admit::status(status);
        let listeners: HashSet<&Name> = self.status.listeners.iter().map(|l| &l.name).collect();
        self.listeners.retain(|name, _| listeners.contains(name));
        let backends: HashSet<u64> = self.backends().map(|(_, b)| b.id).collect();
        self.backends.retain(|id, _| backends.contains(id));
        let routes: HashSet<RouteKey> = self.status.listeners.iter().flat_map(keys).collect();
        self.routes.retain(|key, _| routes.contains(key));
        self.sample();
    }

    fn sample(&mut self) {
        let at_ms = self.status.at_ms;
        self.now_ms = at_ms;
        for listener in &self.status.listeners {
            self.listeners.entry(listener.name.clone()).or_default().push(at_ms, listener_totals(listener));
            for (key, route) in keys(listener).zip(&listener.routes) {
                self.routes.entry(key).or_default().push(at_ms, [route.counters.requests_total]);
            }
        }
        for backend in self.status.groups.iter().flat_map(|g| &g.backends) {
            self.backends.entry(backend.id).or_default().push(at_ms, backend_totals(backend));
        }
    }

    /// Takes counters that moved.
    pub fn moved(&mut self, at_ms: u64, counters: Counters) {
        self.now_ms = self.now_ms.max(at_ms);
        for moved in counters.listeners {
            let Some(listener) = self.status.listeners.iter_mut().find(|l| l.name == moved.name) else { continue };
            listener.counters = moved.counters;
            listener.latency = moved.latency;
            self.listeners.entry(moved.name).or_default().push(at_ms, listener_totals(listener));
        }
        for moved in counters.backends {
            let Some(backend) = find_backend(&mut self.status, &moved.group, &moved.name) else { continue };
            backend.effective_weight = moved.effective_weight;
            backend.health = moved.health;
            backend.counters = moved.counters;
            backend.drain = moved.drain;
            backend.pinned_entries = moved.pinned_entries;
            backend.queued = moved.queued;
            backend.latency = moved.latency;
            self.backends.entry(backend.id).or_default().push(at_ms, backend_totals(backend));
        }
        for moved in counters.groups {
            let Some(group) = self.status.groups.iter_mut().find(|g| g.name == moved.name) else { continue };
            (group.counters, group.latency) = (moved.counters, moved.latency);
        }
        for moved in counters.routes {
            let Some(listener) = self.status.listeners.iter_mut().find(|l| l.name == moved.listener) else { continue };
            let Some(route) = listener.routes.iter_mut().find(|r| r.name == moved.route) else { continue };
            (route.counters, route.latency) = (moved.counters, moved.latency);
            let series = self.routes.entry((moved.listener, moved.route)).or_default();
            series.push(at_ms, [route.counters.requests_total]);
        }
    }

    /// Takes a change of health.
    pub fn turned(&mut self, group: &Name, backend: &Name, to: Health, at_ms: u64) {
        if let Some(backend) = find_backend(&mut self.status, group, backend) {
            backend.health.health = to;
            backend.health.since_ms = at_ms;
            // The daemon's own word follows with the next counters.
            let serves = backend.state == AdminState::Enabled && to != Health::Down;
            backend.effective_weight = if serves { u32::from(backend.weight) } else { 0 };
        }
    }

    /// Takes the confirm window, or that there is none.
    pub fn confirm(&mut self, window: Option<WindowStatus>) {
        self.status.window = window.map(admit::window);
    }

    /// Takes the begin or end of fail-open.
    pub fn fail_open(&mut self, group: &Name, active: bool) {
        if let Some(group) = self.status.groups.iter_mut().find(|g| g.name == *group) {
            group.failing_open = active;
        }
    }

    /// Lets time pass without news, so that windows empty.
    pub fn age(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// When the last of those that are ejected or damped is let in again, in milliseconds since the epoch; 0
    /// when nobody is out.
    pub fn out_until_ms(&self) -> u64 {
        let until_ms = |(_, backend): (&GroupStatus, &BackendStatus)| {
            let ejected = backend.health.ejection.filter(|ejection| ejection.active).map(|ejection| ejection.until_ms);
            ejected.max(backend.health.damping.and_then(|damping| damping.until_ms))
        };
        self.backends().filter_map(until_ms).max().unwrap_or(0)
    }

    /// The newest time the daemon has told, or that has passed since.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The status, brought up to date.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Every backend with its group.
    pub fn backends(&self) -> impl Iterator<Item = (&GroupStatus, &BackendStatus)> {
        self.status.groups.iter().flat_map(|g| g.backends.iter().map(move |b| (g, b)))
    }

    /// The path of a backend that is written so.
    pub fn path(&self, text: &str) -> Option<BackendPath> {
        let path: BackendPath = text.parse().ok()?;
        let is_it = |(group, backend): &(&GroupStatus, &BackendStatus)| {
            group.name == path.group && backend.name == path.backend
        };
        self.backends().find(is_it).map(|_| path.clone())
    }

    /// The backend of an id.
    pub fn backend(&self, id: u64) -> Option<(&GroupStatus, &BackendStatus)> {
        self.backends().find(|(_, b)| b.id == id)
    }

    /// The group of a name.
    pub fn group(&self, name: &Name) -> Option<&GroupStatus> {
        self.status.groups.iter().find(|g| g.name == *name)
    }

    /// Shares of a group's backends over a window, in the order of its backends.
    pub fn shares(&self, group: &GroupStatus, window_ms: u64) -> Vec<Share> {
        let wants = wants(group, |b| (b.weight, b.state, b.effective_weight));
        let growths: Vec<Option<Growth<2>>> =
            group.backends.iter().map(|b| self.backends.get(&b.id)?.growth(self.now_ms, window_ms)).collect();
        let all: u64 = growths.iter().flatten().map(|g| g.added[0]).sum();
        let share = |(want, growth): (f64, Option<Growth<2>>)| Share {
            want,
            got: growth.filter(|_| all > 0).map(|g| g.added[0] as f64 * 100.0 / all as f64),
            rps: growth.map(|g| g.per_second(0)),
        };
        wants.into_iter().zip(growths).map(share).collect()
    }

    /// Growth of a listener's totals over a window: work, bytes, errors.
    pub fn listener_growth(&self, name: &Name, window_ms: u64) -> Option<Growth<3>> {
        self.listeners.get(name)?.growth(self.now_ms, window_ms)
    }

    /// Requests that a route took over a window.
    pub fn route_growth(&self, listener: &Name, route: &Option<Name>, window_ms: u64) -> Option<Growth<1>> {
        self.routes.get(&(listener.clone(), route.clone()))?.growth(self.now_ms, window_ms)
    }

    /// How much has ended badly, over all listeners: it grows with every message that is refused.
    pub fn ended_badly_total(&self) -> u64 {
        self.status.listeners.iter().flat_map(|l| &l.counters.causes).map(|&(_, count)| count).sum()
    }

    /// A listener's work per step of ten seconds, oldest first.
    pub fn listener_trend(&self, name: &Name, steps: usize) -> Vec<u64> {
        self.listeners.get(name).map_or_else(Vec::new, |s| s.steps(0, self.now_ms, 10_000, steps))
    }

    /// When the last total that is still inside `window_ms` moved; until it has left, shares change with time.
    pub fn moving_until_ms(&self, window_ms: u64) -> Option<u64> {
        let newest = self.backends.values().filter_map(Series::last_ms).max();
        let listeners = self.listeners.values().filter_map(Series::last_ms).max();
        newest.max(listeners).map(|at_ms| at_ms + window_ms + 1_000)
    }
}

/// Wanted shares of a group in percent, from each backend's weight, admin state and effective weight.
///
/// While every effective weight is 0 and the group fails open, its enabled backends share by weight.
pub fn wants(group: &GroupStatus, of: impl Fn(&BackendStatus) -> (u16, AdminState, u32)) -> Vec<f64> {
    let mut weights: Vec<u32> = group.backends.iter().map(|b| of(b).2).collect();
    let opens = group.fail_open.when != FailOpenWhen::Never && group.fail_open.using != FailOpenUse::Reject;
    if weights.iter().all(|w| *w == 0) && opens {
        let enabled = |b| match of(b) {
            (weight, AdminState::Enabled, _) => u32::from(weight),
            _ => 0,
        };
        weights = group.backends.iter().map(enabled).collect();
    }
    if group.scheduler == Scheduler::Rr {
        for weight in &mut weights {
            *weight = (*weight).min(1);
        }
    }
    let sum: u64 = weights.iter().map(|w| u64::from(*w)).sum();
    weights.iter().map(|w| if sum == 0 { 0.0 } else { f64::from(*w) * 100.0 / sum as f64 }).collect()
}

fn keys(listener: &ListenerStatus) -> impl Iterator<Item = RouteKey> {
    listener.routes.iter().map(|route| (listener.name.clone(), route.name.clone()))
}

fn listener_totals(listener: &ListenerStatus) -> [u64; 3] {
    let counters = &listener.counters;
    let work = if listener.protocol.is_http() { counters.requests_total } else { counters.connections_total };
    [work, counters.bytes_in_total + counters.bytes_out_total, counters.errors_total()]
}

fn backend_totals(backend: &BackendStatus) -> [u64; 2] {
    let counters = &backend.counters;
    [counters.picks_total, counters.connect_failures_total + counters.failures_total]
}

fn find_backend<'a>(status: &'a mut Status, group: &Name, name: &Name) -> Option<&'a mut BackendStatus> {
    let at = status.groups.binary_search_by(|g| g.name.cmp(group)).ok()?;
    let backends = &mut status.groups[at].backends;
    let at = backends.binary_search_by(|b| b.name.cmp(name)).ok()?;
    backends.get_mut(at)
}
