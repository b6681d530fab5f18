//! What stands for a payload, and how many an amount is.

use super::{Amount, HealthCheck};

#[test]
fn a_payload_is_its_text_or_the_bytes_behind_hex() {
    assert_eq!(HealthCheck::payload("PING"), b"PING");
    assert_eq!(HealthCheck::payload("hex:00fF1"), [0x00, 0xff]);
}

#[test]
fn a_part_of_the_backends_is_rounded_up() {
    assert_eq!(Amount::Number(3).of(2), 3);
    assert_eq!([0, 1, 4, 5].map(|all| Amount::Percent(25).of(all)), [0, 1, 1, 2]);
    assert_eq!(Amount::Percent(100).of(7), 7);
    assert_eq!(Amount::Percent(0).of(7), 0);
}
