//! Numbers in few cells.

use super::{latency, percent, points, short, span};

#[test]
fn rates_keep_three_digits_and_five_cells() {
    for (value, text) in [
        (0.0, "0"),
        (4.23, "4.2"),
        (44.4, "44"),
        (372.4, "372"),
        (999.4, "999"),
        (999.6, "1.00k"),
        (1_240.0, "1.24k"),
        (51_000.0, "51.0k"),
        (5.1e6, "5.10M"),
        (7.25e10, "72.5G"),
    ] {
        assert_eq!(short(value), text);
    }
    for exponent in 0..12 {
        for digit in [1.0, 1.9996, 5.0, 9.99, 9.996] {
            assert!(short(digit * 10f64.powi(exponent)).len() <= 5, "{digit}e{exponent}");
        }
    }
}

#[test]
fn shares_and_deviations_have_one_decimal() {
    assert_eq!([percent(12.54), percent(0.0), percent(99.97)], ["12.5", "0.0", "100"]);
    assert_eq!([points(4.96), points(-2.7), points(-0.04), points(100.0)], ["+5.0", "-2.7", "0.0", "+100.0"]);
}

#[test]
fn times_are_short() {
    assert_eq!([latency(0), latency(400), latency(41_000), latency(1_234_000)], ["-", "0.4", "41", "1.2s"]);
    assert_eq!([span(350), span(82_000), span(840_000), span(11_000_000)], ["350 ms", "82 s", "14 min", "3 h"]);
}
