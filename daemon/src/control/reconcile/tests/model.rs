//! Random interleavings of edits, windows, leases, ramps, undos and restarts end as an independent
//! reference says, step by step, in real stores.
//!
//! `POISE_MODEL_ROUNDS` sets how many; the seed of each is its number. `POISE_MODEL_SEED` runs one alone.

mod reference;

use poise_ipc::edit::Edit;
use poise_ipc::message::{
    Apply, LayerAct, LayerQuery, LeaseQuery, RampQuery, Replace, Reply, Verb, WindowAct, WindowQuery, WindowWish,
};

use self::reference::{Reference, TICK_MS, Values};
use super::support::*;

/// Interleavings of an ordinary run.
const ROUNDS: u64 = 40;
/// One that a ramp outlived whose backend went with a window, found among many: it is always run.
const OUTLIVED: u64 = 6_904;
/// Steps of each.
const STEPS: usize = 40;
const BACKENDS: [char; 4] = ['a', 'b', 'c', 'd'];
const STATES: [&str; 3] = ["enabled", "draining", "disabled"];

/// Chances that are the same for a seed (`SplitMix64`).
struct Chances(u64);

impl Chances {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The writer, and what is expected of it.
struct Pair<'d> {
    dir: &'d std::path::Path,
    born_ms: u64,
    writer: Writer,
    expected: Reference,
    chances: Chances,
}

fn path(backend: char, key: &str) -> String {
    format!("groups.app.backends.{backend}.{key}")
}

fn text() -> String {
    let backend = |name| format!("{name} = {{ address = \"10.0.0.{}:80\" }}\n", u32::from(name) - 96);
    let backends: String = ['a', 'b', 'c'].map(backend).concat();
    format!("[groups.app]\nscheduler = \"wrr\"\n[groups.app.backends]\n{backends}")
}

fn values() -> Values {
    let backend = |name| [((name, "weight"), "100".to_owned()), ((name, "state"), "enabled".to_owned())];
    ['a', 'b', 'c'].into_iter().flat_map(backend).collect()
}

impl<'d> Pair<'d> {
    async fn new(dir: &'d std::path::Path, seed: u64) -> Self {
        let born_ms = 1_800_000_000_000;
        let writer = Writer::start_at(dir, None, FakePorts::default(), born_ms).await.expect("starts");
        let window = WindowWish::default();
        let replace = Replace { text: text(), if_revision: Some(0), dry_run: false, reason: None, window };
        applied(writer.ask(Verb::Replace(replace)).await).expect("valid");
        Self { dir, born_ms, writer, expected: Reference::new(values()), chances: Chances(seed) }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.chances.next() % end
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("small")]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn weight(&mut self) -> u16 {
        u16::try_from(self.below(6) * 20).expect("small")
    }

    fn span_ms(&mut self) -> u64 {
        (2 + self.below(22)) * TICK_MS
    }

    async fn step(&mut self) -> String {
        match self.below(100) {
            0..=34 => self.edit().await,
            35..=41 => self.undo().await,
            42..=53 => self.window().await,
            54..=63 => self.lease().await,
            64..=71 => self.ramp().await,
            72..=81 => self.layer().await,
            82..=96 => self.pass().await,
            _ => self.restart().await,
        }
    }

    /// Commits values, and says whether that is as expected.
    async fn commit(&mut self, edits: Vec<Edit>, to: Option<Values>) -> String {
        let if_revision = match self.below(10) {
            0 => Some(self.expected.revision - 1),
            1..=3 => Some(self.expected.revision),
            _ => None,
        };
        let within_ms = self.chance(30).then(|| 10_000 + self.span_ms());
        let join = if self.chance(85) { self.expected.window_is_open() } else { self.chance(50) };
        let said = format!("commit {edits:?} if {if_revision:?} within {within_ms:?} join {join}");
        let window = WindowWish { confirm_within_ms: within_ms, trips: Vec::new(), join };
        let answer = self.writer.ask(Verb::Apply(Apply { if_revision, window, ..apply(edits) })).await;
        // An edit of what is not there is refused whatever else is said of it.
        let allowed = to.is_some_and(|to| self.expected.commit(to, if_revision, within_ms, join));
        assert_eq!(answer.is_ok(), allowed, "{said}: {answer:?}");
        said
    }

    async fn edit(&mut self) -> String {
        let mut to = self.expected.configured.clone();
        let mut edits = Vec::new();
        let mut is_there = true;
        for _ in 0..=self.below(3) {
            let backend = self.one(&BACKENDS);
            let known = to.contains_key(&(backend, "weight"));
            if backend == 'd' && !known && self.chance(60) {
                edits.push(Edit::set("groups.app.backends.d", "{ address = \"10.0.0.4:80\" }"));
                to.insert(('d', "weight"), "100".to_owned());
                to.insert(('d', "state"), "enabled".to_owned());
            } else if backend == 'd' && known && self.chance(40) {
                edits.push(Edit::remove("groups.app.backends.d"));
                to.retain(|(name, _), _| *name != 'd');
            } else {
                let (key, value) = if self.chance(70) {
                    ("weight", self.weight().to_string())
                } else {
                    ("state", self.one(&STATES).to_owned())
                };
                edits.push(Edit::set(path(backend, key), value.clone()));
                is_there &= known;
                to.insert((backend, key), value);
            }
        }
        self.commit(edits, is_there.then_some(to)).await
    }

    async fn undo(&mut self) -> String {
        let Some(to) = self.expected.undone() else { return "nothing to undo".to_owned() };
        let Ok(Reply::History { commits }) = self.writer.ask(Verb::History { limit: 1, before: None }).await else {
            panic!("no history")
        };
        assert_eq!(commits[0].revision, self.expected.revision);
        format!("undo by {}", self.commit(commits[0].inverse.clone(), Some(to)).await)
    }

