//! What people read of an event: its word and, for news of health, a sentence.
//!
//! Here because two say it: `poise watch` to whoever looks, and the hook of `poised` to whoever is
//! paged. It reads no clock; moments are written in UTC.

use super::{
    CertificateEvent, CertificateNews, Drained, Ejected, EventBody, Flapping, LayerEnd, LayerEnded, LayerNews,
    LayerStatus, Transition, WindowEvent, WindowNews, WindowStatus,
};
use crate::model::DrainEnd;
use crate::status::DrainOutcome;
use crate::text::moment;

impl EventBody {
    /// The word of the event, the same as on the wire.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Snapshot(_) => "snapshot",
            Self::Committed(_) => "committed",
            Self::Transition(_) => "transition",
            Self::FailOpen { .. } => "fail-open",
            Self::Checked(_) => "checked",
            Self::Counters(_) => "counters",
            Self::Lost { .. } => "lost",
            Self::Drained(_) => "drained",
            Self::Certificate(_) => "certificate",
            Self::Flapping(_) => "flapping",
            Self::Ejected(_) => "ejected",
            Self::Window(_) => "window",
            Self::Layer(_) => "layer",
        }
    }

    /// The sentence of an event of the topic `health`; none for others.
    pub fn health_news(&self) -> Option<String> {
        Some(match self {
            Self::Transition(news) => transition(news),
            Self::FailOpen { group, active: true } => {
                format!("group {group} fails open: too few of its backends are usable")
            }
            Self::FailOpen { group, active: false } => format!("group {group} no longer fails open"),
            Self::Drained(news) => drained(news),
            Self::Certificate(news) => certificate(news),
            Self::Flapping(news) => flapping(news),
            Self::Ejected(news) => ejected(news),
            Self::Snapshot(_)
            | Self::Committed(_)
            | Self::Checked(_)
            | Self::Counters(_)
            | Self::Lost { .. }
            | Self::Window(_)
            | Self::Layer(_) => return None,
        })
    }
}

impl WindowNews {
    /// The sentence of it.
    pub fn sentence(&self) -> String {
        let WindowStatus { revision, back_to, deadline_ms, author, .. } = &self.window;
        match &self.what {
            WindowEvent::Opened => {
                let (user, until) = (&author.user, moment(*deadline_ms));
                format!("revision {revision} by {user} waits to be confirmed until {until}, else {back_to} is back")
            }
            WindowEvent::Changed => format!("revision {revision} may be confirmed until {}", moment(*deadline_ms)),
            WindowEvent::Confirmed { by } => format!("revision {revision} is confirmed by {}", by.user),
            WindowEvent::Back { why, revision: now } => {
                format!("revision {now} brings {back_to} back in place of {revision}: {why}")
            }
        }
    }
}

impl LayerNews {
    /// The sentence of it.
    pub fn sentence(&self) -> String {
        match self {
            Self::Began(layer) => format!("{} begins, until {}", held(layer), moment(layer.until_ms)),
            Self::Changed(layer) => match &layer.ramp {
                Some(ramp) if ramp.held => format!("{} is held", held(layer)),
                Some(ramp) => format!("{}, step {} of {}", held(layer), ramp.step, ramp.steps),
                None => format!("{} goes on until {}", held(layer), moment(layer.until_ms)),
            },
            Self::Ended(LayerEnded { layer, how, .. }) => match how {
                LayerEnd::Expired => format!("{} is over", held(layer)),
                LayerEnd::Arrived { revision } => format!("{} has arrived, revision {revision}", held(layer)),
                LayerEnd::Aborted { why } => format!("{} is aborted: {why}", held(layer)),
                LayerEnd::Cancelled { by } => format!("{} is cancelled by {}", held(layer), by.user),
            },
        }
    }
}

/// A layer with what it holds, as in `lease 3 (groups.app.backends.a.weight = 7)`.
fn held(layer: &LayerStatus) -> String {
    let kind = if layer.ramp.is_some() { "ramp" } else { "lease" };
    let values: Vec<_> = layer.values.iter().map(|value| format!("{} = {}", value.path, value.held)).collect();
    format!("{kind} {} ({})", layer.id, values.join(", "))
}

fn transition(news: &Transition) -> String {
    let Transition { group, backend, from, to, verdict, streak } = news;
    format!("{group}/{backend} {from} -> {to}: {verdict}, {streak} in a row")
}

fn flapping(news: &Flapping) -> String {
    let Flapping { group, backend, transitions, .. } = news;
    let out = news.until_ms.map_or_else(String::new, |until_ms| format!(", kept out until {}", moment(until_ms)));
    let what = if news.active { "comes and goes" } else { "has settled" };
    format!("{group}/{backend} {what}: {transitions} transitions since {}{out}", moment(news.since_ms))
}

fn ejected(news: &Ejected) -> String {
    let Ejected { group, backend, ejection } = news;
    if !ejection.active {
        return format!("{group}/{backend} is used again after its ejection");
    }
    let again = if ejection.streak > 1 { format!(", ejection {} in a row", ejection.streak) } else { String::new() };
    format!("{group}/{backend} ejected until {}: {}{again}", moment(ejection.until_ms), ejection.why)
}

fn drained(news: &Drained) -> String {
    let Drained { group, backend, outcome, then, open } = news;
    let left = match (outcome, then) {
        (DrainOutcome::Empty, _) => return format!("{group}/{backend} is empty"),
        (DrainOutcome::Deadline, DrainEnd::Leave) => "they stay",
        (DrainOutcome::Deadline, DrainEnd::Close) => "they are closed",
        (DrainOutcome::Deadline, DrainEnd::Reset) => "they are reset",
    };
    format!("{group}/{backend} has had its time: {open} open, {left}")
}

fn certificate(news: &CertificateNews) -> String {
    let CertificateNews { certificate, what, days_left, reason } = news;
    let days = match days_left.unwrap_or(0).max(0) {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    match what {
        CertificateEvent::Loaded => format!("{certificate} is loaded, {days} left"),
        CertificateEvent::Refused => {
            format!("{certificate} is not loaded: {}", reason.as_deref().unwrap_or("its files cannot be used"))
        }
        CertificateEvent::Expiring => format!("{certificate} expires, {days} left"),
        CertificateEvent::Expired => format!("{certificate} has expired"),
    }
}
