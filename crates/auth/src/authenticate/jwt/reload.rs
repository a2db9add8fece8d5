//! Issuers that another file takes the place of while the program runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ironclad_engine::gate::{Authenticated, TokenAuthenticator};
use ironclad_env::BoxFuture;

use super::JwtTokens;

/// The issuers of the present file. Those of the one before are forgotten, and so are the tokens known from them.
pub struct Reloadable(ArcSwap<JwtTokens>);

impl Reloadable {
    pub fn new(tokens: Arc<JwtTokens>) -> Arc<Self> {
        Arc::new(Self(ArcSwap::new(tokens)))
    }

    pub fn replace(&self, tokens: Arc<JwtTokens>) {
        self.0.store(tokens);
    }
}

impl TokenAuthenticator for Reloadable {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        let current = self.0.load_full();
        Box::pin(async move { current.authenticate(token, audiences).await })
    }
}
