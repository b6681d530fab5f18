//! Durations and their printed form.

use proptest::prelude::*;

use crate::text::{duration, duration_text};

#[test]
fn durations_print_in_the_longest_unit_without_a_remainder() {
    let forms = [(0, "0ms"), (100, "100ms"), (1_500, "1500ms"), (2_000, "2s"), (90_000, "90s"), (900_000, "15m")];
    for (ms, text) in forms.into_iter().chain([(1_000_000, "1000s"), (3_600_000, "1h"), (604_800_000, "7d")]) {
        assert_eq!(duration_text(ms), text);
    }
}

#[test]
fn a_number_without_unit_is_a_fault_that_offers_units() {
    let fault = duration("5").expect_err("no unit");
    assert_eq!(fault.hint.as_deref(), Some("write \"5s\" or \"5ms\""));
    assert!(duration("1us").is_err());
    assert!(duration("soon").is_err());
    assert!(duration("").is_err());
}

proptest! {
    #[test]
    fn printed_durations_read_back(ms: u32) {
        let read = duration(&duration_text(ms)).map(|read| read.as_millis());
        prop_assert_eq!(read, Ok(u128::from(ms)));
    }
}
