//! Why the balance of a group is not what its weights ask for: the account of its work, told as causes with
//! their evidence and what would mend them.

use std::sync::Arc;

use poise_core::balance::{Account, Line, Step, by_chance};
use poise_core::health::policy::Use;
use poise_core::plan::{BackendId, BackendPlan, GroupPlan, Plan};
use poise_ipc::edit::{Edit, setting_path};
use poise_ipc::message::{
    BALANCE_WINDOW_MS, BackendBalance, BalanceAnswer, BalanceCause, BalanceQuery, ErrorCode, ErrorReply, Imbalance,
    Reply,
};
use poise_ipc::model::{AdminState, FailOpenWhen, PersistenceKind, Scheduler};
use poise_ipc::status::{BackendStatus, Health, Status};
use poise_ipc::{BackendPath, Name};

use super::Reconcile;
use crate::control::books;
use crate::control::command::Answer;
use crate::control::ports::Ports;
use crate::wall::now_ms;

/// Gaps up to this are no gap, in parts of one.
const EVEN: f64 = 0.005;
/// A rest that chance makes so rarely has another cause.
const RARE: f64 = 0.01;
/// Causes smaller than this are not told.
const SMALL: f64 = 0.001;

/// A group with its account.
struct Case<'a, P: Ports> {
    this: &'a Reconcile<P>,
    status: Arc<Status>,
    plan: &'a Plan,
    group: &'a GroupPlan,
    account: Account,
    names: Vec<(BackendId, Name)>,
    span: String,
    chance: f64,
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Books what has come by now, by the shares of now.
    pub(super) fn book(&mut self) {
        let plan = self.parts.publisher.published().load_full();
        let now_ms = self.worker_ms();
        self.books.beat(&plan, &self.state.config, now_ms);
    }

    /// Says why a balance is as it is.
    pub(super) fn balance(&mut self, query: &BalanceQuery) -> Answer {
        if !BALANCE_WINDOW_MS.contains(&query.window_ms) {
            let error = ErrorReply::new(ErrorCode::Invalid, "the window is out of range");
            return Err(error.hint("ask for 10s to 1h"));
        }
        self.book();
        let plan = self.parts.publisher.published().load_full();
        let group = group_meant(&plan, &query.of)?;
        let now = self.worker_ms();
        let (ledger, span_ms) = self.books.since(query.window_ms, now);
        let gone = self.books.gone(group, &ledger);
        let ids: Vec<_> = gone.iter().map(|(id, _)| *id).collect();
        let account = ledger.account(group, &books::configured(&self.state.config, group), &ids);
        let names = group.backends.iter().map(|backend| (backend.id, backend.name.clone())).chain(gone).collect();
        let chance = chance(&account);
        let span = seconds(span_ms);
        let status = self.fresh_status();
        let case = Case { this: self, status, plan: &plan, group, account, names, span, chance };
        Ok(Reply::Balance(Box::new(case.told(span_ms))))
    }
}

/// The group of this name, or the one that the listener of this name leads to.
fn group_meant<'p>(plan: &'p Plan, of: &Name) -> Result<&'p GroupPlan, ErrorReply> {
    let listener = || plan.listeners.values().find(|listener| listener.name == *of);
    let led_to = || plan.group(listener()?.settings.group.as_ref()?);
    plan.group(of).or_else(led_to).map(|group| &**group).ok_or_else(|| {
        let message = format!("there is no group {of:?}, and no listener that leads to one");
        ErrorReply::new(ErrorCode::NotFound, message).hint("poise get groups lists them")
    })
}

/// How likely the rest is by chance alone.
fn chance(account: &Account) -> f64 {
    let due = |line: &Line| (line.observed() - line.rest) * account.work as f64;
    let (observed, expected): (Vec<_>, Vec<_>) = account.backends.iter().map(|line| (line.picks, due(line))).unzip();
    by_chance(&observed, &expected)
}

