//! What a draft would do to the balance: wanted shares before and after, and checks.
//!
//! Computed from what the console knows, before anything is sent; the daemon has the last word.

use poise_ipc::model::AdminState;
use poise_ipc::name::Name;
use poise_ipc::status::{BackendStatus, GroupStatus, Health};

use super::draft::{Draft, Staged, Values};
use super::model::{Model, wants};

/// One staged edit with its effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The edit.
    pub staged: Staged,
    /// Wanted share before and after, in percent; `None` when the backend is gone.
    pub want: Option<(f64, f64)>,
}

/// How a check of the draft came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing speaks against it.
    Fine,
    /// It does what few operators mean.
    Alarm,
}

/// One check of the draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// How it came out.
    pub level: Level,
    /// What was found.
    pub text: String,
}

/// The draft as lines with their effect, in the order of paths.
pub fn lines(draft: &Draft, model: &Model) -> Vec<Line> {
    let line = |(id, staged): (u64, &Staged)| Line { staged: staged.clone(), want: want(draft, model, id) };
    draft.iter().map(line).collect()
}

fn want(draft: &Draft, model: &Model, id: u64) -> Option<(f64, f64)> {
    let (group, _) = model.backend(id)?;
    let at = group.backends.iter().position(|b| b.id == id)?;
    let before = wants(group, |b| (b.weight, b.state, b.effective_weight));
    Some((before[at], wants_after(draft, group)[at]))
}

/// What will be in force: what a lease or ramp holds stays so, whatever is configured below it.
fn values_after(draft: &Draft, backend: &BackendStatus) -> Values {
    let configured = Values::of(backend);
    let wanted = draft.get(backend.id).map_or(configured, |staged| staged.mine);
    Values {
        weight: if backend.weight == configured.weight { wanted.weight } else { backend.weight },
        state: if backend.state == configured.state { wanted.state } else { backend.state },
    }
}

/// What a backend could carry once the draft is applied, were it not a backup.
fn capacity_after(draft: &Draft, backend: &BackendStatus) -> u32 {
    let staged = draft.get(backend.id).is_some();
    match (values_after(draft, backend), backend.health.health) {
        // Its effective weight knows of slow start and fail-open, but a backup that stands by has none.
        _ if !staged && !backend.backup => backend.effective_weight,
        (Values { weight, state: AdminState::Enabled }, Health::Up | Health::Unknown) => u32::from(weight),
        _ => 0,
    }
}

/// Whether backups will serve once the draft is applied: nobody else can.
fn on_backups_after(draft: &Draft, group: &GroupStatus) -> bool {
    group.backends.iter().filter(|b| !b.backup).all(|b| capacity_after(draft, b) == 0)
}

/// Wanted shares of a group once the draft is applied, in the order of its backends.
pub fn wants_after(draft: &Draft, group: &GroupStatus) -> Vec<f64> {
    let on_backups = on_backups_after(draft, group);
    wants(group, |b| {
        let values = values_after(draft, b);
        let serves = b.backup == on_backups;
        (values.weight, values.state, if serves { capacity_after(draft, b) } else { 0 })
    })
}

/// Checks of every group that the draft touches.
pub fn checks(draft: &Draft, model: &Model) -> Vec<Check> {
    let mut names: Vec<&Name> = draft.iter().map(|(_, staged)| &staged.path.group).collect();
    names.dedup();
    names.into_iter().filter_map(|name| model.group(name)).map(|group| check(draft, group)).collect()
}

fn check(draft: &Draft, group: &GroupStatus) -> Check {
    let name = &group.name;
    let all = group.backends.len();
    let able =
        |backup: bool| group.backends.iter().filter(|b| b.backup == backup && capacity_after(draft, b) > 0).count();
    let (live, standby) = (able(false), able(true));
    let weightless = group.backends.iter().all(|b| values_after(draft, b).weight == 0);
    let enabled = group.backends.iter().any(|b| values_after(draft, b).state == AdminState::Enabled);
    let text = match (live, standby) {
        _ if weightless => format!("{name}: every weight is 0, requests get 503"),
        (0, 0) if !enabled => format!("{name}: no backend stays in service, requests get 503"),
        (0, 0) => format!("{name}: no live backend takes new work"),
        (0, standby) => format!("{name}: nobody but {standby} of {all}, as backup, takes new work"),
        (1, 0) if all > 1 => format!("{name}: 1 of {all} takes new work, none to fail over to"),
        (live, 0) => format!("{name}: {live} of {all} take new work"),
        (live, standby) => format!("{name}: {live} of {all} take new work, {standby} as backup"),
    };
    let alarms = live == 0 || (live == 1 && standby == 0 && all > 1);
    Check { level: if alarms { Level::Alarm } else { Level::Fine }, text }
}

/// A staged edit as the command line would say it.
pub fn commands(staged: &Staged) -> Vec<String> {
    let path = &staged.path;
    let mut commands = Vec::new();
    if staged.mine.weight != staged.base.weight {
        commands.push(format!("poise weight {path} {}", staged.mine.weight));
    }
    if staged.mine.state != staged.base.state {
        let verb = match staged.mine.state {
            AdminState::Enabled => "enable",
            AdminState::Draining => "drain",
            AdminState::Disabled => "disable",
            AdminState::DrainingHard => "drain --hard",
        };
        commands.push(format!("poise {verb} {path}"));
    }
    commands
}

#[cfg(test)]
mod tests;
