//! One backend as its checks have shown it: machine, damping, and the episode in which it comes and goes.

use poise_core::health::{Ejection, Machine, Score, Standing};
use poise_core::live::Streaks;
use poise_ipc::message::{Ejected, Flapping};
use poise_ipc::model::{
    Address, AdminState, Backend, CheckProtocol, Damping, Group, HealthCheck, HealthLog, InitialHealth, Passive, Switch,
};
use poise_ipc::status::{DampingStatus, Health, HealthStatus, LastVerdict, Reason, Verdict};

use poise_core::health::Change;
use poise_core::plan::BackendId;
use poise_ipc::BackendPath;

use crate::report::ProbeReport;
use crate::store::HealthRow;

/// Transitions within ten minutes from which on a backend comes and goes: each is told until then,
/// and afterwards the episode alone.
const EPISODE_TRANSITIONS: u32 = 4;
/// How long it must stay as it is to have settled, in milliseconds.
const EPISODE_CALM_MS: u64 = 300_000;

/// What is known of one backend.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) path: BackendPath,
    pub(super) address: Address,
    pub(super) probed: Address,
    pub(super) protocol: CheckProtocol,
    pub(super) disabled: bool,
    rise: u16,
    fall: u16,
    damping: Damping,
    passive: Passive,
    machine: Machine,
    score: Score,
    ejection: Ejection,
    restored_since_ms: u64,
    /// Since when it is not fit; 0 while it is.
    unfit_since_ms: u64,
    /// Longest time between two probes of an undisturbed cadence, in milliseconds.
    pub(super) gap_ms_max: u64,
    /// Which verdicts the health log keeps.
    pub(super) keep: HealthLog,
    /// That nothing is known of it but what was before a restart.
    carried: bool,
    episode: Option<Episode>,
    last: Option<LastVerdict>,
}

/// A time in which a backend comes and goes.
#[derive(Clone, Copy, Debug)]
struct Episode {
    since_ms: u64,
    last_ms: u64,
    transitions: u32,
}

/// What time has brought about for one backend.
pub(super) struct Step {
    /// It is kept out no longer, by damping or by an ejection.
    pub(super) released: bool,
    /// The ejection that has ended.
    pub(super) returned: Option<Ejected>,
    /// The episode that has ended.
    pub(super) settled: Option<Flapping>,
}

/// How a change of health is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// By itself.
    Transition,
    /// By the beginning of an episode.
    Began(Flapping),
    /// Not at all: the episode is told already.
    Within,
}

impl Tracked {
    /// Follows what is configured: keeps what is known, or begins with what `restored` remembers.
    pub(super) fn follow(
        kept: Option<Self>,
        path: &BackendPath,
        (group, backend): (&Group, &Backend),
        restored: Option<&HealthRow>,
    ) -> Self {
        let check = &group.health_check;
        // Without probes nothing could ever bring a backend up again.
        let checked = check.protocol != CheckProtocol::Off;
        // Traffic goes on, probed or not.
        let ejection = kept.as_ref().map(|kept| (kept.ejection, kept.unfit_since_ms));
        let mut this = match kept.filter(|_| checked) {
            Some(kept) => kept,
            None => Self::begin(path, backend, check, restored.filter(|_| checked)),
        };
        this.machine.retune(check.rise, check.fall);
        this.path = path.clone();
        this.probed = check.port.map_or_else(|| backend.address.clone(), |port| backend.address.at_port(port));
        this.protocol = check.protocol;
        this.disabled = backend.state == AdminState::Disabled;
        (this.rise, this.fall, this.damping) = (check.rise, check.fall, group.damping);
        (this.gap_ms_max, this.keep) = (gap_ms_max(check), check.log);
        this.passive = group.passive;
        if let Some((ejection, unfit_since_ms)) = ejection {
            this.ejection = ejection;
            if ejection.is_out() {
                this.unfit_since_ms = unfit_since_ms;
            }
        }
        this
    }

