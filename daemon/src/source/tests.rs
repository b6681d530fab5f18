//! What holds on every host that has a loopback.

use super::*;

#[test]
fn loopback_is_spoken_to_from_loopback() {
    assert_eq!(source_of(Ipv4Addr::LOCALHOST.into()).expect("a route"), Ipv4Addr::LOCALHOST);
    assert!(is_local("127.0.0.9".parse().expect("an address")));
    assert!(is_local(Ipv4Addr::UNSPECIFIED.into()));
}

#[test]
fn an_address_for_documentation_is_not_of_this_host() {
    // RFC 5737.
    assert!(!is_local(Ipv4Addr::new(192, 0, 2, 1).into()));
}
