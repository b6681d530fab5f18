//! Access agrees with reading all rules one by one, and counts stay with their rule.

use poise_ipc::model::NetworkRule;
use proptest::prelude::*;

use super::*;

/// A list of networks, with comments that must not matter.
fn list(networks: &[&str]) -> Vec<NetworkRule> {
    networks.iter().map(|text| format!("{text} note").parse().expect("a rule")).collect()
}

fn lists(allow: &[&str], deny: &[&str]) -> Access {
    Access { allow: list(allow), deny: list(deny) }
}

fn compiled(allow: &[&str], deny: &[&str]) -> AccessPlan {
    AccessPlan::new(&lists(allow, deny), None)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// What the lists say, read one by one.
fn oracle(lists: &Access, client: IpAddr) -> bool {
    let rules = lists.allow.iter().map(|rule| (rule, true)).chain(lists.deny.iter().map(|rule| (rule, false)));
    let covers = rules.filter(|(rule, _)| rule.network.contains(client));
    let best = covers.max_by_key(|(rule, allow)| (rule.network.prefix, !allow));
    best.map_or(lists.allow.is_empty(), |(_, allow)| allow)
}

#[test]
fn without_rules_everybody_may_come_and_with_an_allowed_network_nobody_else() {
    assert!(AccessPlan::default().admits(ip("192.0.2.1")));
    let access = compiled(&["10.0.0.0/8"], &[]);
    assert!(access.admits(ip("10.1.2.3")));
    assert!(!access.admits(ip("192.0.2.1")));
    assert!(!access.admits(ip("2001:db8::1")), "IPv6 clients are everybody else too");
    assert!(compiled(&[], &["10.0.0.0/8"]).admits(ip("192.0.2.1")));
}

#[test]
fn the_most_specific_network_decides_and_a_tie_denies() {
    let access = compiled(&["10.0.0.0/8", "10.1.2.0/24", "10.9.0.0/16"], &["10.1.0.0/16", "10.1.2.3", "10.9.0.0/16"]);
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
    let access = compiled(&["10.0.0.0/8"], &["10.1.0.0/16"]);
    for client in ["10.0.0.1", "10.0.0.2", "10.1.0.1"] {
        access.admits(ip(client));
    }
    assert_eq!(access.hits().collect::<Vec<_>>(), [2, 1]);
    let edited = AccessPlan::new(&lists(&["10.1.0.0/16", "10.0.0.0/8"], &["192.0.2.0/24"]), Some(&access));
    assert_eq!(edited.hits().collect::<Vec<_>>(), [0, 2, 0], "a new verdict counts anew");
    access.admits(ip("10.0.0.3"));
    assert_eq!(edited.hits().sum::<u64>(), 3, "whoever still reads the plan before counts too");
}

#[test]
fn networks_of_the_other_family_cover_nobody() {
    let access = compiled(&[], &["::/0", "192.0.2.0/24"]);
    assert!(access.admits(ip("198.51.100.1")));
    assert!(!access.admits(ip("::ffff:192.0.2.77")), "IPv4 wrapped in IPv6 is IPv4");
    assert!(!access.admits(ip("2001:db8::1")));
}

fn networks() -> impl Strategy<Value = Vec<NetworkRule>> {
    // Few bits, so that networks nest and meet.
    let address = (any::<[bool; 6]>(), any::<bool>()).prop_map(|(bits, v4)| address(bits, v4));
    let network = (address, 0_u8..=128).prop_map(|(address, prefix)| Network::of(address, prefix));
    prop::collection::vec(network.prop_map(|network| NetworkRule { network, comment: String::new() }), 0..20)
}

/// Six bits spread over an address.
fn address(bits: [bool; 6], v4: bool) -> IpAddr {
    let small: u32 = bits.iter().zip([0, 1, 8, 15, 24, 31]).map(|(bit, at)| u32::from(*bit) << at).sum();
    if v4 { IpAddr::V4(small.into()) } else { IpAddr::V6(((u128::from(small) << 96) | u128::from(small)).into()) }
}

proptest! {
    #[test]
    fn a_lookup_says_what_all_rules_say(
        allow in networks(),
        deny in networks(),
        clients in prop::collection::vec((any::<[bool; 6]>(), any::<bool>()), 20),
    ) {
        let lists = Access { allow, deny };
        let access = AccessPlan::new(&lists, None);
        for (bits, v4) in clients {
            let client = address(bits, v4);
            prop_assert_eq!(access.admits(client), oracle(&lists, client), "{}", client);
        }
    }
}
