//! One run: a world, its health machines and clients, and steps drawn from a seed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use poise_ipc::Name;
use poise_ipc::model::{AdminState, Amount, Backend, CheckProtocol, FailOpenUse, FailOpenWhen, Scheduler};
use poise_ipc::status::Health;

use super::oracle::{self, Shares};
use super::random::Random;
use super::world::{CLIENT, World, loopback, name};
use crate::health::{Machine, Standing};
use crate::live::Inflight;
use crate::plan::{BackendId, Choice, Plan};
use crate::ramp::Ramps;

/// Backends of the group at the most; few, so that windows are short and all corners are met.
const BACKENDS_MAX: u32 = 7;

pub(super) struct Run {
    random: Random,
    now_ms: u64,
    world: World,
    machines: HashMap<BackendId, Machine>,
    /// Every verdict with the thresholds in force when it came.
    verdicts: HashMap<BackendId, Vec<(bool, u16, u16)>>,
    /// Backends whose probes fail.
    dead: HashSet<BackendId>,
    shares: Shares,
    ramps: Ramps,
    inflight: BTreeMap<BackendId, Vec<Inflight>>,
    /// Names by every identity ever given.
    given: HashMap<BackendId, Name>,
}

impl Run {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let weights: Vec<u16> = (0..=random.below(4)).map(|_| small_weight(&mut random)).collect();
        let scheduler = if random.percent(40) { Scheduler::Wrr } else { random.of(Scheduler::WORDS).1 };
        Self {
            random,
            now_ms: 0,
            world: World::new(scheduler, &weights),
            machines: HashMap::new(),
            verdicts: HashMap::new(),
            dead: HashSet::new(),
            shares: Shares::default(),
            ramps: Ramps::default(),
            inflight: BTreeMap::new(),
            given: HashMap::new(),
        }
    }

    pub(super) fn steps(&mut self, count: usize) {
        for _ in 0..count {
            self.now_ms += u64::from(self.random.below(5_000));
            match self.random.below(11) {
                0 => self.edit(),
                1..4 => self.probe(),
                4 => self.end_some(),
                5 => self.ramp(),
                _ => self.pick(),
            }
        }
    }

    /// A backend of the plan in force, if there is one.
    fn any(&mut self) -> Option<(BackendId, Name)> {
        let backends: Vec<_> = self.world.app().backends.iter().map(|b| (b.id, b.name.clone())).collect();
        let at = self.random.below(u32::try_from(backends.len()).expect("few").max(1));
        backends.into_iter().nth(at as usize)
    }

    /// A random edit of the group.
    fn edit(&mut self) {
        let random = &mut self.random;
        let target = name(&format!("b{}", random.below(BACKENDS_MAX)));
        let (kind, weight, state) = (random.below(100), small_weight(random), random.of(AdminState::WORDS).1);
        let fresh = Backend { weight, ..Backend::new(loopback(8_000 + weight)) };
        let before = self.world.edit(|group| match kind {
            0..40 => group.backends.entry(target).or_insert(fresh).weight = weight,
            40..62 => group.backends.entry(target).or_insert(fresh).state = state,
            62..68 => group.backends.entry(target).or_insert(fresh).backup = weight % 2 == 1,
            68..71 => group.slow_start_ms = [None, Some(20_000)][usize::from(weight % 2)],
            71..78 => group.backends.extend([(target, fresh)]),
            78..86 => group.backends.retain(|name, _| *name != target),
            86..90 => group.scheduler = Scheduler::WORDS[usize::from(weight) % Scheduler::WORDS.len()].1,
            90..92 => group.fail_open.when = random.of(FailOpenWhen::WORDS).1,
            92..93 => group.fail_open.using = [FailOpenUse::All, FailOpenUse::Reject][usize::from(weight % 2)],
            93..94 => {
                (group.fail_open.below, group.min_usable) = (Amount::Number(weight % 4), Amount::Number(weight % 3));
            }
            94..97 => (group.health_check.rise, group.health_check.fall) = (1 + weight % 4, 1 + weight % 3),
            _ => group.health_check.protocol = [CheckProtocol::Off, CheckProtocol::Tcp][usize::from(weight % 2)],
        });
        let check = &self.world.config.groups[&name("app")].health_check;
        self.machines.values_mut().for_each(|machine| machine.retune(check.rise, check.fall));
        self.hold(&before);
    }

    /// What an edit or a flip may not do.
    fn hold(&mut self, before: &Plan) {
        let old = super::app(before);
        for backend in &self.world.app().backends {
            let known = self.given.entry(backend.id).or_insert_with(|| backend.name.clone());
            assert_eq!(*known, backend.name, "an identity was given twice");
            if let Some(old) = old.backend(backend.id) {
                assert!(Arc::ptr_eq(&old.live, &backend.live), "counters were lost");
                let same = (
                    &old.settings,
                    old.weight_permille,
                    old.ramp_permille,
                    (old.standing, old.used),
                    old.accepts_pinned,
                ) == (
                    &backend.settings,
                    backend.weight_permille,
                    backend.ramp_permille,
                    (backend.standing, backend.used),
                    backend.accepts_pinned,
                );
                assert!(
                    !same || old.target != backend.target || Arc::ptr_eq(old, backend),
                    "an untouched backend changed"
                );
            }
        }
        self.shares.follow(self.world.app());
    }

    /// A verdict on one backend, faults now and then.
    fn probe(&mut self) {
        let Some((id, name)) = self.any() else { return };
        if self.random.percent(15) && !self.dead.remove(&id) {
            self.dead.insert(id);
        }
        let passed = !self.dead.contains(&id) ^ self.random.percent(5);
        let check = &self.world.config.groups[&super::name("app")].health_check;
        let (rise, fall) = (check.rise, check.fall);
        let machine = self.machines.entry(id).or_insert_with(|| Machine::new(Health::default(), rise, fall));
        let change = machine.observe(passed, self.now_ms);
        let verdicts = self.verdicts.entry(id).or_default();
        verdicts.push((passed, rise, fall));
        assert_eq!(machine.health(), oracle::health(verdicts));
        if let Some(change) = change {
            let is_out = change.to == Health::Down && self.random.percent(20);
            let unfit_since_ms = if change.to == Health::Down { self.now_ms } else { 0 };
            let before = self.world.stand(name.as_str(), Standing { health: change.to, is_out, unfit_since_ms });
            self.hold(&before);
        }
    }

    /// Lets slow start go on, as control does all the time.
    fn ramp(&mut self) {
        let world = &mut self.world;
        self.ramps.follow(&world.config, &world.identities, &world.standings, self.now_ms);
        world.ramps.clone_from(self.ramps.permilles());
        let before = world.compile();
        self.hold(&before);
        let eligible = oracle::eligible(&self.world.config, self.world.app()).unwrap_or_default();
        let app = self.world.app();
        let ramps = |id: &BackendId| app.backend(*id).is_some_and(|backend| backend.ramp_permille.is_some());
        assert!(eligible.is_empty() || !eligible.iter().all(ramps), "nobody has all of its weight");
    }

    fn end_some(&mut self) {
        if let Some((id, _)) = self.any() {
            let held = self.inflight.entry(id).or_default();
            held.truncate(held.len() / 2);
        }
    }

    fn pick(&mut self) {
        self.shares.follow(self.world.app());
        let exact = matches!(self.world.app().scheduler(), Scheduler::Rr | Scheduler::Wrr);
        for _ in 0..self.random.below(60) {
            let tried = self.choose(&[]);
            if let Some(id) = tried {
                if exact {
                    self.shares.pick(id);
                }
                if self.random.percent(10) {
                    self.choose(&[id]);
                }
            }
        }
        for (id, held) in &self.inflight {
            if let Some(backend) = self.world.app().backend(*id) {
                assert_eq!(backend.live.inflight.load(Ordering::Relaxed) as usize, held.len());
            }
        }
    }

    /// Chooses, counts it as in flight and holds it against the oracle.
    fn choose(&mut self, tried: &[BackendId]) -> Option<BackendId> {
        let group = Arc::clone(self.world.app());
        let eligible = oracle::eligible(&self.world.config, &group);
        let choice = if tried.is_empty() { group.choose(CLIENT) } else { group.choose_except(CLIENT, tried) };
        match (choice, eligible) {
            (Choice::Backend(backend), Ok(eligible)) => {
                assert!(eligible.contains(&backend.id) && !tried.contains(&backend.id));
                assert!(group.pinned(backend.id).is_some());
                let least = |id: &BackendId| {
                    let backend = group.backend(*id).expect("it is eligible");
                    f64::from(backend.live.inflight.load(Ordering::Relaxed) + 1) / f64::from(backend.weight_permille)
                };
                let others = eligible.iter().filter(|id| !tried.contains(id)).map(least).fold(f64::INFINITY, f64::min);
                assert!(group.scheduler() != Scheduler::Wlc || least(&backend.id) <= others + 1e-9);
                self.inflight.entry(backend.id).or_default().push(Inflight::start(backend));
                Some(backend.id)
            }
            (Choice::NoneEligible(_), Ok(eligible)) => {
                assert!(eligible.iter().all(|id| tried.contains(id)), "somebody was eligible");
                None
            }
            (Choice::NoneEligible(cause), Err(expected)) => {
                assert_eq!(cause, expected);
                None
            }
            (Choice::Backend(backend), Err(cause)) => panic!("{} was chosen in spite of {cause}", backend.name),
        }
    }
}

/// A weight that keeps cycles short, 0 now and then.
fn small_weight(random: &mut Random) -> u16 {
    u16::try_from(random.of(&[0, 1, 1, 2, 3, 5, 8]) * random.of(&[1, 1, 7])).expect("small")
}
