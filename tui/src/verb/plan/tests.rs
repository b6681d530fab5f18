//! How forecasts are told.

use poise_ipc::Name;
use poise_ipc::message::{Fate, GroupOutlook, ListenerChange, ListenerForecast};
use poise_ipc::model::{DrainEnd, Scheduler};

use super::*;

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn backend(text: &str, before: Option<u16>, after: Option<u16>) -> BackendForecast {
    BackendForecast {
        backend: name(text),
        before_permille: before,
        after_permille: after,
        entries: 12,
        moving_anyway: 0,
        moving: 0,
        refused: 0,
        open: 3,
        fate: Fate::Stays,
    }
}

fn forecast() -> Forecast {
    let outlook = |takers| GroupOutlook {
        scheduler: Scheduler::Wrr,
        takers,
        backends: 2,
        failing_open: false,
        on_backups: false,
        room: Some(40),
    };
    let drained = BackendForecast {
        moving: 12,
        fate: Fate::Drains { within_ms: 30_000, then: DrainEnd::Close },
        ..backend("b", Some(333), Some(0))
    };
    let group = GroupForecast {
        group: name("app"),
        before: Some(outlook(2)),
        after: Some(outlook(1)),
        seen: 400,
        seen_ms: 9_000,
        pinned_permille: 950,
        backends: vec![backend("a", Some(667), Some(1_000)), drained],
    };
    let (listener, change) = (name("web"), ListenerChange::Set);
    Forecast {
        revision: 7,
        edits: vec![Edit::set("groups.app.backends.b.state", "draining-hard")],
        groups: vec![group],
        listeners: vec![ListenerForecast { listener, change, open: 5, entries: 24, forgotten: 2 }],
        ..Forecast::default()
    }
}

#[test]
fn a_forecast_shows_shares_moved_clients_and_what_becomes_of_connections() {
    let text = body(&forecast(), Format::Table);
    for part in [
        "group app: 2 of 2 take work, room for 40 more; then 1 of 2 take work, room for 40 more; persistence decided 95.0%",
        "app/a    66.7%  100.0%   +33.3       12     0     3",
        "app/b    33.3%    0.0%   -33.3       12    12     3  drains 30s, then is closed",
        "listener web: keeps its sockets, has other settings; 5 connections open, 2 of 24 clients forgotten",
    ] {
        assert!(text.contains(part), "{part}\n in\n{text}");
    }
    assert_eq!(forecast().entries_moved(), 14);
    assert_eq!(forecast().cut(), 3);
}

#[test]
fn an_aftermath_stands_beside_what_was_expected() {
    let seen = |text, share, picks| BackendSeen {
        backend: name(text),
        share_permille: Some(share),
        picks,
        pinned: 0,
        errors: 1,
    };
    let group = poise_ipc::message::GroupSeen {
        group: name("app"),
        picks: 100,
        backends: vec![seen("a", 990, 99), seen("b", 10, 1)],
    };
    let aftermath =
        Aftermath { revision: 8, forecast: forecast(), span_ms: 61_000, entries_moved: 12, groups: vec![group] };
    let text = told_after(Format::Table, &aftermath);
    assert!(text.starts_with("revision 8, 1m 1s ago: 14 entries expected to move, 12 moved\n"), "{text}");
    assert!(text.contains("app/a      100.0%     99.0%    -1.0    99"), "{text}");
}

#[test]
fn an_assignment_has_a_path_and_a_value() {
    assert_eq!(assignment("a.b = c=d"), Ok(Edit::set("a.b", "c=d")));
    assert!(assignment("a.b").is_err());
}
