//! A flood is over once, and only when it has been calm for a while.

use super::{CALM_MS, FLOOD_MIN, Flood};

#[test]
fn a_flood_is_over_once_after_the_calm() {
    let mut flood = Flood::default();
    assert!(!flood.observe(FLOOD_MIN, 0));
    assert!(!flood.observe(FLOOD_MIN / 2, 1));
    assert!(!flood.observe(0, CALM_MS));
    assert!(flood.observe(0, CALM_MS + 1));
    assert!(!flood.observe(0, 10 * CALM_MS) && !flood.is_ebbing(0));
}

#[test]
fn a_lull_is_no_end() {
    let mut flood = Flood::default();
    flood.observe(1_000, 0);
    flood.observe(10, 1);
    flood.observe(900, CALM_MS);
    assert!(!flood.observe(10, CALM_MS + 1));
    assert!(flood.observe(10, 2 * CALM_MS + 1));
}

#[test]
fn a_few_connections_are_no_flood() {
    let mut flood = Flood::default();
    flood.observe(FLOOD_MIN - 1, 0);
    assert!(!flood.is_ebbing(0));
    assert!(!flood.observe(0, 1) && !flood.observe(0, 10 * CALM_MS));
}
