//! What a change would do, as people read it: in the dialog of the console and from `poise plan`.

use poise_ipc::message::{BackendForecast, Fate, GroupForecast, GroupOutlook, ListenerChange, ListenerForecast};
use poise_ipc::model::{DrainEnd, Scheduler};

use crate::verb::text::span;

/// How many of a group take work, before and after.
pub(crate) fn outlook(group: &GroupForecast) -> String {
    let outlook = |outlook: &GroupOutlook| {
        let room = outlook.room.map_or_else(String::new, |room| format!(", room for {room} more"));
        let open = if outlook.failing_open { ", failing open" } else { "" };
        let backups = if outlook.on_backups { ", on backups" } else { "" };
        format!("{} of {} take work{room}{open}{backups}", outlook.takers, outlook.backends)
    };
    let name = &group.group;
    match (&group.before, &group.after) {
        (Some(before), Some(after)) if before == after => format!("group {name}: {}", outlook(before)),
        (Some(before), Some(after)) => format!("group {name}: {}; then {}", outlook(before), outlook(after)),
        (None, Some(after)) => format!("group {name}: added, {}", outlook(after)),
        (Some(_), None) => format!("group {name}: removed"),
        (None, None) => format!("group {name}"),
    }
}

/// The same with what the shares are made from.
pub(crate) fn group(group: &GroupForecast) -> String {
    let line = outlook(group);
    let basis = match (group.seen, group.pinned_permille) {
        (0, _) => "; no work seen in the last minute, shares are those of the weights".to_owned(),
        (_, 0) => String::new(),
        (seen, pinned) => {
            format!("; persistence decided {} of the {seen} last, in {}", share(Some(pinned)), span(group.seen_ms))
        }
    };
    let scheduler = match group.after.or(group.before).map(|outlook| outlook.scheduler) {
        Some(Scheduler::Hash) => "; hash: shares hold for many clients",
        Some(scheduler @ (Scheduler::Wlc | Scheduler::P2c)) => {
            return format!("{line}{basis}; {scheduler}: shares hold where backends are equally fast");
        }
        _ => "",
    };
    format!("{line}{basis}{scheduler}")
}

/// What becomes of what is open at a backend.
pub(crate) fn fate(backend: &BackendForecast) -> String {
    match backend.fate {
        _ if backend.refused > 0 => format!("{} clients refused", backend.refused),
        Fate::Stays => String::new(),
        Fate::Outlives => "ends by itself".to_owned(),
        Fate::Drains { within_ms, then } => {
            let then = match then {
                DrainEnd::Leave => "stays",
                DrainEnd::Close => "is closed",
                DrainEnd::Reset => "is reset",
            };
            format!("drains {}, then {then}", span(within_ms.into()))
        }
    }
}

/// What would become of a listener.
pub(crate) fn listener(listener: &ListenerForecast) -> String {
    let ListenerForecast { listener: name, change, open, entries, forgotten } = listener;
    let change = match change {
        ListenerChange::Added => "begins to accept",
        ListenerChange::Removed => "accepts no more",
        ListenerChange::Moved => "accepts elsewhere, on new sockets",
        ListenerChange::Secured => "keeps its sockets, TLS is set up anew",
        ListenerChange::Set => "keeps its sockets, has other settings",
        ListenerChange::Renamed => "only has another name",
    };
    let forgets = if *forgotten > 0 { format!(", {forgotten} of {entries} clients forgotten") } else { String::new() };
    format!("listener {name}: {change}; {open} connections open{forgets}")
}

/// A share in percent.
pub(crate) fn share(permille: Option<u16>) -> String {
    permille.map_or_else(|| "-".to_owned(), |permille| format!("{}.{}%", permille / 10, permille % 10))
}
