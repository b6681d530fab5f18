//! The cookie of a listener or route: whom a request's cookie binds, and what a response sets.
//!
//! Tokens are made when the plan is compiled, so a request costs one look-up and no hashing of a
//! secret; only where idle or life time are bounded a seal is opened, and then the clock is read.
//! Fields are found and written by `http`. It knows no sockets and no version of HTTP.

mod attributes;
mod tokens;
mod value;

use std::sync::Arc;

use poise_ipc::model::{Persistence, PersistenceKind, Redispatch};
use poise_ipc::persistence::PersistenceVerdict;

pub use self::attributes::SetCookie;
use self::tokens::Tokens;
use self::value::Form;
pub use self::value::{Times, VALUE_LEN_MAX, Value};
use super::Recall;
use crate::http::cookie::{Set, marked};
use crate::plan::{BackendId, BackendPlan, GroupPlan};
use crate::token::{Token, TokenKey};

/// Cookies of one name that one request may try: browsers send one for each path and domain that
/// fits, which are a few.
const TRIES_MAX: usize = 8;
/// A cookie is written again when this part of the idle time has passed since it was, so that not
/// every response sets one.
const REFRESH_PART: u32 = 4;
/// Times this far ahead were written under a clock that was wrong, and would never come to an end.
const AHEAD_S_MAX: u32 = 86_400;

/// What a listener or route with cookies needs for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieRule {
    /// Name of the cookie (S-45).
    pub name: String,
    kind: Kind,
    /// Shared caches are told to keep responses with the cookie private.
    guards: bool,
    /// A client whose backend may not be used goes nowhere.
    binds: bool,
    key: TokenKey,
    tokens: Arc<Tokens>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// poise sets the cookie.
    Insert {
        /// Age after which clients drop it, in seconds, at least 1.
        max_age_s: u32,
        /// Longest time between two requests, in seconds.
        idle_s: Option<u32>,
        /// Longest time with one backend, in seconds.
        life_s: Option<u32>,
        /// What follows the value.
        attributes: String,
    },
    /// The backend sets it, and poise writes its token before the value.
    Rewrite,
}

/// What is kept of a request's cookie until the response is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    /// What was said of it.
    pub verdict: PersistenceVerdict,
    /// When the client was bound, in seconds since the epoch; 0 if that is not known.
    first_s: u32,
    /// The cookie is to be written again.
    is_due: bool,
}

impl Mark {
    /// The backend could not be reached, and another is tried.
    pub fn moved(&mut self) {
        *self = Self { verdict: PersistenceVerdict::Moved, first_s: 0, is_due: false };
    }

    /// Whether the client goes to the backend that its cookie names.
    pub fn is_kept(&self) -> bool {
        self.verdict == PersistenceVerdict::Kept
    }
}

/// Where a request's cookie leads.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'p> {
    /// The group of the backend that its client was bound to, as far as it is known.
    pub group: Option<&'p Arc<GroupPlan>>,
    /// Where it goes.
    pub recall: Recall<'p>,
    /// For the response.
    pub mark: Mark,
}

/// What a response does about the cookie.
#[derive(Clone, Copy, Debug, Default)]
pub enum Binding<'a> {
    /// Nothing: there is no such cookie.
    #[default]
    Off,
    /// The cookie is poise's: the backend's of the same name stay behind, and ours is set when there
    /// is one to set.
    Insert(&'a str, Option<SetCookie<'a>>),
    /// The cookie is the backend's: when it sets one of this name, the token goes before the value,
    /// and where the flag says so shared caches are told to keep the response private.
    Rewrite(&'a str, Token, bool),
}

impl Binding<'_> {
    /// Whether a `Set-Cookie` field of the backend does not pass as it is.
    pub fn takes(&self, field: &[u8]) -> bool {
        match self {
            Self::Off => false,
            Self::Insert(name, _) => Set::of(field, name.as_bytes()).is_some(),
            Self::Rewrite(name, ..) => Set::of(field, name.as_bytes()).is_some_and(|set| set.has_room()),
        }
    }
}

