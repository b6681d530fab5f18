//! Networks hold what they should, ports go where there is one.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn a_network_holds_the_addresses_that_share_its_bits() {
    let office = Network::of(ip("10.1.2.3"), 16);
    assert_eq!(office.to_string(), "10.1.0.0/16");
    assert!(office.contains(ip("10.1.255.255")) && office.contains(ip("::ffff:10.1.0.1")));
    assert!(!office.contains(ip("10.2.0.1")) && !office.contains(ip("::1")));
    assert!(Network::of(ip("1.2.3.4"), 0).contains(ip("9.9.9.9")));
    assert_eq!(Network::of(ip("2001:db8::1"), 128).to_string(), "2001:db8::1");
    assert!(Network::of(ip("2001:db8::1"), 64).contains(ip("2001:db8::ffff")));
}

#[test]
fn a_port_replaces_a_port_but_a_unix_socket_has_none() {
    let name = Address::Name { host: "db".to_owned(), port: 1 };
    assert_eq!(name.at_port(9).to_string(), "db:9");
    assert_eq!(Address::Unix("/run/a".to_owned()).at_port(9).to_string(), "unix:/run/a");
}
