//! The tokens of a rule's backends, both ways.
//!
//! They are found by a keyed hash that is not the token's own, and compared as a whole, so that the
//! time of a look-up tells nobody how much of a guess was right. Called by the rule.

use std::collections::HashMap;

use crate::plan::BackendId;
use crate::token::{Token, TokenKey};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    by_backend: HashMap<BackendId, Token>,
    by_token: HashMap<Token, BackendId>,
}

impl Tokens {
    pub(super) fn new(key: &TokenKey, backends: impl Iterator<Item = BackendId>) -> Self {
        let by_backend: HashMap<_, _> = backends.map(|id| (id, key.token(id))).collect();
        let by_token = by_backend.iter().map(|(&id, &token)| (token, id)).collect();
        Self { by_backend, by_token }
    }

    /// Whether they are those of these backends, which may name one twice.
    pub(super) fn are_of(&self, mut backends: impl Iterator<Item = BackendId> + Clone) -> bool {
        let mut ids: Vec<_> = backends.clone().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len() == self.by_backend.len() && backends.all(|id| self.by_backend.contains_key(&id))
    }

    /// The token of a backend.
    pub(super) fn of(&self, backend: BackendId) -> Option<&Token> {
        self.by_backend.get(&backend)
    }

    /// The backend of a token.
    pub(super) fn backend(&self, token: Token) -> Option<BackendId> {
        self.by_token.get(&token).copied()
    }
}
