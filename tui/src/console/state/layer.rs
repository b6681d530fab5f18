//! Leases and ramps: how they are typed, and in few words what they do.
//!
//! Pure text; the daemon decides what holds.

use poise_ipc::edit::{Edit, backend_path};
use poise_ipc::limits::WEIGHT;
use poise_ipc::message::{LAYER_MS, LayerEnd, LayerEnded, LayerStatus, LayerValue, LeaseQuery, RampQuery, Trip};
use poise_ipc::model::AdminState;
use poise_ipc::name::BackendPath;
use poise_ipc::text::duration;

/// How a lease is typed.
pub const LEASE_HELP: &str = "30m drain [why], 1h weight 20 [why], 2h maintenance [why]";
/// How a ramp is typed.
pub const RAMP_HELP: &str = "0..100 10m [5xx>1%] [p99>300ms] [why]";

/// A lease as it was typed, for these backends.
///
/// # Errors
///
/// What is wrong with it, in words.
pub fn lease(text: &str, backends: &[BackendPath]) -> Result<LeaseQuery, String> {
    let mut words = text.split_whitespace();
    let for_ms = time(words.next())?;
    let what = words.next().unwrap_or_default();
    let make: Box<dyn Fn(&BackendPath) -> Edit> = match what {
        "weight" => {
            let weight = weight(words.next().unwrap_or_default())?;
            Box::new(move |path| Edit::weight(path, weight))
        }
        other => {
            let state =
                state(other).ok_or_else(|| format!("{other:?} is none of drain, hard, maintenance, enable, weight"))?;
            Box::new(move |path| Edit::state(path, state))
        }
    };
    Ok(LeaseQuery { edits: backends.iter().map(make).collect(), for_ms, reason: rest(words), dry_run: false })
}

fn state(word: &str) -> Option<AdminState> {
    Some(match word {
        "drain" => AdminState::Draining,
        "hard" => AdminState::DrainingHard,
        "maintenance" | "maint" | "disable" => AdminState::Disabled,
        "enable" => AdminState::Enabled,
        _ => return None,
    })
}

/// A ramp as it was typed.
///
/// # Errors
///
/// What is wrong with it, in words.
pub fn ramp(text: &str, backend: &BackendPath) -> Result<RampQuery, String> {
    let mut words = text.split_whitespace().peekable();
    let weights = words.next().unwrap_or_default();
    let (from, to) = weights.split_once("..").unwrap_or(("", weights));
    let from = if from.is_empty() { None } else { Some(weight(from)?) };
    let to = weight(to)?;
    let over_ms = time(words.next())?;
    let mut aborts = Vec::new();
    while let Some(word) = words.next_if(|word| word.contains(['<', '>'])) {
        aborts.push(word.parse::<Trip>().map_err(|error| error.to_string())?);
    }
    let reason = rest(words);
    Ok(RampQuery { backend: backend.clone(), from, to, over_ms, steps: None, aborts, reason, dry_run: false })
}

/// A time as it was typed.
///
/// # Errors
///
/// What is wrong with it, in words.
pub fn time(word: Option<&str>) -> Result<u64, String> {
    let word = word.ok_or("begin with a time, as in 30m")?;
    let time = duration(word).map_err(|_| format!("{word:?} is no time: 1s to 30d, as in 30m"))?;
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if LAYER_MS.contains(&ms) { Ok(ms) } else { Err(format!("{word} is out of range: 1s to 30d")) }
}

fn weight(word: &str) -> Result<u16, String> {
    let refuse = || format!("{word:?} is no weight: {} to {}", WEIGHT.start(), WEIGHT.end());
    word.parse().ok().filter(|weight| WEIGHT.contains(weight)).ok_or_else(refuse)
}

fn rest<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    let text = words.collect::<Vec<_>>().join(" ");
    Some(text).filter(|text| !text.is_empty())
}

/// What a layer holds, as in `app/app-1 weight 0, configured 100`.
pub fn held(layer: &LayerStatus) -> String {
    match layer.values.as_slice() {
        [] => "nothing".to_owned(),
        [one] => told(&brief(&one.path), one),
        [first, others @ ..] => format!("{} and {} more", told(&brief(&first.path), first), others.len()),
    }
}

/// What a layer holds of one backend, as in `weight 0, configured 100`.
pub fn held_of(layer: &LayerStatus, backend: &BackendPath) -> String {
    let path = backend_path(backend);
    let own = layer.values.iter().filter_map(|value| Some((value.path.strip_prefix(&path)?.strip_prefix('.')?, value)));
    own.map(|(key, value)| told(key, value)).collect::<Vec<_>>().join(", ")
}

fn told(what: &str, value: &LayerValue) -> String {
    let configured = value.configured.as_deref().unwrap_or("nothing");
    format!("{what} {}, configured {}", value.held.trim_matches('"'), configured.trim_matches('"'))
}

/// A path as operators say it: `app/app-1 weight`.
fn brief(path: &str) -> String {
    let parts: Vec<_> = path.split('.').collect();
    match parts.as_slice() {
        ["groups", group, "backends", backend, rest @ ..] => format!("{group}/{backend} {}", rest.join(".")),
        ["groups", group, rest @ ..] => format!("{group} {}", rest.join(".")),
        _ => path.to_owned(),
    }
}

/// How a layer stands: `step 3 of 10, weight 30` or nothing for a lease.
pub fn progress(layer: &LayerStatus) -> String {
    if let Some(why) = &layer.idle {
        return format!("not in force: {why}");
    }
    let Some(ramp) = &layer.ramp else { return String::new() };
    if let Some(trouble) = &ramp.trouble {
        return format!("arrived, {trouble}");
    }
    let held = if ramp.held { ", held" } else { "" };
    format!("{} of {}..{}, step {} of {}{held}", ramp.weight, ramp.from, ramp.to, ramp.step, ramp.steps)
}

/// How a layer came to its end.
pub fn end(ended: &LayerEnded) -> String {
    match &ended.how {
        LayerEnd::Expired => "its time was over".to_owned(),
        LayerEnd::Arrived { revision } => format!("arrived, rev {revision}"),
        LayerEnd::Aborted { why } => format!("aborted: {why}"),
        LayerEnd::Cancelled { by } => format!("cancelled by {}", by.user),
    }
}

/// The word for its kind.
pub const fn kind(layer: &LayerStatus) -> &'static str {
    if layer.ramp.is_some() { "ramp" } else { "lease" }
}

/// Whether a layer is about this backend.
pub fn is_about(layer: &LayerStatus, backend: &BackendPath) -> bool {
    let path = backend_path(backend);
    layer
        .values
        .iter()
        .any(|value| value.path.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

#[cfg(test)]
mod tests;
