//! Wires are read as they are written, and nothing else is one.

use super::*;

fn trip(text: &str) -> Trip {
    text.parse().unwrap()
}

#[test]
fn wires_are_read_as_they_are_written() {
    for text in ["5xx>1%", "5xx>0.5%", "5xx>0.0001%", "5xx>99.9999%", "5xx>0%", "p99>300ms", "up<2", "app:up<1"] {
        assert_eq!(trip(text).to_string(), text);
    }
    assert_eq!(trip(" app : 5xx > 2 % "), trip("app:5xx>2%"));
    assert_eq!(trip("p99>2s"), trip("p99>2000ms"));
    assert_eq!(trip("5xx>1%").limit, Limit::Errors { over_ppm: 10_000 });
}

#[test]
fn what_is_no_wire_is_refused_with_the_three_forms() {
    for text in [
        "",
        "5xx",
        "5xx>1",
        "5xx>100%",
        "5xx>1.00001%",
        "5xx>-1%",
        "5xx>1.%",
        "p99>0ms",
        "p99>61s",
        "up<0",
        "up>2",
        ":up<1",
        "a b:x<1",
    ] {
        let error = text.parse::<Trip>().expect_err(text).to_string();
        assert!(error.contains("5xx>1%") && error.contains("p99>300ms") && error.contains("up<2"), "{error}");
    }
}

#[test]
fn in_json_a_wire_is_its_text() {
    assert_eq!(serde_json::to_string(&trip("app:5xx>1%")).unwrap(), "\"app:5xx>1%\"");
    assert_eq!(serde_json::from_str::<Trip>("\"p99>2s\"").unwrap(), trip("p99>2000ms"));
    assert!(serde_json::from_str::<Trip>("\"fast\"").is_err());
}
