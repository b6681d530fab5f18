//! `kill -9` right before every write of the store, from the first of a start to the last of a day's work: after
//! a restart the state is that of the last answer, or of what was under way, byte for byte.
//!
//! `POISE_BOUNDARY_ALL=1` tries every write there is; otherwise some, spread over all of them.

use std::sync::atomic::{AtomicU64, Ordering};

use poise_ipc::edit::Edit;
use poise_ipc::message::{
    Apply, ErrorReply, LayerAct, LayerQuery, LeaseQuery, RampQuery, Reply, Verb, WindowAct, WindowQuery, WindowWish,
};

use crate::process::{Daemon, Place};
use crate::shim;

const CONFIG: &str = "\
[listeners.raw]
bind = \"127.0.0.1:0\"
protocol = \"tcp\"
group = \"app\"
[groups.app]
health_check = \"off\"
[groups.app.backends]
a = { address = \"127.0.0.1:9\" }
b = { address = \"127.0.0.1:10\", weight = 30 }
";
/// Writes tried unless all of them are.
const SAMPLE: u64 = 24;
/// Daemons at once.
const SIDE_BY_SIDE: usize = 2;

/// What is stored of a daemon, as its own answers tell it.
#[derive(Debug, PartialEq, Eq)]
struct Stand {
    revision: u64,
    text: String,
    /// The revision that waits to be confirmed, and where it would go back to.
    window: Option<(u64, u64)>,
    /// Leases and ramps: what each holds.
    layers: Vec<(u64, String)>,
    /// Every revision of the history, newest first, with its edits.
    history: Vec<(u64, Vec<Edit>)>,
}

impl Stand {
    fn of(daemon: &Daemon) -> Option<Self> {
        let Ok(Reply::ConfigText { revision, text }) = daemon.ask_while_it_lives(Verb::ConfigText)? else {
            panic!("no text")
        };
        let Ok(Reply::Status(status)) = daemon.ask_while_it_lives(Verb::Status)? else { panic!("no status") };
        let Ok(Reply::History { commits }) = daemon.ask_while_it_lives(Verb::History { limit: 100, before: None })?
        else {
            panic!("no history")
        };
        let paths = |layer: &poise_ipc::message::LayerStatus| {
            layer.values.iter().map(|value| value.path.clone()).collect::<Vec<_>>().join(" ")
        };
        Some(Self {
            revision,
            text,
            window: status.window.as_ref().map(|window| (window.revision, window.back_to)),
            layers: status.layers.iter().map(|layer| (layer.id, paths(layer))).collect(),
            history: commits.into_iter().map(|commit| (commit.revision, commit.edits)).collect(),
        })
    }
}

fn apply(edits: &[(&str, &str)], window: WindowWish) -> Verb {
    let edits = edits.iter().map(|(path, value)| Edit::set(*path, *value)).collect();
    Verb::Apply(Apply { edits, if_revision: None, dry_run: false, reason: Some("a day's work".to_owned()), window })
}

fn lease(path: &str, value: &str) -> Verb {
    Verb::Lease(LeaseQuery {
        edits: vec![Edit::set(path, value)],
        for_ms: 3_600_000,
        reason: Some("INC-42".to_owned()),
        dry_run: false,
    })
}

/// A change of every kind that is stored.
fn script() -> Vec<Verb> {
    const A: &str = "groups.app.backends.a.weight";
    const B: &str = "groups.app.backends.b.weight";
    let waits = WindowWish { confirm_within_ms: Some(3_600_000), ..WindowWish::default() };
    let end = |act| Verb::Window(WindowQuery { act, revision: None });
    let ramp = RampQuery {
        backend: "app/b".parse().expect("a path"),
        from: None,
        to: 90,
        over_ms: 3_600_000,
        steps: Some(2),
        aborts: Vec::new(),
        reason: None,
        dry_run: false,
    };
    let layer = |id, act| Verb::Layer(LayerQuery { id, act });
    vec![
        apply(&[(A, "7")], WindowWish::default()),
        apply(&[("groups.new", "{ backends = { c = { address = \"127.0.0.1:11\" } } }")], WindowWish::default()),
        apply(&[(A, "8"), (B, "9")], waits.clone()),
        apply(&[("groups.app.scheduler", "wlc")], WindowWish { join: true, ..WindowWish::default() }),
        end(WindowAct::Extend { for_ms: 7_200_000 }),
        end(WindowAct::Confirm),
        lease(A, "1"),
        Verb::Ramp(ramp),
        layer(2, LayerAct::Hold),
        layer(1, LayerAct::Extend { for_ms: 7_200_000 }),
        layer(1, LayerAct::Cancel),
        apply(&[("groups.app.backends.b.state", "draining")], waits),
        end(WindowAct::Back),
        Verb::Apply(Apply {
            edits: vec![Edit::remove("groups.new")],
            if_revision: None,
            dry_run: false,
            reason: None,
            window: WindowWish::default(),
        }),
        layer(2, LayerAct::Cancel),
    ]
}

fn done(answer: Result<Reply, ErrorReply>) {
    answer.unwrap_or_else(|error| panic!("refused: {error:?}"));
}

/// What the daemon has stored after each change, before the first of them first.
fn stands() -> Vec<Stand> {
    let place = Place::new(CONFIG);
    let daemon = place.start();
    let mut stands = vec![Stand::of(&daemon).expect("it lives")];
    for verb in script() {
        done(daemon.ask(verb));
        stands.push(Stand::of(&daemon).expect("it lives"));
    }
    stands
}

/// Kills a daemon at its `nth` write; whether it came so far.
fn killed_at(nth: u64, stands: &[Stand]) -> bool {
    let place = Place::new(CONFIG);
    let mut command = place.command();
    shim::killed_at(&mut command, &place.state(), nth);
    let mut answered = None;
    if let Ok(daemon) = place.start_unless_it_ends(&mut command) {
        answered = Some(0);
        for verb in script() {
            let Some(answer) = daemon.ask_while_it_lives(verb) else { break };
            done(answer);
            answered = answered.map(|count: usize| count + 1);
        }
        if answered == Some(stands.len() - 1) {
            return false;
        }
    }
    let again = place.start();
    let stand = Stand::of(&again).expect("it lives");
    // One that ended before it was ready has promised nothing; the file is taken by the next start.
    let first = answered.unwrap_or(0);
    let may_be = &stands[first..(first + 2).min(stands.len())];
    assert!(
        may_be.contains(&stand),
        "before write {nth}, with {answered:?} answers: {stand:#?}\nis none of {may_be:#?}"
    );
    // And it goes on from there.
    let goes_on = apply(
        &[("groups.app.backends.a.weight", "77")],
        WindowWish { join: stand.window.is_some(), ..WindowWish::default() },
    );
    done(again.ask(goes_on));
    true
}

#[test]
fn a_kill_before_any_write_leaves_the_last_answer_or_what_was_under_way() {
    let stands = stands();
    // How many writes there are differs from run to run by what the daemon notes by itself.
    let all = std::env::var_os("POISE_BOUNDARY_ALL").is_some();
    let last = last_write(&stands);
    let step = if all { 1 } else { last.div_ceil(SAMPLE) };
    let (next, tried) = (AtomicU64::new(1), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(step, Ordering::SeqCst);
                    if nth > last {
                        return;
                    }
                    if killed_at(nth, &stands) {
                        tried.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let tried = tried.into_inner();
    assert!(tried * step * 10 >= last * 8, "{tried} of {last} writes were tried, every {step}");
    println!("killed before {tried} writes of {last}");
}

/// About how many writes the script takes: the largest power that is still reached, then halves.
fn last_write(stands: &[Stand]) -> u64 {
    let (mut low, mut high) = (1, 1_024);
    while low + 1 < high {
        let middle = u64::midpoint(low, high);
        if killed_at(middle, stands) { low = middle } else { high = middle }
    }
    low
}
