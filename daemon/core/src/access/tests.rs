//! Access agrees with reading all rules one by one, and counts stay with their rule.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn rule(network: &str, allow: bool) -> Rule {
    let (addr, prefix) = network.split_once('/').expect("a network");
    Rule { addr: addr.parse().expect("an address"), prefix: prefix.parse().expect("a prefix"), allow }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// What the rules say, read one by one.
fn oracle(rules: &[Rule], client: IpAddr) -> bool {
    let covers = |rule: &&Rule| {
        let same = rule.addr.is_ipv4() == client.is_ipv4();
        same && (bits(rule.addr) | host_mask(client.is_ipv4(), rule.prefix))
            == (bits(client) | host_mask(client.is_ipv4(), rule.prefix))
    };
    let best = rules.iter().filter(covers).max_by_key(|rule| (rule.prefix, !rule.allow));
    best.map_or_else(|| !rules.iter().any(|rule| rule.allow), |rule| rule.allow)
}

#[test]
fn without_rules_everybody_may_come_and_with_an_allowed_network_nobody_else() {
    assert!(Access::default().admits(ip("192.0.2.1")));
    let access = Access::new([rule("10.0.0.0/8", true)], None);
    assert!(access.admits(ip("10.1.2.3")));
    assert!(!access.admits(ip("192.0.2.1")));
    assert!(!access.admits(ip("2001:db8::1")), "IPv6 clients are everybody else too");
    assert!(Access::new([rule("10.0.0.0/8", false)], None).admits(ip("192.0.2.1")));
}

#[test]
fn the_most_specific_network_decides_and_a_tie_denies() {
    let rules = [
        rule("10.0.0.0/8", true),
        rule("10.1.0.0/16", false),
        rule("10.1.2.0/24", true),
        rule("10.1.2.3/32", false),
        rule("10.9.0.0/16", true),
        rule("10.9.0.0/16", false),
    ];
    let access = Access::new(rules, None);
    for (client, allowed) in [
        ("10.0.0.1", true),
        ("10.1.0.1", false),
        ("10.1.2.4", true),
        ("10.1.2.3", false),
        ("10.1.3.0", false),
        ("10.9.9.9", false),
        ("::ffff:10.1.2.4", true),
        ("11.0.0.0", false),
    ] {
        assert_eq!(access.admits(ip(client)), allowed, "{client}");
    }
}

#[test]
fn hits_are_counted_for_the_deciding_rule_and_outlive_edits_that_leave_it_alone() {
    let (wide, narrow) = (rule("10.0.0.0/8", true), rule("10.1.0.0/16", false));
    let access = Access::new([wide, narrow], None);
    for client in ["10.0.0.1", "10.0.0.2", "10.1.0.1"] {
        access.admits(ip(client));
    }
    assert_eq!(access.hits().collect::<Vec<_>>(), [(wide, 2), (narrow, 1)]);
    let (other, turned) = (rule("192.0.2.0/24", false), Rule { allow: true, ..narrow });
    let edited = Access::new([other, turned, rule("10.9.9.9/8", true)], Some(&access));
    let hits: Vec<_> = edited.hits().collect();
    assert_eq!(
        hits,
        [(other, 0), (turned, 0), (wide, 2)],
        "a new verdict counts anew, a network is one however spelled"
    );
    access.admits(ip("10.0.0.3"));
    assert_eq!(edited.hits().map(|(_, hits)| hits).sum::<u64>(), 3, "whoever still reads the plan before counts too");
}

#[test]
fn networks_of_the_other_family_cover_nobody() {
    let access = Access::new([rule("::/0", false), rule("::ffff:192.0.2.0/120", false)], None);
    assert!(access.admits(ip("198.51.100.1")));
    assert!(!access.admits(ip("192.0.2.77")), "IPv4 wrapped in IPv6 is IPv4");
    assert!(!access.admits(ip("2001:db8::1")));
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    // Few bits, so that networks nest and meet.
    let v4 = (any::<[bool; 6]>(), 0_u8..=32).prop_map(|(b, prefix)| (IpAddr::V4(small(b).into()), prefix));
    let v6 = (any::<[bool; 6]>(), 0_u8..=128)
        .prop_map(|(b, prefix)| (IpAddr::V6((u128::from(small(b)) << 96 | u128::from(small(b))).into()), prefix));
    let rule = (prop_oneof![v4, v6], any::<bool>())
        .prop_map(|((addr, prefix), allow)| Rule { addr, prefix, allow }.canonical());
    prop::collection::vec(rule, 0..40)
}

/// Six bits spread over 32.
fn small(bits: [bool; 6]) -> u32 {
    bits.iter().zip([0, 1, 8, 15, 24, 31]).map(|(bit, at)| u32::from(*bit) << at).sum()
}

proptest! {
    #[test]
    fn a_lookup_says_what_all_rules_say(rules in rules(), clients in prop::collection::vec(any::<[bool; 6]>(), 20)) {
        let access = Access::new(rules.clone(), None);
        for client in clients {
            let v4 = IpAddr::V4(Ipv4Addr::from(small(client)));
            let v6 = IpAddr::V6(Ipv6Addr::from(u128::from(small(client)) << 96 | u128::from(small(client))));
            for client in [v4, v6] {
                prop_assert_eq!(access.admits(client), oracle(&rules, client), "{}", client);
            }
        }
    }
}
