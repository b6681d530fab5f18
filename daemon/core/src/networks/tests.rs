//! The set against a plain look at each network.

use std::net::IpAddr;

use poise_ipc::model::{Network, NetworkRule};
use proptest::prelude::*;

use super::Networks;

fn address() -> impl Strategy<Value = IpAddr> {
    // Few values, so that networks meet and nest.
    let v4 = (0_u32..4, 0_u32..4).prop_map(|(high, low)| IpAddr::V4((high << 24 | low).into()));
    let v6 = (0_u128..4, 0_u128..4).prop_map(|(high, low)| IpAddr::V6((high << 96 | low).into()));
    prop_oneof![v4, v6]
}

proptest! {
    #[test]
    fn an_address_is_in_the_set_when_it_is_in_a_network(
        networks in prop::collection::vec((address(), 0_u8..=128), 1..8), asked in address(),
    ) {
        let rules: Vec<_> = networks
            .into_iter()
            .map(|(address, prefix)| NetworkRule { network: Network::of(address, prefix), comment: String::new() })
            .collect();
        let expected = rules.iter().any(|rule| rule.network.contains(asked));
        prop_assert_eq!(Networks::new(&rules).expect("there are some").contains(asked), expected);
    }
}

#[test]
fn no_networks_are_no_set() {
    assert!(Networks::new(&[]).is_none());
}
