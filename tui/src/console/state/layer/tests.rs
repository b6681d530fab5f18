//! Leases and ramps as they are typed.

use super::*;

fn path(text: &str) -> BackendPath {
    text.parse().expect("a path")
}

#[test]
fn a_lease_is_a_time_what_it_holds_and_why() {
    let backends = [path("app/a"), path("app/b")];
    let asked = lease(" 30m  drain INC-42 disk full", &backends).unwrap();
    assert_eq!((asked.for_ms, asked.reason.as_deref()), (1_800_000, Some("INC-42 disk full")));
    assert_eq!(asked.edits, backends.each_ref().map(|path| Edit::state(path, AdminState::Draining)));
    let asked = lease("1h weight 20", &backends[..1]).unwrap();
    assert_eq!((asked.edits, asked.reason), (vec![Edit::weight(&backends[0], 20)], None));
}

#[test]
fn a_ramp_is_weights_a_time_wires_and_why() {
    let asked = ramp("0..100 10m 5xx>1% app:p99>300ms new build", &path("app/a")).unwrap();
    assert_eq!((asked.from, asked.to, asked.over_ms), (Some(0), 100, 600_000));
    assert_eq!(asked.aborts.iter().map(Trip::to_string).collect::<Vec<_>>(), ["5xx>1%", "app:p99>300ms"]);
    assert_eq!(asked.reason.as_deref(), Some("new build"));
    let asked = ramp("..50 90s", &path("app/a")).unwrap();
    assert_eq!((asked.from, asked.to, asked.over_ms, asked.reason), (None, 50, 90_000, None));
    assert_eq!(ramp("50 90s", &path("app/a")).unwrap().from, None);
}

#[test]
fn what_is_wrong_is_said_with_what_may_be() {
    let one = [path("app/a")];
    for (typed, told) in [
        ("", "begin with a time, as in 30m"),
        ("x drain", "\"x\" is no time: 1s to 30d, as in 30m"),
        ("31d drain", "31d is out of range: 1s to 30d"),
        ("1h", "\"\" is none of drain, hard, maintenance, enable, weight"),
        ("1h weight 1001", "\"1001\" is no weight: 0 to 1000"),
    ] {
        assert_eq!(lease(typed, &one).unwrap_err(), told);
    }
    for (typed, told) in [
        ("0..x 1m", "\"x\" is no weight: 0 to 1000"),
        ("0..5", "begin with a time, as in 30m"),
        ("0..5 1m 5xx>x", "\"5xx>x\" is no trip wire; write 5xx>1%, p99>300ms or up<2, for one group alone app:5xx>1%"),
    ] {
        assert_eq!(ramp(typed, &one[0]).unwrap_err(), told);
    }
}
