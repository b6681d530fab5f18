//! The verdict on a row of requests: did the client stay with its backend, and if not, why.
//!
//! Pure: it gets what was carried, what was set and what the daemon says of the cookies. Reasons name
//! what usually is mistaken for a fault, too: a client without a jar looks like lost persistence (S-51).

use poise_ipc::model::{Persistence, PersistenceKind};
use poise_ipc::persistence::{CookieRow, PersistenceVerdict};
use serde::Serialize;

use crate::verb::text::span;

/// One request and what came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    /// When it was made, in milliseconds of the trial.
    pub(super) at_ms: u64,
    pub(super) status: u16,
    /// Time to its head, in milliseconds.
    pub(super) took_ms: u64,
    /// The persistence cookie that it carried, as the daemon knew it right before.
    pub(super) carried: Option<CookieRow>,
    /// The one that its answer set.
    pub(super) set: Option<CookieRow>,
    /// The life of the one that was set, in seconds.
    pub(super) max_age_s: Option<i64>,
    /// Why the one that was set will not come back.
    pub(super) stays_behind: Option<String>,
    /// The client dropped its cookie right before, because its age of so many seconds was over.
    pub(super) dropped_s: Option<i64>,
}

impl Round {
    /// The backend that answered, as GROUP/NAME, if the cookies tell.
    pub(super) fn backend(&self) -> Option<String> {
        let kept = self.carried.as_ref().filter(|carried| carried.verdict == PersistenceVerdict::Kept);
        let row = self.set.as_ref().or(kept)?;
        Some(format!("{}/{}", row.group.as_ref()?, row.backend.as_ref()?))
    }

    /// What became of the cookie, in a word.
    pub(super) fn cookie(&self) -> &'static str {
        match (&self.carried, &self.set) {
            (None, None) => "none",
            (None, Some(_)) => "set",
            (Some(_), None) => "sent",
            (Some(carried), Some(set)) if (&carried.group, &carried.backend) == (&set.group, &set.backend) => {
                "refreshed"
            }
            (Some(_), Some(_)) => "replaced",
        }
    }
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// Every request after the first went to the backend of the first.
    Kept,
    /// A later request went elsewhere.
    Lost,
    /// No answer set a persistence cookie that the client could send back.
    NeverSet,
    /// The client carried no cookies, so that each request was a new client's.
    NotTried,
}

impl Verdict {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Lost => "lost",
            Self::NeverSet => "never set",
            Self::NotTried => "not tried",
        }
    }
}

/// A verdict and what explains it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// What explains it, a sentence each.
    pub(super) reasons: Vec<String>,
}

/// What the listener of the URL is set to, if one of this daemon's accepts there.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) listener: String,
    pub(super) persistence: Persistence,
    pub(super) has_routes: bool,
}

/// Judges a row of requests, which is never empty.
pub(super) fn judge(rounds: &[Round], site: Option<&Site>, with_jar: bool) -> Judgement {
    let set_count = rounds.iter().filter(|round| round.set.is_some()).count();
    if set_count == 0 && rounds.iter().all(|round| round.carried.is_none()) {
        return Judgement { verdict: Verdict::NeverSet, reasons: vec![never_set(rounds, site)] };
    }
    if !with_jar {
        return Judgement { verdict: Verdict::NotTried, reasons: vec![not_tried(rounds, set_count)] };
    }
    if let Some(why) = rounds.iter().find_map(|round| round.stays_behind.as_ref()) {
        let reason = format!("the cookie does not come back to this URL: {why}");
        return Judgement { verdict: Verdict::NeverSet, reasons: vec![reason] };
    }
    let breaks: Vec<_> =
        rounds.windows(2).enumerate().filter_map(|(at, pair)| lost(at + 2, &pair[0], &pair[1])).collect();
    let verdict = if breaks.is_empty() { Verdict::Kept } else { Verdict::Lost };
    Judgement { verdict, reasons: breaks }
}

fn never_set(rounds: &[Round], site: Option<&Site>) -> String {
    let Some(Site { listener, persistence, has_routes }) = site else {
        return "no http listener of this daemon accepts on that port: is another balancer there?".to_owned();
    };
    let routes = if *has_routes { ", nor is the route that took these requests" } else { "" };
    match persistence.kind {
        PersistenceKind::CookieRewrite if rounds.iter().all(|round| round.status >= 400) => format!(
            "no backend set the cookie {}, and every answer was an error: nginx's add_header leaves 4xx and 5xx out \
             unless it says `always` (S-44)",
            persistence.cookie
        ),
        PersistenceKind::CookieRewrite => format!(
            "listener {listener} rewrites the cookie {}, which no backend set: look at the application (S-44)",
            persistence.cookie
        ),
        PersistenceKind::CookieInsert => {
            format!("no backend answered: poise sets the cookie {} on answers of backends only", persistence.cookie)
        }
        PersistenceKind::Off | PersistenceKind::Source | PersistenceKind::Inherit => format!(
            "listener {listener} does not persist by cookie{routes}: set listeners.{listener}.persistence to \
             cookie-insert"
        ),
    }
}

fn not_tried(rounds: &[Round], set_count: usize) -> String {
    let mut backends: Vec<_> = rounds.iter().filter_map(Round::backend).collect();
    backends.sort_unstable();
    backends.dedup();
    format!(
        "each request came without cookies, as a new client: {} backends in turn are no fault, and {set_count} of {} \
         answers set the cookie (S-51)",
        backends.len(),
        rounds.len()
    )
}

/// Why a request went elsewhere than the one before it, if it did.
fn lost(number: usize, before: &Round, now: &Round) -> Option<String> {
    let (from, to) = (before.backend(), now.backend());
    if from == to && now.dropped_s.is_none() {
        return None;
    }
    let told = |backend: Option<String>| backend.unwrap_or_else(|| "a backend that no cookie names".to_owned());
    let gap = span(now.at_ms.saturating_sub(before.at_ms));
    let why = match (now.dropped_s, now.carried.as_ref().map(|carried| carried.verdict)) {
        (Some(age_s), _) => format!(
            "the client had dropped the cookie, whose age of {} was over: raise persistence.timeout (S-49)",
            span(u64::try_from(age_s).unwrap_or(0) * 1_000)
        ),
        (None, Some(PersistenceVerdict::IdleExpired)) => {
            format!("the client had been away for {gap}, longer than persistence.idle allows (S-49)")
        }
        (None, Some(PersistenceVerdict::LifeExpired)) => "persistence.life was over (S-49)".to_owned(),
        (None, Some(PersistenceVerdict::Unknown)) => "its backend had left the group".to_owned(),
        (None, Some(PersistenceVerdict::Moved | PersistenceVerdict::Refused)) => {
            "its backend could not be used: down, disabled or drained hard".to_owned()
        }
        (None, Some(PersistenceVerdict::Forged)) => "something on the way had changed the cookie".to_owned(),
        (None, Some(PersistenceVerdict::Kept)) => "its backend could not be reached".to_owned(),
        (None, Some(PersistenceVerdict::New) | None) => "the cookie was not sent".to_owned(),
    };
    Some(format!("request {number} went from {} to {}: {why}", told(from), told(to)))
}

#[cfg(test)]
mod tests;
