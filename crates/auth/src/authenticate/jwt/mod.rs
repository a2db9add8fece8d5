//! Tokens of other issuers (OpenID Connect), by structured configuration.
//!
//! ```text
//!  token ─► issuer ─► signature by its keys ─► audience, times ─► claims ─► user ─► rules
//! ```
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens> (KEP-3331).
//! Missing: claims that stand in another token elsewhere (distributed claims), ES512.

mod claims;
mod configuration;
mod keys;
mod program;
mod reload;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use ironclad_engine::gate::{Authenticated, TokenAuthenticator, User};
use ironclad_env::{BoxFuture, Env, Task};
use ironclad_pki::token::named_issuer;
use ironclad_webhook::Caller;

use super::figures::Lookup;
use crate::recent::Recent;
use keys::IssuerKeys;

pub use configuration::{Configuration, ConfigurationError, Issuer};
pub use reload::Reloadable;

/// How long a good token counts without looking again, as upstream.
const REMEMBERED: Duration = Duration::from_secs(10);

pub struct JwtTokens {
    env: Env,
    issuers: Vec<(Issuer, Arc<IssuerKeys>)>,
    /// The API server's own audiences, which every good token is for.
    audiences: Vec<String>,
    recent: Recent<Arc<User>>,
    tasks: Vec<Task>,
}

impl Drop for JwtTokens {
    fn drop(&mut self) {
        self.tasks.iter().for_each(Task::abort);
    }
}

impl JwtTokens {
    /// Begins to read the issuers' keys.
    pub fn new(env: Env, caller: &Arc<Caller>, issuers: Vec<Issuer>, audiences: Vec<String>) -> Arc<Self> {
        let with_keys = |issuer: Issuer| {
            let keys = IssuerKeys::new(env.clone(), caller.clone(), &issuer);
            (issuer, keys)
        };
        let issuers: Vec<_> = issuers.into_iter().map(with_keys).collect();
        let begin = |keys: &Arc<IssuerKeys>| env.spawn("issuer keys", Box::pin(keys.clone().begin()));
        let tasks = issuers.iter().map(|(_, keys)| begin(keys)).collect();
        let recent = Recent::new(&env);
        Arc::new(Self { env, issuers, audiences, recent, tasks })
    }

    async fn check(&self, token: &str) -> Result<Option<Arc<User>>, String> {
        let Some(named) = named_issuer(token) else { return Ok(None) };
        let Some((issuer, keys)) = self.issuers.iter().find(|(issuer, _)| issuer.url == named) else {
            return Ok(None);
        };
        let lookup = Lookup::begin(&self.env);
        let (key, elapsed) = (self.recent.key(token, &[]), self.env.elapsed());
        if let Some(user) = self.recent.get(&key, elapsed) {
            lookup.hit();
            return Ok(Some(user));
        }
        let fetch = lookup.miss();
        let believed = fetch.ended(self.believe(issuer, keys, token).await);
        let user = believed.map_err(|why| format!("oidc: {why}"))?;
        let user = Arc::new(super::authenticated(user));
        // Failures are not kept, so that a token counts as soon as it is good.
        self.recent.put(key, user.clone(), elapsed + REMEMBERED);
        Ok(Some(user))
    }

    async fn believe(&self, issuer: &Issuer, keys: &IssuerKeys, token: &str) -> Result<User, String> {
        let claims = keys.open(token).await?;
        claims::check_token(issuer, &claims, self.env.now()).map_err(|why| format!("verify token: {why}"))?;
        claims::user(issuer, claims)
    }
}

impl TokenAuthenticator for JwtTokens {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        Box::pin(async move {
            let wanted = |audience: &&String| audiences.is_empty() || audiences.contains(audience);
            let audiences: Vec<String> = self.audiences.iter().filter(wanted).cloned().collect();
            if audiences.is_empty() {
                return Ok(None);
            }
            let user = self.check(token).await?;
            Ok(user.map(|user| Authenticated { user: (*user).clone(), audiences }))
        })
    }
}
