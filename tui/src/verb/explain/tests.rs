//! How a balance is told.

use poise_ipc::edit::Edit;
use poise_ipc::message::Imbalance;
use poise_ipc::model::Scheduler;

use super::*;

fn backend(name: &str, expected_ppm: u32, observed_ppm: u32, terms: &[(Imbalance, i32)]) -> BackendBalance {
    let backend = name.parse().expect("a name");
    let picks = u64::from(observed_ppm / 1_000);
    BackendBalance { backend, is_there: true, expected_ppm, observed_ppm, picks, terms: terms.to_vec() }
}

fn answer() -> BalanceAnswer {
    let cause = BalanceCause {
        cause: Imbalance::PinnedWlc,
        size_ppm: 200_000,
        evidence: vec!["persistence decided 80.0 % of 1000 of work in 60 s".to_owned()],
        remedy: "wrr shares new clients evenly\u{1b}[2J".to_owned(),
        mend: vec![Edit::set("groups.app.scheduler", "\"wrr\"")],
    };
    BalanceAnswer {
        group: "app".parse().expect("a name"),
        scheduler: Scheduler::Wlc,
        at_ms: 0,
        span_ms: 60_000,
        work: 1_000,
        pinned: 800,
        is_even: false,
        chance_ppm: 0,
        backends: vec![
            backend("a", 500_000, 700_000, &[(Imbalance::PinnedWlc, 200_000), (Imbalance::Chance, 400)]),
            backend("b", 500_000, 300_000, &[(Imbalance::PinnedWlc, -200_000)]),
        ],
        causes: vec![cause],
    }
}

#[test]
fn a_gap_is_told_with_its_causes_and_what_mends_them() {
    let text = document(&answer(), Format::Table);
    for line in [
        "group app, wlc, the last 1m: 1000 of work, 800 of it decided by persistence; 20.0 points off\n",
        "pinned-wlc +20.0\n",
        "\n1. pinned-wlc: 20.0 points\n   persistence decided 80.0 % of 1000 of work in 60 s\n",
        "   to do: wrr shares new clients evenly^[[2J\n   mends: poise set groups.app.scheduler wrr\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn no_work_and_an_even_group_say_so() {
    let nothing = BalanceAnswer { work: 0, backends: Vec::new(), causes: Vec::new(), ..answer() };
    assert_eq!(document(&nothing, Format::Table), "group app, wlc: no work came in the last 1m\n");
    let even = BalanceAnswer { is_even: true, causes: Vec::new(), ..answer() };
    assert!(document(&even, Format::Table).contains("; even\n"));
}
