//! One screen says everything; what is degraded stands at the top.

use poise_ipc::model::AdminState;
use poise_ipc::status::{Health, HookStatus, Status};

use super::super::fixture::status;
use super::{Format, plain, reasons, screen};

fn healthy() -> Status {
    let mut status = status();
    status.findings.clear();
    for backend in status.groups.iter_mut().flat_map(|group| &mut group.backends) {
        backend.health.health = Health::Up;
    }
    status
}

#[test]
fn the_screen_is_plain_text() {
    assert_eq!(
        screen(Format::Table, &status()),
        "\
poised 0.1.0 on lb01, up 1d 2h, 2 workers, revision 412, config /etc/poise/poise.toml
degraded: 1 of 3 backends down: app/app-2
degraded: groups.data: every weight is 0, so connections are refused

LISTENER  BIND            PROTOCOL  GROUP  OPEN  CONNECTIONS  REQUESTS  ERRORS  P99
db        127.0.0.1:5432  tcp       data      3           20      1200       2    -
web       127.0.0.1:8080  http      app       3           20      1200       2    -

GROUP  SCHEDULER  CHECK  BACKENDS  UP  DOWN  FAIL-OPEN  REQUESTS  P99
app    wrr        tcp           2   1     1  all-down          0    -
data   wrr        tcp           1   1     0  all-down          0    -

BACKEND      ADDRESS        STATE     HEALTH  WEIGHT  EFFECTIVE  INFLIGHT  PICKS  FAILURES     P99
app/app-1    10.0.0.1:8080  enabled   up         100        100         0    800         0  4.2 ms
app/app-2    10.0.0.2:8080  draining  down        50          0         2    800         0  4.2 ms
data/data-1  10.0.1.1:5432  enabled   up           0          0         0    800         0  4.2 ms

SEVERITY  CODE                  SUBJECT      FINDING
severe    group-without-weight  groups.data  every weight is 0, so connections are refused
"
    );
}

#[test]
fn json_says_whether_it_is_degraded_and_why() {
    let document: serde_json::Value = serde_json::from_str(&screen(Format::Json, &status())).unwrap();
    assert_eq!(document["degraded"], true);
    assert_eq!(document["reasons"].as_array().unwrap().len(), 2);
    assert_eq!(document["at"], "2026-11-22T14:02:08.122Z");
    assert_eq!(document["daemon"]["workers"], 2);
    assert_eq!(document["backends"].as_array().unwrap().len(), 3);
    assert_eq!(document["listeners"][1]["counters"]["causes"]["connect-failed"], 2);
    assert_eq!(document["listeners"][1]["counters"]["errors_total"], 2);
    assert_eq!(document["groups"][0]["health_check"]["interval_ms"], 2000);
    assert_eq!(screen(Format::Jsonl, &status()).lines().count(), 1);
}

#[test]
fn tsv_rows_name_their_kind() {
    let text = screen(Format::Tsv, &status());
    let kinds: Vec<_> = text.lines().filter_map(|line| line.split('\t').next()).collect();
    let wanted = ["daemon", "listener", "listener", "group", "group", "backend", "backend", "backend", "finding"];
    assert_eq!(kinds, wanted);
}

#[test]
fn healthy_backends_and_notes_are_not_degraded() {
    assert_eq!(reasons(&healthy()), Vec::<String>::new());
}

#[test]
fn a_backend_in_maintenance_is_down_on_purpose() {
    let mut status = healthy();
    let backend = &mut status.groups[0].backends[0];
    backend.health.health = Health::Down;
    assert_eq!(reasons(&status).len(), 1);
    status.groups[0].backends[0].state = AdminState::Disabled;
    assert_eq!(reasons(&status).len(), 0);
}

#[test]
fn fail_open_is_degraded() {
    let mut status = healthy();
    status.groups[1].failing_open = true;
    assert_eq!(reasons(&status), ["group data fails open: none usable, every enabled one is used"]);
}

#[test]
fn an_empty_daemon_says_so_and_drift_is_shown() {
    let mut status = healthy();
    status.listeners.clear();
    status.groups.clear();
    status.daemon.drift = true;
    assert_eq!(
        screen(Format::Table, &status),
        "poised 0.1.0 on lb01, up 1d 2h, 2 workers, revision 412, config /etc/poise/poise.toml \
         (changed since it was taken: poise config diff)\n\nno listeners, no groups\n"
    );
}

#[test]
fn a_hook_that_goes_wrong_is_counted_and_degrades() {
    let hook = HookStatus { program: "/page".to_owned(), passed_total: 2, failed_total: 1, ..HookStatus::default() };
    let failing = HookStatus { failure: Some("app/app-1: exit status: 3".to_owned()), ..hook.clone() };
    let [well, ill] = [hook, failing].map(|hook| Status { hook: Some(hook), ..healthy() });
    assert!(reasons(&well).is_empty());
    assert_eq!(reasons(&ill), ["hook /page went wrong: app/app-1: exit status: 3"]);
    let line = "\nhook /page: 3 runs, 1 failed, 0 timed out, 0 news lost; 0 under way, 0 waiting\n";
    assert!(plain(&well, false).contains(line));
}

#[test]
fn the_health_log_has_a_line_once_it_holds_anything_and_degrades_while_it_fails() {
    let mut status = healthy();
    status.recorder.bytes = 3 << 20;
    status.recorder.bytes_max = 64 << 20;
    status.recorder.oldest_ms = Some(status.at_ms);
    let line = |status: &Status| screen(Format::Table, status).lines().nth(1).map(str::to_owned).unwrap_or_default();
    assert_eq!(line(&status), "health log since 2026-11-22T14:02:08.122Z, 3.0 MiB of 64.0 MiB");
    assert_eq!(reasons(&status), [""; 0]);
    status.recorder.lost_total = 7;
    status.recorder.failed_total = 2;
    status.recorder.failure = Some("database or disk is full".to_owned());
    assert!(line(&status).ends_with(", 7 lost, 2 failed writes"));
    assert_eq!(reasons(&status), ["the health log is not written: database or disk is full"]);
    // A disk that stands still from the start has nothing yet, and that is told.
    let (failure, waiting) = (Some("the disk has not answered".to_owned()), 34);
    status.recorder = poise_ipc::status::RecorderStatus { failure, waiting, bytes_max: 64 << 20, ..Default::default() };
    assert_eq!(line(&status), "health log, 0 B of 64.0 MiB, 34 waiting");
}