impl CookieRule {
    /// The rule for these settings, of a listener or route that leads to these backends; the tokens
    /// of `before` are used again if they are theirs (the key is the same for the life of the
    /// process). `is_https`: whether clients come by TLS.
    pub fn new(
        settings: &Persistence,
        is_https: bool,
        key: &TokenKey,
        backends: impl Iterator<Item = BackendId> + Clone,
        before: Option<&Self>,
    ) -> Self {
        let tokens = before.map(|before| &before.tokens).filter(|tokens| tokens.are_of(backends.clone()));
        let seconds = |ms: u32| ms.div_ceil(1_000).max(1);
        let kind = match settings.kind {
            PersistenceKind::CookieRewrite => Kind::Rewrite,
            _ => Kind::Insert {
                max_age_s: seconds(settings.timeout_ms),
                idle_s: settings.idle_ms.map(seconds),
                life_s: settings.life_ms.map(seconds),
                attributes: attributes::of(settings, is_https),
            },
        };
        Self {
            name: settings.cookie.clone(),
            kind,
            guards: settings.cache_guard,
            binds: settings.redispatch == Redispatch::Refuse,
            key: *key,
            tokens: tokens.map_or_else(|| Arc::new(Tokens::new(key, backends)), Arc::clone),
        }
    }

    /// The name of the cookie whose values are given back to backends without the tokens before
    /// them, if that is how it works.
    pub fn restores(&self) -> Option<&str> {
        (self.kind == Kind::Rewrite).then_some(&*self.name)
    }

    /// Whether a client may go to no other backend than its own, not even when that one cannot be
    /// reached.
    pub fn binds(&self) -> bool {
        self.binds
    }

    /// The token of a backend; `None` for one that the rule does not lead to.
    pub fn token(&self, backend: BackendId) -> Option<&Token> {
        self.tokens.of(backend)
    }