impl<P: Ports + 'static> Case<'_, P> {
    fn told(&self, span_ms: u64) -> BalanceAnswer {
        let rest = self.rest();
        let kinds = self.kinds(rest);
        let size =
            |of: &dyn Fn(&Line) -> f64| self.account.backends.iter().map(|line| of(line).abs()).sum::<f64>() / 2.0;
        let mut causes: Vec<_> = kinds
            .iter()
            .map(|&(cause, of)| (cause, size(&|line| of.part(line))))
            .filter(|(_, size)| *size >= SMALL)
            .map(|(cause, size)| self.cause(cause, size))
            .collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.size_ppm));
        let gap = size(&|line| line.observed() - line.expected);
        let unexplained = size(&|line| line.rest);
        let by_chance = causes.iter().all(|cause| cause.cause == Imbalance::Chance);
        let is_even = self.account.work == 0 || gap <= EVEN || (by_chance && self.chance >= RARE && unexplained > 0.0);
        let backends = self.account.backends.iter().zip(&self.names).map(|(line, (id, name))| BackendBalance {
            backend: name.clone(),
            is_there: self.group.backend(*id).is_some(),
            expected_ppm: ppm(line.expected),
            observed_ppm: if self.account.work == 0 { 0 } else { ppm(line.observed()) },
            picks: line.picks,
            terms: kinds
                .iter()
                .map(|&(cause, of)| (cause, signed_ppm(of.part(line))))
                .filter(|(_, n)| *n != 0)
                .collect(),
        });
        BalanceAnswer {
            group: self.group.name.clone(),
            scheduler: self.group.settings.scheduler,
            at_ms: now_ms(),
            span_ms,
            work: self.account.work,
            pinned: self.account.pinned,
            is_even,
            chance_ppm: ppm(self.chance),
            backends: backends.collect(),
            causes,
        }
    }

    /// Which cause each part of a gap has.
    fn kinds(&self, rest: Imbalance) -> Vec<(Imbalance, Part)> {
        let wlc = matches!(self.group.settings.scheduler, Scheduler::Wlc | Scheduler::P2c);
        let pinned = if wlc { Imbalance::PinnedWlc } else { Imbalance::Pinned };
        vec![
            (Imbalance::Weights, Part::Step(Step::Configured)),
            (Imbalance::Layers, Part::Step(Step::Layered)),
            (Imbalance::State, Part::Step(Step::Wanted)),
            (Imbalance::Health, Part::Step(Step::Used)),
            (Imbalance::SlowStart, Part::Step(Step::SlowStart)),
            (pinned, Part::Step(Step::Pinned)),
            (rest, Part::Rest),
        ]
    }

    /// What the rest comes from: what no weight and no persistence explains.
    fn rest(&self) -> Imbalance {
        let full = self.group.backends.iter().any(|backend| is_full(backend));
        let unreached = self.account.unreached as f64 > 0.005 * self.account.work as f64;
        match self.group.settings.scheduler {
            _ if self.chance >= RARE && !unreached => Imbalance::Chance,
            _ if unreached => Imbalance::Failover,
            _ if full || self.group.queue.status().queued > 0 => Imbalance::Full,
            Scheduler::Wlc | Scheduler::P2c => Imbalance::Busy,
            Scheduler::Hash => Imbalance::Keys,
            Scheduler::Rr | Scheduler::Wrr => Imbalance::Chance,
        }
    }

    fn cause(&self, cause: Imbalance, size: f64) -> BalanceCause {
        let (evidence, remedy, mend) = match cause {
            Imbalance::Weights => self.of_weights(),
            Imbalance::Layers => self.of_layers(),
            Imbalance::State => self.of_state(),
            Imbalance::Health => self.of_health(),
            Imbalance::SlowStart => self.of_slow_start(),
            Imbalance::Pinned | Imbalance::PinnedWlc => self.of_pinned(cause),
            Imbalance::Busy => self.of_busy(),
            Imbalance::Failover => self.of_failover(),
            Imbalance::Full => self.of_full(),
            Imbalance::Keys => {
                let said = format!("hash gives each key one backend; {} came in {}", self.work(), self.span);
                (vec![said], "few keys fall unevenly: more clients, or a scheduler that counts".to_owned(), Vec::new())
            }
            Imbalance::Chance => self.of_chance(),
        };
        BalanceCause { cause, size_ppm: ppm(size), evidence, remedy, mend }
    }

    fn of_weights(&self) -> (Vec<String>, String, Vec<Edit>) {
        let told = self.each(Step::Configured, |line, name| {
            let was = (line.expected + line.steps[Step::Configured as usize]) * 100.0;
            format!("{name}: {:.1} % by the weights of the time, {:.1} % by those of now", was, line.expected * 100.0)
        });
        (told, format!("within {} the weights have changed; a shorter window shows them alone", self.span), Vec::new())
    }

    fn of_layers(&self) -> (Vec<String>, String, Vec<Edit>) {
        let prefix = format!("groups.{}.", self.group.name);
        let layers = self.this.layer_statuses();
        let own: Vec<_> =
            layers.iter().filter(|l| l.values.iter().any(|value| value.path.starts_with(&prefix))).collect();
        let mut told = self.each(Step::Layered, |line, name| {
            format!(
                "{name}: {} by what leases and ramps held, over {}",
                points(line.steps[Step::Layered as usize]),
                self.span
            )
        });
        told.extend(own.iter().map(|layer| {
            let held = layer.values.iter().map(|value| format!("{} = {}", value.path, value.held)).collect::<Vec<_>>();
            format!("in force now: layer {} of {}: {}", layer.id, layer.author.user, held.join(", "))
        }));
        let remedy = match own.first() {
            Some(layer) => format!("poise layers cancel {}, or wait for its end", layer.id),
            None => "it has ended; a shorter window shows what is now".to_owned(),
        };
        (told, remedy, Vec::new())
    }

    fn of_state(&self) -> (Vec<String>, String, Vec<Edit>) {
        let out = self.group.backends.iter().filter(|b| b.settings.state != AdminState::Enabled);
        let (mut told, mut mend) = (Vec::new(), Vec::new());
        for backend in out {
            told.push(format!("{}/{} is {} now", self.group.name, backend.name, backend.settings.state));
            mend.push(Edit::state(&self.path(backend), AdminState::Enabled));
        }
        told.extend(self.each(Step::Wanted, |line, name| {
            format!(
                "{name}: {} while some were out of service, over {}",
                points(line.steps[Step::Wanted as usize]),
                self.span
            )
        }));
        let remedy =
            if mend.is_empty() { "all are back; a shorter window shows what is now" } else { "enable what is out" };
        (told, remedy.to_owned(), mend)
    }

    fn of_health(&self) -> (Vec<String>, String, Vec<Edit>) {
        let mut told = Vec::new();
        for backend in &self.group.backends {
            let path = self.path(backend);
            if backend.standing.health == Health::Down {
                told.push(format!("{path} is down now"));
            } else if backend.used == Use::Not && takes_new(backend) {
                told.push(format!("{path} is kept out now, ejected or damped"));
            }
            let changes = self.known(backend).map_or(0, |known| known.health.transitions_10min);
            if changes > 1 {
                told.push(format!("{path} has changed {changes} times within 10 min"));
            }
        }
        if self.group.on_backups {
            told.push("its backups serve now".to_owned());
        }
        if self.group.failing_open && self.group.settings.fail_open.when != FailOpenWhen::Never {
            told.push("it fails open now".to_owned());
        }
        told.extend(self.each(Step::Used, |line, name| {
            format!("{name}: {} while not all were used, over {}", points(line.steps[Step::Used as usize]), self.span)
        }));
        let worst = self.least(Step::Used).unwrap_or_else(|| self.group.name.to_string());
        (told, format!("poise health why {worst} says why it was out"), Vec::new())
    }

    fn of_slow_start(&self) -> (Vec<String>, String, Vec<Edit>) {
        let told = self.group.backends.iter().filter_map(|backend| {
            let permille = backend.ramp_permille?;
            Some(format!("{} is at {} % of its weight now", self.path(backend), permille / 10))
        });
        let told = told.chain(self.each(Step::SlowStart, |line, name| {
            format!("{name}: {} in slow start, over {}", points(line.steps[Step::SlowStart as usize]), self.span)
        }));
        (told.collect(), "it ends by itself; slow_start of the group says how long it takes".to_owned(), Vec::new())
    }

    fn of_pinned(&self, cause: Imbalance) -> (Vec<String>, String, Vec<Edit>) {
        let part = self.account.pinned as f64 * 100.0 / self.account.work.max(1) as f64;
        let mut told = vec![format!("persistence decided {part:.1} % of {} in {}", self.work(), self.span)];
        for listener in self.plan.listeners.values().filter(|listener| self.leads_here(&listener.name)) {
            let kind = listener.settings.persistence.kind;
            let Some(table) = listener.source_table() else {
                if matches!(kind, PersistenceKind::CookieInsert | PersistenceKind::CookieRewrite) {
                    told.push(format!("listener {} binds by cookies", listener.name));
                }
                continue;
            };
            let held = table.held(self.this.worker_ms());
            let all: u64 = held.values().sum();
            let own: Vec<_> =
                self.group.backends.iter().map(|b| format!("{} {}", b.name, held.get(&b.id).unwrap_or(&0))).collect();
            told.push(format!("listener {} remembers {all} clients: {}", listener.name, own.join(", ")));
        }
        if cause == Imbalance::PinnedWlc {
            let path = format!("groups.{}.scheduler", self.group.name);
            let remedy = "wlc cannot move whom persistence binds: wrr shares new clients evenly (S-19)";
            return (told, remedy.to_owned(), vec![Edit::set(path, "\"wrr\"")]);
        }
        let remedy =
            "few clients, or some that ask much: it evens out with more of them, or with a shorter time of persistence";
        (told, remedy.to_owned(), Vec::new())
    }

    fn of_busy(&self) -> (Vec<String>, String, Vec<Edit>) {
        let told = self.group.backends.iter().map(|backend| {
            let counters = self.known(backend).map(|known| &known.counters);
            let (open, half) = counters.map_or((0, 0), |counters| (counters.inflight, counters.latency_p50_us));
            format!("{}: {open} open now, half of its answers within {:.1} ms", self.path(backend), half as f64 / 1e3)
        });
        let mut told: Vec<_> = told.collect();
        told.push(format!("{} by open work in {}", self.group.settings.scheduler, self.span));
        let path = format!("groups.{}.scheduler", self.group.name);
        let remedy =
            "backends that take longer, or keep connections open, get less new work; wrr shares by weight alone (S-18)";
        (told, remedy.to_owned(), vec![Edit::set(path, "\"wrr\"")])
    }

    fn of_failover(&self) -> (Vec<String>, String, Vec<Edit>) {
        let told = format!(
            "{} attempts to reach a backend failed in {}; others took the work",
            self.account.unreached, self.span
        );
        (vec![told], "poise get backends shows which, poise health why says why".to_owned(), Vec::new())
    }

    fn of_full(&self) -> (Vec<String>, String, Vec<Edit>) {
        let full = self.group.backends.iter().filter(|backend| is_full(backend));
        let mut told: Vec<_> = full.map(|backend| format!("{} is full now", self.path(backend))).collect();
        told.push(format!("{} wait now", self.group.queue.status().queued));
        let bounded = self.group.backends.iter().filter(|backend| is_full(backend));
        let mend = bounded.filter_map(|backend| {
            let bound = backend.settings.max_connections?;
            Some(Edit::set(setting_path(&self.path(backend), "max_connections"), (bound.0 * 2).to_string()))
        });
        (told, "more room, or a smaller weight for what is full (S-15)".to_owned(), mend.collect())
    }

    fn of_chance(&self) -> (Vec<String>, String, Vec<Edit>) {
        let told = format!(
            "{} in {}: work that goes at random would be as far off with a probability of {:.1} %",
            self.work(),
            self.span,
            self.chance * 100.0
        );
        (vec![told], "wait for more work before judging (S-14)".to_owned(), Vec::new())
    }

    /// A sentence for each backend that a step touched.
    fn each(&self, step: Step, said: impl Fn(&Line, String) -> String) -> Vec<String> {
        let touched =
            self.account.backends.iter().zip(&self.names).filter(|(line, _)| line.steps[step as usize].abs() >= SMALL);
        touched.map(|(line, (_, name))| said(line, format!("{}/{name}", self.group.name))).collect()
    }

    /// The backend that a step took the most from.
    fn least(&self, step: Step) -> Option<String> {
        let of = |line: &Line| line.steps[step as usize];
        let all = self.account.backends.iter().zip(&self.names);
        let (_, (_, name)) = all.min_by(|(a, _), (b, _)| of(a).total_cmp(&of(b)))?;
        Some(format!("{}/{name}", self.group.name))
    }

    /// A backend as the protocol tells it.
    fn known(&self, backend: &BackendPlan) -> Option<&BackendStatus> {
        self.status.groups.iter().flat_map(|group| &group.backends).find(|known| known.id == backend.id.0)
    }

    fn leads_here(&self, listener: &Name) -> bool {
        let known = self.plan.listeners.values().find(|one| one.name == *listener);
        known.is_some_and(|one| one.group.name == self.group.name)
    }

    fn path(&self, backend: &BackendPlan) -> BackendPath {
        BackendPath::new(self.group.name.clone(), backend.name.clone())
    }

    fn work(&self) -> String {
        format!("{} of work", self.account.work)
    }
}

/// Where a part of a gap stands in an account.
#[derive(Clone, Copy)]
enum Part {
    Step(Step),
    Rest,
}

impl Part {
    fn part(self, line: &Line) -> f64 {
        match self {
            Self::Step(step) => line.steps[step as usize],
            Self::Rest => line.rest,
        }
    }
}

fn takes_new(backend: &BackendPlan) -> bool {
    backend.settings.state == AdminState::Enabled && backend.settings.weight > 0
}

/// Whether it has as much open as it may have.
fn is_full(backend: &BackendPlan) -> bool {
    let open = backend.live.inflight.load(std::sync::atomic::Ordering::Relaxed);
    backend.settings.max_connections.is_some_and(|bound| open >= bound.0)
}

fn seconds(ms: u64) -> String {
    format!("{} s", ms.div_ceil(1_000))
}

fn points(part: f64) -> String {
    format!("{:+.1} points", part * 100.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of parts of one")]
fn ppm(part: f64) -> u32 {
    (part.clamp(0.0, 1.0) * 1e6).round() as u32
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the range of parts of one")]
fn signed_ppm(part: f64) -> i32 {
    (part.clamp(-1.0, 1.0) * 1e6).round() as i32
}
