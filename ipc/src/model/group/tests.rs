//! What stands for a payload.

use super::HealthCheck;

#[test]
fn a_payload_is_its_text_or_the_bytes_behind_hex() {
    assert_eq!(HealthCheck::payload("PING"), b"PING");
    assert_eq!(HealthCheck::payload("hex:00fF1"), [0x00, 0xff]);
}
