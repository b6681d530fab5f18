//! The inserted cookie of a listener: its name, its age and the token of every backend.
//!
//! Tokens are made when the plan is compiled, so a request costs one look-up and no hashing of a
//! secret. Reading `Cookie` and writing `Set-Cookie` is the HTTP engine's.

use std::collections::HashMap;
use std::sync::Arc;

use crate::plan::BackendId;
use crate::token::{Token, TokenKey};

/// What a listener with `cookie-insert` needs for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieRule {
    /// Name of the cookie (S-45).
    pub name: String,
    /// `Max-Age` of the cookie, in seconds, at least 1.
    pub max_age_s: u32,
    tokens: Arc<Tokens>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Tokens {
    by_backend: HashMap<BackendId, Token>,
    by_token: HashMap<Token, BackendId>,
}

impl Tokens {
    fn new(key: &TokenKey, backends: impl Iterator<Item = BackendId>) -> Self {
        let by_backend: HashMap<_, _> = backends.map(|id| (id, key.token(id))).collect();
        let by_token = by_backend.iter().map(|(&id, &token)| (token, id)).collect();
        Self { by_backend, by_token }
    }

    fn are_of(&self, mut backends: impl Iterator<Item = BackendId> + Clone) -> bool {
        backends.clone().count() == self.by_backend.len() && backends.all(|id| self.by_backend.contains_key(&id))
    }
}

impl CookieRule {
    /// A rule for these backends; the tokens of `before` are used again if they are theirs
    /// (the key is the same for the life of the process).
    pub fn new(
        (name, timeout_ms): (&str, u32),
        key: &TokenKey,
        backends: impl Iterator<Item = BackendId> + Clone,
        before: Option<&Self>,
    ) -> Self {
        let tokens = before.map(|before| &before.tokens).filter(|tokens| tokens.are_of(backends.clone()));
        let tokens = tokens.map_or_else(|| Arc::new(Tokens::new(key, backends)), Arc::clone);
        Self { name: name.to_owned(), max_age_s: timeout_ms.div_ceil(1_000).max(1), tokens }
    }

    /// The value of the cookie that binds a client to a backend; `None` for a backend that is not
    /// of this listener's group.
    pub fn token(&self, backend: BackendId) -> Option<&Token> {
        self.tokens.by_backend.get(&backend)
    }

    /// The backend that a cookie's value stands for; `None` for any value that poised would not
    /// write for this group.
    pub fn backend(&self, value: &[u8]) -> Option<BackendId> {
        self.tokens.by_token.get(&Token::parse(value)?).copied()
    }
}