    fn begin(path: &BackendPath, backend: &Backend, check: &HealthCheck, restored: Option<&HealthRow>) -> Self {
        let (health, since_ms) = match check.initial {
            InitialHealth::CarryOver => restored.map_or((Health::Unknown, 0), |row| (row.health, row.since_ms)),
            InitialHealth::Unknown => (Health::Unknown, 0),
            InitialHealth::Up => (Health::Up, 0),
            InitialHealth::Down => (Health::Down, 0),
        };
        Self {
            path: path.clone(),
            address: backend.address.clone(),
            probed: backend.address.clone(),
            protocol: check.protocol,
            disabled: false,
            rise: check.rise,
            fall: check.fall,
            damping: Damping::default(),
            passive: Passive::default(),
            machine: Machine::new(health, check.rise, check.fall),
            score: restored.map_or_else(Score::default, |row| Score::restore(row.score, row.score_ms, row.is_out)),
            ejection: Ejection::default(),
            restored_since_ms: since_ms,
            unfit_since_ms: if health == Health::Down { since_ms.max(1) } else { 0 },
            carried: check.initial == InitialHealth::CarryOver && health != Health::Unknown,
            gap_ms_max: gap_ms_max(check),
            keep: check.log,
            episode: None,
            last: None,
        }
    }

    /// Goes on where another process stood.
    pub(super) fn take_up(&mut self, known: &HealthStatus, now_ms: u64) {
        if self.protocol != CheckProtocol::Off {
            let last = known.last.as_ref().map(|last| &last.verdict);
            let heard = last.and_then(|verdict| (*verdict != Verdict::Silent).then(|| verdict.passed()));
            self.machine.take_up(known.health, (known.streak, heard), known.transitions_10min, now_ms);
            self.restored_since_ms = known.since_ms;
            self.carried = known.carried;
            self.last.clone_from(&known.last);
        }
        self.ejection = Ejection::take_up(known.ejection);
        self.refresh(now_ms);
        if known.health == Health::Down && known.since_ms > 0 && self.unfit_since_ms > 0 {
            self.unfit_since_ms = known.since_ms;
        }
    }

    /// Takes what a probe has found; returns the change that it brought about, and how that is told.
    pub(super) fn observe(&mut self, report: &ProbeReport) -> Option<(Change, Told)> {
        let ProbeReport { at_ms, verdict, latency_us, phases, .. } = report;
        // What poised could not send says nothing about the backend.
        let change = match verdict {
            Verdict::Fail { reason: Reason::Local, .. } => None,
            Verdict::Silent => self.machine.observe_silence(*at_ms),
            Verdict::Pass { .. } | Verdict::Fail { .. } => self.machine.observe(verdict.passed(), *at_ms),
        };
        self.carried &= matches!(verdict, Verdict::Fail { reason: Reason::Local, .. });
        self.last =
            Some(LastVerdict { at_ms: *at_ms, verdict: verdict.clone(), latency_us: *latency_us, phases: *phases });
        let change = change?;
        if change.to == Health::Down && change.from == Health::Up {
            self.score.penalize(&self.damping, *at_ms);
        }
        self.refresh(*at_ms);
        let told = self.turned(*at_ms);
        Some((change, told))
    }

    /// Counts a change of health towards an episode.
    fn turned(&mut self, now_ms: u64) -> Told {
        if let Some(episode) = &mut self.episode {
            episode.transitions = episode.transitions.saturating_add(1);
            episode.last_ms = now_ms;
            return Told::Within;
        }
        let transitions = self.machine.transitions(now_ms);
        if transitions < EPISODE_TRANSITIONS && !self.score.is_out() {
            return Told::Transition;
        }
        let episode = Episode { since_ms: now_ms, last_ms: now_ms, transitions };
        self.episode = Some(episode);
        Told::Began(self.flapping(episode, true))
    }

    /// Takes what traffic has met since the last look. Returns the ejection that begins by it.
    pub(super) fn look(&mut self, streaks: &Streaks, now_ms: u64) -> Option<Ejected> {
        if !self.ejection.look(&self.passive, streaks, now_ms) {
            return None;
        }
        self.refresh(now_ms);
        self.ejected()
    }

    /// Lets it in again, whatever traffic and damping hold against it. Returns whether it was out.
    pub(super) fn readmit(&mut self, now_ms: u64) -> (bool, Option<Ejected>) {
        let (forgiven, readmitted) = (self.score.forgive(), self.ejection.readmit(now_ms));
        self.refresh(now_ms);
        (forgiven || readmitted, self.ejected().filter(|_| readmitted))
    }

