//! What a choice costs: nanoseconds per choice of every scheduler over 4, 64 and 1,000 backends, and
//! what a change of health costs the control thread.
//!
//! Prints a table; it is no test. `cargo bench -p poise-core --bench choose`. What a connection costs
//! with so many backends is measured with real ones, elsewhere.

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use poise_core::health::Standing;
use poise_core::live::Inflight;
use poise_core::plan::{BackendId, Choice, Compile, GroupPlan, Identities, Plan, compile};
use poise_core::token::TokenKey;
use poise_ipc::model::{Backend, Group, Scheduler};
use poise_ipc::status::Health;
use poise_ipc::{Config, Name};

const SIZES: [u16; 3] = [4, 64, 1_000];
const CHOICES: u32 = 400_000;
/// Measurements of each cell; the median is printed.
const ROUNDS: usize = 5;

struct World {
    config: Config,
    identities: Identities,
    standings: HashMap<BackendId, Standing>,
}

impl World {
    fn new(scheduler: Scheduler, backends: u16) -> Self {
        let name = |text: &str| Name::new(text).expect("a plain name");
        let address = |n| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 10_000 + n);
        let backends = (0..backends).map(|n| {
            let weight = 50 + n * 7 % 100;
            (name(&format!("app-{n}")), Backend { weight, ..Backend::new(address(n)) })
        });
        let group = Group { scheduler, backends: backends.collect(), ..Group::default() };
        let config = Config { groups: [(name("app"), group)].into(), ..Config::default() };
        Self { identities: Identities::default().follow(&config), config, standings: HashMap::new() }
    }

    fn compile(&self, previous: Option<&Plan>) -> Plan {
        let input = Compile {
            config: &self.config,
            identities: &self.identities,
            standings: &self.standings,
            resolved: &HashMap::new(),
            ramps: &HashMap::new(),
            tls: &std::collections::BTreeMap::new(),
            revision: 1,
            workers: 1,
            key: &TokenKey::new([7; 16]),
        };
        compile(&input, previous)
    }
}

fn client(n: u32) -> IpAddr {
    Ipv4Addr::from(n.wrapping_mul(0x9e37_79b9)).into()
}

fn nanoseconds(choices: u32, run: impl FnOnce()) -> f64 {
    let began = Instant::now();
    run();
    began.elapsed().as_secs_f64() * 1e9 / f64::from(choices)
}

/// One choice after the other, and nothing else.
fn bare(group: &GroupPlan) -> f64 {
    nanoseconds(CHOICES, || {
        for n in 0..CHOICES {
            black_box(group.choose(client(n)));
        }
    })
}

/// Choices that are counted in flight, for as long as it takes four of each backend to come.
fn counted(group: &GroupPlan) -> f64 {
    let mut open = VecDeque::new();
    let open_max = group.backends.len() * 4;
    nanoseconds(CHOICES, || {
        for n in 0..CHOICES {
            if let Choice::Backend(backend) = group.choose(client(n)) {
                open.push_back(Inflight::start(backend));
            }
            if open.len() > open_max {
                open.pop_front();
            }
        }
    })
}

/// Microseconds that a plan takes in which one backend has changed its health.
fn flip(world: &mut World, plan: &Plan) -> f64 {
    const FLIPS: u32 = 20;
    let id = *world.identities.backends.values().next().expect("there are backends");
    let mut plan = world.compile(Some(plan));
    nanoseconds(FLIPS, || {
        for n in 0..FLIPS {
            let health = if n % 2 == 0 { Health::Down } else { Health::Up };
            world.standings.insert(id, health.into());
            plan = world.compile(Some(&plan));
        }
    }) / 1_000.0
}

fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let mut found: Vec<_> = (0..ROUNDS).map(|_| measure()).collect();
    found.sort_by(f64::total_cmp);
    found[ROUNDS / 2]
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<10} {:>9} {:>12} {:>12} {:>12}",
        "scheduler", "backends", "choose ns", "+inflight ns", "flip us"
    )?;
    for &(word, scheduler) in Scheduler::WORDS {
        for size in SIZES {
            let mut world = World::new(scheduler, size);
            let plan = world.compile(None);
            let group = &plan.groups[0];
            // What is found once is remembered from then on.
            bare(group);
            let (choose, inflight) = (median(|| bare(group)), median(|| counted(group)));
            let flip = median(|| flip(&mut world, &plan));
            writeln!(out, "{word:<10} {size:>9} {choose:>12.1} {inflight:>12.1} {flip:>12.1}")?;
        }
    }
    Ok(())
}
