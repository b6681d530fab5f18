//! What becomes of answers: sticky addresses, failures that change nothing, look-ups in time.

use poise_ipc::text;

use super::*;

const HOST: &str = "db.test";

fn ip(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn config() -> Config {
    let text = "groups.app.backends.a = { address = \"db.test:5432\" }
groups.app.backends.b = { address = \"db.test:5433\" }
groups.app.backends.c = { address = \"10.0.0.9:80\" }";
    text::parse(text).expect("a valid text")
}

fn names(current: u8) -> Names {
    let mut names = Names::new("seed", vec![NameRow { host: HOST.to_owned(), address: ip(current) }]);
    names.follow(&config());
    names
}

#[test]
fn an_address_stays_while_it_is_among_the_answers() {
    let mut names = names(2);
    assert_eq!(names.answer(HOST, Ok(vec![ip(1), ip(2), ip(3)]), 0), Change::None);
    assert_eq!(names.answer(HOST, Ok(vec![ip(1), ip(3)]), 0), Change::Moved(Some(ip(2)), ip(1)));
    assert_eq!(names.answer(HOST, Ok(vec![ip(0), ip(1)]), 0), Change::None);
}

#[test]
fn a_failure_keeps_the_last_good_address_and_is_told_once() {
    let mut names = names(2);
    assert_eq!(names.findings(&config()), []);
    assert_eq!(names.answer(HOST, Err("no answer".to_owned()), 0), Change::Fails("no answer".to_owned()));
    assert_eq!(names.answer(HOST, Err("refused".to_owned()), 0), Change::None);
    let found: Vec<_> =
        names.findings(&config()).into_iter().map(|finding| (finding.subject, finding.message)).collect();
    assert_eq!(found.len(), 2, "one for each backend of the name");
    assert_eq!(found[0].0, "groups.app.backends.a.address");
    assert!(found[0].1.contains("refused") && found[0].1.contains("10.0.0.2"), "{}", found[0].1);
    assert_eq!(names.rows(), [NameRow { host: HOST.to_owned(), address: ip(2) }]);
    assert_eq!(names.answer(HOST, Ok(vec![ip(2)]), 0), Change::Answers);
    assert_eq!(names.findings(&config()), []);
}

#[test]
fn every_backend_of_a_name_has_its_address_with_a_port_of_its_own() {
    let config = config();
    let identities = Identities::default().follow(&config);
    let resolved = names(2).resolved(&config, &identities);
    let mut found: Vec<_> = resolved.values().map(ToString::to_string).collect();
    found.sort();
    assert_eq!(found, ["10.0.0.2:5432", "10.0.0.2:5433"]);
}

#[test]
fn names_are_looked_up_again_about_every_30_s_and_never_twice_at_once() {
    let mut names = names(2);
    assert_eq!(names.due(5, 8), [HOST]);
    assert_eq!(names.due(5, 8), Vec::<String>::new(), "it is under way");
    let (mut now_ms, mut waits) = (5, Vec::new());
    for _ in 0..50 {
        let asked_ms = now_ms;
        names.answer(HOST, Ok(vec![ip(2)]), now_ms);
        while names.due(now_ms, 8).is_empty() {
            now_ms += 10;
        }
        waits.push(now_ms - asked_ms);
    }
    assert!(waits.iter().all(|wait| (27_000..=33_010).contains(wait)), "{waits:?}");
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 10, "the times are spread: {waits:?}");
}

#[test]
fn only_names_without_an_address_are_missing_and_only_those_of_the_configuration_are_kept() {
    let mut names = Names::new("seed", vec![NameRow { host: "old.test".to_owned(), address: ip(1) }]);
    assert_eq!(names.missing(&config()), [HOST]);
    names.follow(&config());
    assert_eq!(names.rows(), []);
    assert_eq!(names.missing(&config()), [HOST]);
    assert_eq!(names.answer(HOST, Ok(vec![ip(4)]), 0), Change::Moved(None, ip(4)));
    assert_eq!(names.missing(&config()), Vec::<String>::new());
    assert_eq!(names.answer("old.test", Ok(vec![ip(5)]), 0), Change::None);
}