    fn ejected(&self) -> Option<Ejected> {
        let (group, backend) = (self.path.group.clone(), self.path.backend.clone());
        Some(Ejected { group, backend, ejection: self.ejection.status()? })
    }

    /// Brings it to a moment.
    pub(super) fn step(&mut self, now_ms: u64) -> Step {
        let forgiven = self.score.step(&self.damping, now_ms);
        let returned = self.ejection.step(&self.passive, now_ms);
        let released = forgiven || returned;
        if released {
            self.refresh(now_ms);
        }
        let calm = |episode: &mut Episode| now_ms.saturating_sub(episode.last_ms) >= EPISODE_CALM_MS;
        let ended = if self.score.is_out() { None } else { self.episode.take_if(calm) };
        Step {
            released,
            returned: self.ejected().filter(|_| returned),
            settled: ended.map(|episode| self.flapping(episode, false)),
        }
    }

    /// Whether time alone may change something.
    pub(super) fn is_restless(&self) -> bool {
        self.score.is_out() || self.ejection.is_out() || self.episode.is_some()
    }

    fn flapping(&self, episode: Episode, active: bool) -> Flapping {
        Flapping {
            group: self.path.group.clone(),
            backend: self.path.backend.clone(),
            active,
            since_ms: episode.since_ms,
            transitions: episode.transitions,
            until_ms: self.score.until_ms(&self.damping),
        }
    }

    /// Notes since when it is not fit.
    fn refresh(&mut self, now_ms: u64) {
        self.unfit_since_ms = match (self.standing().is_fit(), self.unfit_since_ms) {
            (true, _) => 0,
            (false, 0) => now_ms,
            (false, since_ms) => since_ms,
        };
    }

    /// What is known of it.
    pub(super) fn standing(&self) -> Standing {
        Standing {
            health: self.machine.health(),
            is_out: self.score.is_out() || self.ejection.is_out(),
            unfit_since_ms: self.unfit_since_ms,
        }
    }

    /// Equal verdicts in a row, and how many of them change the health.
    pub(super) fn streak(&self) -> (u32, u16) {
        let passed = self.last.as_ref().is_some_and(|last| last.verdict.passed());
        (self.machine.streak(), if passed { self.rise } else { self.fall })
    }

    /// Its health with the evidence.
    pub(super) fn status(&self, now_ms: u64) -> HealthStatus {
        let (streak, threshold) = self.streak();
        let damping = (self.damping.mode == Switch::On).then(|| DampingStatus {
            score: self.score.value(&self.damping, now_ms),
            until_ms: self.score.until_ms(&self.damping),
            total: self.score.total(),
        });
        HealthStatus {
            health: self.machine.health(),
            since_ms: self.since_ms(),
            streak,
            transitions_10min: self.machine.transitions(now_ms),
            last: self.last.clone(),
            threshold: if self.protocol == CheckProtocol::Off { 0 } else { threshold },
            carried: self.carried,
            damping: damping.filter(|damping| damping.score > 0 || damping.total > 0),
            ejection: self.ejection.status(),
            ..HealthStatus::default()
        }
    }

    /// What the store remembers of it.
    pub(super) fn row(&self, backend: BackendId, now_ms: u64) -> HealthRow {
        HealthRow {
            backend,
            health: self.machine.health(),
            since_ms: self.since_ms(),
            score: self.score.value(&self.damping, now_ms),
            score_ms: now_ms,
            is_out: self.score.is_out(),
        }
    }

    /// When the health changed: by a verdict of this process, or before the last start.
    fn since_ms(&self) -> u64 {
        match self.machine.since_ms() {
            0 => self.restored_since_ms,
            since_ms => since_ms,
        }
    }
}

/// Longest time between the ends of two probes of an undisturbed cadence, in milliseconds: three of the
/// longest intervals, and the time that a probe may take.
fn gap_ms_max(check: &HealthCheck) -> u64 {
    let others = [check.fast_interval_ms, check.down_interval_ms].into_iter().flatten();
    let longest = others.fold(check.interval_ms, u32::max);
    3 * u64::from(longest) + u64::from(check.timeout_ms)
}