    async fn window(&mut self) -> String {
        let act = match self.below(4) {
            0 => WindowAct::Back,
            1 => WindowAct::Extend { for_ms: 10_000 + self.span_ms() },
            _ => WindowAct::Confirm,
        };
        let answer = self.writer.ask(Verb::Window(WindowQuery { act, revision: None })).await;
        let allowed = match act {
            WindowAct::Back => self.expected.take_back(),
            WindowAct::Confirm => self.expected.confirm(),
            WindowAct::Extend { for_ms } => self.expected.extend_window(for_ms),
        };
        assert_eq!(answer.is_ok(), allowed, "{act:?}: {answer:?}");
        format!("window {act:?}")
    }

    async fn lease(&mut self) -> String {
        let (backend, for_ms) = (self.one(&BACKENDS), self.span_ms());
        let (key, value) = if self.chance(50) {
            ("weight", self.weight().to_string())
        } else {
            ("state", self.one(&STATES).to_owned())
        };
        let edits = vec![Edit::set(path(backend, key), value.clone())];
        let said = format!("lease {edits:?} for {for_ms}");
        let answer = self.writer.ask(Verb::Lease(LeaseQuery { edits, for_ms, reason: None, dry_run: false })).await;
        assert_eq!(answer.is_ok(), self.expected.lease(backend, key, value, for_ms), "{said}: {answer:?}");
        said
    }

    async fn ramp(&mut self) -> String {
        let (backend, from, to, over_ms) = (self.one(&BACKENDS), self.weight(), self.weight(), self.span_ms());
        let query = RampQuery {
            backend: format!("app/{backend}").parse().expect("a path"),
            from: Some(from),
            to,
            over_ms,
            steps: None,
            aborts: Vec::new(),
            reason: None,
            dry_run: false,
        };
        let answer = self.writer.ask(Verb::Ramp(query)).await;
        assert_eq!(answer.is_ok(), self.expected.climb(backend, from, to, over_ms), "{answer:?}");
        format!("ramp {backend} {from}..{to} over {over_ms}")
    }

    async fn layer(&mut self) -> String {
        let known = self.expected.layer_ids();
        let id = if known.is_empty() || self.chance(5) { 999 } else { self.one(&known) };
        let (act, allowed) = match self.below(4) {
            0 => (LayerAct::Cancel, self.expected.cancel(id)),
            1 => {
                let for_ms = self.span_ms();
                (LayerAct::Extend { for_ms }, self.expected.extend(id, for_ms))
            }
            2 => (LayerAct::Hold, self.expected.hold(id)),
            _ => (LayerAct::Resume, self.expected.resume(id)),
        };
        let answer = self.writer.ask(Verb::Layer(LayerQuery { id, act })).await;
        assert_eq!(answer.is_ok(), allowed, "{id} {act:?}: {answer:?}");
        format!("layer {id} {act:?}")
    }

    async fn pass(&mut self) -> String {
        let ticks = 1 + self.below(9);
        for _ in 0..ticks {
            tokio::time::advance(std::time::Duration::from_millis(TICK_MS)).await;
            self.writer.settled().await;
            self.expected.tick();
        }
        format!("{ticks} ticks")
    }

    async fn restart(&mut self) -> String {
        let after_ms = self.below(20) * TICK_MS;
        let at_ms = self.born_ms + self.expected.now_ms + after_ms;
        self.writer.halt().await;
        self.writer = Writer::start_at(self.dir, None, FakePorts::default(), at_ms).await.expect("starts");
        self.writer.settled().await;
        self.expected.restart(after_ms);
        format!("restart after {after_ms}")
    }

    async fn compare(&self, said: &[String]) {
        let status = self.writer.status().await;
        let told = || format!("after {}", said.join("\n      "));
        assert_eq!(status.revision, self.expected.revision, "revision {}", told());
        assert_eq!(status.window.is_some(), self.expected.window_is_open(), "window {}", told());
        let ids: Vec<_> = status.layers.iter().map(|layer| layer.id).collect();
        assert_eq!(ids, self.expected.layer_ids(), "layers {}", told());
        let Ok(Reply::Config { config, .. }) = self.writer.ask(Verb::Config).await else { panic!("no configuration") };
        let group = config.groups.values().next().expect("one group");
        let configured: Values =
            group.backends.iter().flat_map(|(name, b)| pair(name.as_str(), b.weight, b.state)).collect();
        assert_eq!(configured, self.expected.configured, "configured {}", told());
        let plan = self.writer.published.load();
        let planned = &plan.groups[0].backends;
        let live: Values =
            planned.iter().flat_map(|b| pair(b.name.as_str(), b.settings.weight, b.settings.state)).collect();
        assert_eq!(live, self.expected.in_force(), "in force {}", told());
    }
}

fn pair(name: &str, weight: u16, state: poise_ipc::model::AdminState) -> [((char, &'static str), String); 2] {
    let name = name.chars().next().expect("a name");
    [((name, "weight"), weight.to_string()), ((name, "state"), state.to_string())]
}

#[test]
fn every_interleaving_ends_as_the_reference_says() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("POISE_MODEL_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("POISE_MODEL_ROUNDS").unwrap_or(ROUNDS)).chain([OUTLIVED]).collect(),
    };
    for seed in seeds {
        let dir = tempfile::tempdir().expect("dir");
        on_still_runtime(async {
            let mut pair = Pair::new(dir.path(), seed).await;
            let mut said = vec![format!("seed {seed}")];
            for _ in 0..STEPS {
                let step = pair.step().await;
                said.push(step);
                pair.compare(&said).await;
            }
        });
    }
}
