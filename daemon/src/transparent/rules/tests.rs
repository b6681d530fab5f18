//! Answers of the kernel, as bytes.

use proptest::prelude::*;

use super::*;

fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(HEAD_LEN + body.len()).expect("a short message");
    let mut bytes = [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A rule that looks into a table, with an attribute behind it.
fn rule(table: u8) -> Vec<u8> {
    message(NEW_RULE, &[2, 0, 0, 0, table, 0, 0, LOOK_UP, 0, 0, 0, 0, 8, 0, 6, 0, 1, 2, 3, 4])
}

#[test]
fn the_kernels_own_rules_are_no_policy() {
    let own = [rule(255), rule(254), rule(253)].concat();
    let end = message(3, &[0; 4]);
    assert_eq!(read(&own), Told::More);
    assert_eq!(read(&[&own[..], &end].concat()), Told::End);
    assert_eq!(read(&[&own[..], &rule(100), &end].concat()), Told::Policy);
    assert_eq!(read(&message(2, &[0; 20])), Told::End, "an error");
}

#[test]
fn this_host_answers_for_both_families() {
    // Whatever it has: the question is understood.
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        assert!(has_policy(family).is_ok(), "{family:?}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_read_to_an_end(bytes: Vec<u8>) {
        let _ = read(&bytes);
    }
}
