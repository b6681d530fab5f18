//! Leases and ramps are read from the command line and shown with what is configured beneath them.

use poise_ipc::message::{Author, LayerValue, RampStatus};

use super::super::fixture::{AT_MS, args};
use super::*;

fn layer(ramp: Option<RampStatus>) -> LayerStatus {
    LayerStatus {
        id: 3,
        values: vec![LayerValue {
            path: "groups.app.backends.app-1.weight".to_owned(),
            configured: Some("100".to_owned()),
            held: "7".to_owned(),
            in_force: Some("9".to_owned()),
        }],
        author: Author::new(1, "ops", 2),
        reason: Some("INC\x1b42".to_owned()),
        began_ms: AT_MS,
        until_ms: AT_MS + 60_000,
        ramp,
        idle: None,
    }
}

fn ramp_status(held: bool) -> RampStatus {
    RampStatus {
        backend: "app/app-1".parse().unwrap(),
        from: 0,
        to: 100,
        weight: 7,
        step: 7,
        steps: 100,
        next_ms: None,
        held,
        aborts: vec!["5xx>1%".parse().unwrap()],
        trouble: None,
    }
}

#[test]
fn a_ramp_is_read_with_its_weights_and_wires() {
    let read = |words: &[&str]| args::<RampArgs>(words);
    let full = read(&["app/a", "0..100", "--over", "10m", "--abort-if", "5xx>1%", "--abort-if", "p99>300ms"]).unwrap();
    assert_eq!((full.weights, ms(full.over), full.aborts.len()), ((Some(0), 100), 600_000, 2));
    assert_eq!(read(&["app/a", "..5", "--over", "1s"]).unwrap().weights, (None, 5));
    for wrong in ["100", "0..1001", "a..5", "5.."] {
        assert!(read(&["app/a", wrong, "--over", "1s"]).is_err(), "{wrong}");
    }
    assert!(read(&["app/a", "0..5"]).is_err(), "no time");
    assert!(read(&["app/a", "0..5", "--over", "1s", "--abort-if", "rps>5"]).is_err(), "no wire");
}

#[test]
fn the_table_shows_configured_held_and_in_force_apart() {
    let text = listing(Format::Table, "layers", COLUMNS, &[layer(None), layer(Some(ramp_status(true)))], |row| row);
    assert_eq!(
        text,
        "\
ID  KIND   VALUE                                 CONFIGURED  IN FORCE  UNTIL                     USER  REASON
 3  lease  groups.app.backends.app-1.weight = 7  100         9         2026-11-22T14:03:08.122Z  ops   INC^[42
 3  ramp   groups.app.backends.app-1.weight = 7  100         9         held at step 7 of 100     ops   INC^[42
"
    );
}

#[test]
fn what_has_begun_is_said_in_a_sentence() {
    assert_eq!(
        sentence("begun", &layer(None)),
        "lease 3 begun: groups.app.backends.app-1.weight = 7 (configured: 100), until 2026-11-22T14:03:08.122Z"
    );
    assert_eq!(sentence("ended", &layer(Some(ramp_status(false)))), "ramp 3 ended: app/app-1 0 -> 100 in 100 steps");
    assert_eq!(how(&LayerEnd::Arrived { revision: 8 }), "arrived, revision 8");
}
