//! The cadence follows health and verdict, and one probe speaks for all who would ask alike.

use poise_ipc::status::{Phase, Reason};

use super::*;

fn member(health: Health) -> Member {
    let live = Arc::new(BackendLive::new(1, &Arc::default()));
    let path = "app/app-1".parse().expect("a path");
    Member { backend: BackendId(1), path, health, live }
}

fn alike(health: Health) -> Target {
    let address: std::net::SocketAddr = "127.0.0.1:80".parse().expect("an address");
    Target {
        members: vec![member(health)],
        address: Address::Ip(address),
        leads: plan::Target::Ip(address),
        check: Arc::new(HealthCheck {
            interval_ms: 2_000,
            fast_interval_ms: Some(500),
            down_interval_ms: Some(10_000),
            ..HealthCheck::default()
        }),
        tls: None,
        speaks: BackendProtocol::Http1,
    }
}

fn check(target: &mut Target) -> &mut HealthCheck {
    Arc::make_mut(&mut target.check)
}

const PASS: Verdict = Verdict::Pass { code: None };
const FAIL: Verdict = Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None };

#[test]
fn probes_are_fast_in_question_and_slow_when_down() {
    let after = |health, verdict: Option<&Verdict>| alike(health).interval_after(verdict).as_millis();
    assert_eq!((after(Health::Up, Some(&PASS)), after(Health::Up, Some(&FAIL))), (2_000, 500));
    assert_eq!((after(Health::Down, Some(&PASS)), after(Health::Down, Some(&FAIL))), (500, 10_000));
    assert_eq!((after(Health::Unknown, None), after(Health::Down, None)), (2_000, 10_000));
    assert_eq!(
        (after(Health::Up, Some(&Verdict::Silent)), after(Health::Unknown, Some(&Verdict::Silent))),
        (500, 2_000)
    );
}

#[test]
fn a_shared_probe_is_as_fast_as_the_one_in_question_wants() {
    let mut shared = alike(Health::Down);
    shared.members.push(member(Health::Up));
    assert_eq!(shared.interval_after(Some(&FAIL)).as_millis(), 500);
    assert_eq!(shared.interval_after(Some(&PASS)).as_millis(), 500);
}

#[test]
fn only_those_that_ask_alike_and_as_often_share_a_probe() {
    let one = alike(Health::Up);
    let with = |edit: fn(&mut Target)| {
        let mut other = alike(Health::Down);
        edit(&mut other);
        one.is_shared_with(&other)
    };
    assert!(with(|_| {}));
    assert!(with(|t| (check(t).rise, check(t).fall) = (9, 9)), "what a verdict leads to is each group's own");
    let differing: [fn(&mut Target); 12] = [
        |t| check(t).interval_ms = 1_000,
        |t| check(t).fast_interval_ms = None,
        |t| check(t).timeout_ms = 1_000,
        |t| check(t).path = "/up".to_owned(),
        |t| check(t).headers = serde_json::from_str(r#"["X-Key: 1"]"#).expect("fields"),
        |t| check(t).receive_regex = Some("ok".to_owned()),
        |t| check(t).service = Some("shop".to_owned()),
        |t| check(t).version = poise_ipc::model::CheckVersion::Http10,
        |t| check(t).server_name = Some("a.example".to_owned()),
        |t| check(t).receive_max = poise_ipc::model::ByteSize(1),
        |t| t.speaks = BackendProtocol::Http2,
        |t| t.leads = plan::Target::Unresolved,
    ];
    for (at, edit) in differing.into_iter().enumerate() {
        assert!(!with(edit), "case {at}");
    }
}
