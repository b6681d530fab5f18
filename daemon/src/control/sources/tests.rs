//! How often the system is asked, and what counts as local.

use super::*;

#[test]
fn an_answer_is_believed_for_a_while() {
    let (sources, to, from) = (Sources::default(), IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 9]));
    assert_eq!(sources.of(to, 5, |_| Some(from)), Some(from));
    assert_eq!(sources.of(to, 5 + BELIEVED_MS - 1, |_| None), Some(from));
    assert_eq!(sources.of(to, 5 + BELIEVED_MS, |_| None), None);
}

#[test]
fn what_is_spoken_to_from_itself_is_local() {
    let (sources, here, away) = (Sources::default(), IpAddr::from([10, 0, 0, 9]), IpAddr::from([10, 0, 0, 1]));
    assert!(sources.is_local(here, 0, |_| Some(here)));
    assert!(!sources.is_local(away, 0, |_| Some(here)));
    assert!(sources.is_local([127, 0, 0, 5].into(), 0, |_| None));
}
