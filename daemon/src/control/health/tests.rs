//! What must hold of the machines over edits: untouched backends keep their health, a new address
//! begins anew, and verdicts that do not concern what is configured now do not count.

use poise_ipc::model::Address;
use poise_ipc::status::{Health, Phase, Phases, Reason, Verdict};
use poise_ipc::text;

use super::*;

const ID: BackendId = BackendId(1);

fn config(backend: &str, check: &str) -> Config {
    let text = format!(
        "[groups.app]\nhealth_check = {check}\n[groups.app.backends]\na = {backend}\nb = {{ address = \"10.0.0.2:80\" }}\n"
    );
    text::parse(&text).expect("valid")
}

fn usual() -> Config {
    config("{ address = \"10.0.0.1:80\" }", "{ protocol = \"tcp\", rise = 2, fall = 2 }")
}

fn trackers(config: &Config) -> (Trackers, Identities) {
    // Ids begin at 1, so `a` has ID.
    let identities = Identities { next: 1, ..Identities::default() }.follow(config);
    let mut trackers = Trackers::default();
    trackers.follow(config, &identities, &HashMap::new());
    (trackers, identities)
}

fn report(address: &str, reason: Option<Reason>) -> ProbeReport {
    let verdict = match reason {
        None => Verdict::Pass { code: None },
        Some(reason) => Verdict::Fail { phase: Phase::Connect, reason, code: None },
    };
    ProbeReport {
        backend: ID,
        address: Address::Ip(address.parse().expect("an address")),
        at_ms: 5_000,
        verdict,
        latency_us: 90,
        phases: Phases::default(),
        exchange: None,
    }
}

fn health_of(trackers: &Trackers) -> Health {
    trackers.standings()[&ID].health
}

/// Brings `a` down.
fn down(trackers: &mut Trackers) {
    let observed = trackers.observe(report("10.0.0.1:80", Some(Reason::Refused))).expect("counts");
    assert_eq!(observed.transition.map(|(t, _)| (t.from, t.to)), Some((Health::Unknown, Health::Down)));
}

fn edit(trackers: &mut Trackers, identities: &Identities, to: &Config) -> Vec<BackendId> {
    trackers.follow(to, &identities.follow(to), &HashMap::new())
}

#[test]
fn the_first_verdict_decides_and_later_ones_need_their_number() {
    let (mut trackers, _) = trackers(&usual());
    down(&mut trackers);
    let once = trackers.observe(report("10.0.0.1:80", None)).expect("counts");
    assert!(once.transition.is_none());
    assert_eq!((once.sample.streak, once.sample.threshold, once.sample.transition), (1, 2, None));
    let twice = trackers.observe(report("10.0.0.1:80", None)).expect("counts");
    assert_eq!(twice.sample.transition, Some(Health::Up));
    assert_eq!(trackers.status(ID, 5_000).transitions_10min, 2);
}

#[test]
fn an_edit_of_weight_check_or_neighbour_keeps_a_dead_backend_dead() {
    let (mut trackers, identities) = trackers(&usual());
    down(&mut trackers);
    let checks = ["{ protocol = \"tcp\" }", "{ protocol = \"http\", port = 81, rise = 9 }"];
    for (weight, check) in [(1, checks[0]), (999, checks[1])] {
        let to = config(&format!("{{ address = \"10.0.0.1:80\", weight = {weight} }}"), check);
        assert!(edit(&mut trackers, &identities, &to).is_empty());
        assert_eq!(health_of(&trackers), Health::Down);
    }
}

#[test]
fn a_backend_with_another_address_is_unknown_again() {
    let (mut trackers, identities) = trackers(&usual());
    down(&mut trackers);
    let to = config("{ address = \"10.0.0.9:80\" }", "{ protocol = \"tcp\" }");
    edit(&mut trackers, &identities, &to);
    assert_eq!(health_of(&trackers), Health::Unknown);
    assert!(trackers.observe(report("10.0.0.1:80", Some(Reason::Refused))).is_none(), "a late verdict on the old one");
    assert!(trackers.observe(report("10.0.0.9:80", None)).is_some());
}

#[test]
fn without_probes_a_dead_backend_is_unknown_again() {
    let (mut trackers, identities) = trackers(&usual());
    down(&mut trackers);
    edit(&mut trackers, &identities, &config("{ address = \"10.0.0.1:80\" }", "\"off\""));
    assert_eq!(health_of(&trackers), Health::Unknown);
    assert!(trackers.observe(report("10.0.0.1:80", Some(Reason::Refused))).is_none());
}

#[test]
fn a_disabled_backend_keeps_its_health_and_counts_no_verdict() {
    let (mut trackers, identities) = trackers(&usual());
    down(&mut trackers);
    let to = config("{ address = \"10.0.0.1:80\", state = \"disabled\" }", "{ protocol = \"tcp\" }");
    edit(&mut trackers, &identities, &to);
    assert!(trackers.observe(report("10.0.0.1:80", None)).is_none());
    assert_eq!(health_of(&trackers), Health::Down);
}

#[test]
fn what_poised_could_not_send_is_logged_but_says_nothing_about_the_backend() {
    let (mut trackers, _) = trackers(&usual());
    let observed = trackers.observe(report("10.0.0.1:80", Some(Reason::Local))).expect("logged");
    assert!(observed.transition.is_none());
    assert_eq!(observed.sample.streak, 0);
    assert_eq!(health_of(&trackers), Health::Unknown);
}

#[test]
fn health_is_carried_over_a_restart_and_a_single_verdict_does_not_turn_it() {
    let config = usual();
    let (_, identities) = trackers(&config);
    let row = HealthRow { backend: ID, health: Health::Down, since_ms: 77, score: 0, score_ms: 5_000, is_out: false };
    let mut trackers = Trackers::default();
    trackers.follow(&config, &identities, &HashMap::from([(ID, row)]));
    assert_eq!((health_of(&trackers), trackers.status(ID, 5_000).since_ms), (Health::Down, 77));
    assert!(trackers.observe(report("10.0.0.1:80", None)).expect("counts").transition.is_none());
    assert_eq!(trackers.row(ID, 5_000), Some(row));
}

#[test]
fn a_removed_backend_is_dropped_and_named() {
    let (mut trackers, identities) = trackers(&usual());
    let to = text::parse("[groups.app.backends]\nb = { address = \"10.0.0.2:80\" }\n").expect("valid");
    assert_eq!(edit(&mut trackers, &identities, &to), [ID]);
    assert!(trackers.observe(report("10.0.0.1:80", None)).is_none());
}
