//! Several ways to know a token.

use std::sync::Arc;

use ironclad_api::field::aggregate_texts;
use ironclad_engine::gate::{Authenticated, TokenAuthenticator};
use ironclad_env::BoxFuture;

/// Asked in order; the first that knows the token decides. One that knows it and does not believe it does not
/// keep the others from being asked.
pub struct Tokens(Vec<Arc<dyn TokenAuthenticator>>);

impl Tokens {
    pub fn new(authenticators: Vec<Arc<dyn TokenAuthenticator>>) -> Arc<Self> {
        Arc::new(Self(authenticators))
    }
}

impl TokenAuthenticator for Tokens {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        Box::pin(async move {
            let mut reasons = Vec::new();
            for authenticator in &self.0 {
                match authenticator.authenticate(token, audiences).await {
                    Ok(None) => {}
                    Ok(found) => return Ok(found),
                    Err(reason) => reasons.push(reason),
                }
            }
            aggregate_texts(reasons).map_or(Ok(None), Err)
        })
    }
}