    /// Where a request with these values of the cookie goes. `now_s`, in seconds since the epoch, is
    /// asked for only where times count.
    pub fn visit<'p, 'v>(
        &self,
        groups: &'p [Arc<GroupPlan>],
        values: impl Iterator<Item = &'v [u8]>,
        now_s: impl Fn() -> u32,
    ) -> Visit<'p> {
        let mut gravest = Visit { group: None, recall: Recall::Anew, mark: Mark::default() };
        for value in values.take(TRIES_MAX) {
            let visit = self.judge(groups, value, &now_s);
            if visit.mark.is_kept() {
                return visit;
            }
            if visit.mark.verdict > gravest.mark.verdict {
                gravest = visit;
            }
        }
        gravest
    }

    /// The times that a value carries, if it is one that poise wrote.
    pub fn times(&self, value: &[u8]) -> Option<Times> {
        self.read(value).ok()?.1
    }

    /// The backend that a value names, whether or not it may be used.
    pub fn backend(&self, value: &[u8]) -> Option<BackendId> {
        self.read(value).ok().map(|(id, _)| id)
    }

    /// The backend that a value names and the times that it carries.
    fn read(&self, value: &[u8]) -> Result<(BackendId, Option<Times>), PersistenceVerdict> {
        let form = match self.kind {
            // A value without a token is the backend's own, from before it was rewritten.
            Kind::Rewrite => Form { token: marked(value).ok_or(PersistenceVerdict::New)?, seal: None },
            Kind::Insert { .. } => Form::of(value).ok_or(PersistenceVerdict::Forged)?,
        };
        let Some(backend) = self.tokens.backend(form.token) else {
            // Only what looks like a token can have been one.
            let seen = Token::parse(form.token).map(|_| PersistenceVerdict::Unknown);
            return Err(seen.unwrap_or(PersistenceVerdict::Forged));
        };
        let opened = form.seal.map(|seal| value::open(seal, &self.key, backend).ok_or(PersistenceVerdict::Forged));
        Ok((backend, opened.transpose()?))
    }

    fn judge<'p>(&self, groups: &'p [Arc<GroupPlan>], value: &[u8], now_s: &impl Fn() -> u32) -> Visit<'p> {
        let visit = |group, recall, mark| Visit { group, recall, mark };
        let anew = |verdict| visit(None, Recall::Anew, Mark { verdict, ..Mark::default() });
        let (id, mark) = match self.read(value).and_then(|(id, times)| Ok((id, self.check(times, now_s)?))) {
            Ok(known) => known,
            Err(verdict) => return anew(verdict),
        };
        let found = groups.iter().find_map(|group| Some((group, group.backend(id)?)));
        let Some((group, backend)) = found else { return anew(PersistenceVerdict::Unknown) };
        if backend.takes_pinned() {
            return visit(Some(group), Recall::Backend(backend), mark);
        }
        let verdict = |verdict| Mark { verdict, ..Mark::default() };
        if self.binds && may_return(group, backend) {
            return visit(Some(group), Recall::Unusable(id), verdict(PersistenceVerdict::Refused));
        }
        visit(Some(group), Recall::Anew, verdict(PersistenceVerdict::Moved))
    }

    /// What becomes of a client with these times, if its backend may be used.
    fn check(&self, times: Option<Times>, now_s: &impl Fn() -> u32) -> Result<Mark, PersistenceVerdict> {
        let kept = Mark { verdict: PersistenceVerdict::Kept, first_s: 0, is_due: false };
        let Kind::Insert { idle_s, life_s, .. } = &self.kind else { return Ok(kept) };
        if idle_s.is_none() && life_s.is_none() {
            return Ok(kept);
        }
        // A value from before times counted is as good as new, and gets some now.
        let Some(Times { first_s, last_s }) = times else { return Ok(Mark { is_due: true, ..kept }) };
        let now_s = now_s();
        let age = |then_s: u32| {
            if then_s.saturating_sub(now_s) > AHEAD_S_MAX { u32::MAX } else { now_s.saturating_sub(then_s) }
        };
        if life_s.is_some_and(|life_s| age(first_s) > life_s) {
            return Err(PersistenceVerdict::LifeExpired);
        }
        match *idle_s {
            Some(idle_s) if age(last_s) > idle_s => Err(PersistenceVerdict::IdleExpired),
            idle_s => {
                let is_due = idle_s.is_some_and(|idle_s| age(last_s) >= idle_s.div_ceil(REFRESH_PART));
                Ok(Mark { first_s, is_due, ..kept })
            }
        }
    }

    /// What the response of this backend does about the cookie. Decided by the backend that answered,
    /// never by the status (L-02): a client that is bound to it keeps its cookie as it is (L-03).
    pub fn bind(&self, mark: Mark, backend: BackendId, now_s: impl Fn() -> u32) -> Binding<'_> {
        let is_fresh = mark.is_kept() && !mark.is_due;
        if is_fresh && matches!(self.kind, Kind::Insert { .. }) {
            return Binding::Insert(&self.name, None);
        }
        let Some(&token) = self.tokens.of(backend) else { return Binding::Off };
        match &self.kind {
            Kind::Rewrite => Binding::Rewrite(&self.name, token, self.guards),
            Kind::Insert { max_age_s, idle_s, life_s, attributes } => {
                let set = |value, max_age_s| SetCookie {
                    name: &self.name,
                    value,
                    max_age_s,
                    attributes,
                    guards: self.guards,
                };
                let cookie = if idle_s.is_none() && life_s.is_none() {
                    set(Value::plain(token), *max_age_s)
                } else {
                    let last_s = now_s();
                    let first_s = if mark.first_s == 0 { last_s } else { mark.first_s };
                    let value = Value::sealed(token, &self.key, backend, Times { first_s, last_s });
                    let left_s = life_s.map_or(u32::MAX, |life_s| left(first_s, life_s, last_s));
                    set(value, left_s.min(*max_age_s))
                };
                Binding::Insert(&self.name, Some(cookie))
            }
        }
    }
}

/// What is left of a life, in seconds.
fn left(first_s: u32, life_s: u32, now_s: u32) -> u32 {
    first_s.saturating_add(life_s).saturating_sub(now_s).max(1)
}

/// Whether a backend that may not be used now can be its clients' again: not a backup that need not
/// serve any more.
pub(crate) fn may_return(group: &GroupPlan, backend: &BackendPlan) -> bool {
    group.on_backups || !backend.settings.backup
}

#[cfg(test)]
mod tests;
