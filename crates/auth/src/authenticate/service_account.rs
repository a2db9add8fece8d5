//! Bound service-account tokens: genuine, in time, and everything that they are
//! bound to still lives.

use std::sync::Arc;

use ironclad_api::{Entry, GroupResource, ObjectKey};
use ironclad_client::Cache;
use ironclad_engine::gate::{Authenticated, TokenAuthenticator, User};
use ironclad_env::{BoxFuture, Env};
use ironclad_pki::token::invalid_if_deleted_before;
use ironclad_pki::token::{Binding, ObjectRef, TokenError, TokenVerifier, VerifiedToken};
use jiff::Timestamp;

pub struct ServiceAccountTokens {
    env: Env,
    cache: Arc<dyn Cache>,
    verifier: TokenVerifier,
}

impl ServiceAccountTokens {
    pub fn new(env: Env, cache: Arc<dyn Cache>, verifier: TokenVerifier) -> Arc<Self> {
        Arc::new(Self { env, cache, verifier })
    }

    fn check(&self, token: &str, audiences: &[String]) -> Result<Option<Authenticated>, String> {
        let now = self.env.now();
        let wanted = (!audiences.is_empty()).then_some(audiences);
        match self.verifier.verify(token, wanted, now) {
            Err(TokenError::NotOurs) => Ok(None),
            Err(error) => Err(error.to_string()),
            Ok(token) => {
                self.check_objects(&token, now)?;
                Ok(Some(Authenticated { user: user_of(&token), audiences: token.audiences }))
            }
        }
    }

    fn check_objects(&self, token: &VerifiedToken, now: Timestamp) -> Result<(), String> {
        self.check_alive("serviceaccounts", &token.namespace, &token.service_account, now)?;
        match &token.binding {
            Binding::None => Ok(()),
            Binding::Pod { pod, .. } => self.check_alive("pods", &token.namespace, pod, now),
            Binding::Secret(secret) => self.check_alive("secrets", &token.namespace, secret, now),
            Binding::Node(node) => self.check_alive("nodes", "", node, now),
        }
    }

    fn check_alive(
        &self,
        resource: &'static str,
        namespace: &str,
        object: &ObjectRef,
        now: Timestamp,
    ) -> Result<(), String> {
        let key = ObjectKey::new(namespace, object.name.clone());
        let entry = self.cache.get(&GroupResource::new("", resource), &key);
        let Some(entry) = entry.filter(|entry| entry.uid == object.uid) else {
            return Err(format!("token has been invalidated: {resource} {key} is gone or another one"));
        };
        match deleted_at(&entry) {
            Some(deleted) if deleted < invalid_if_deleted_before(now) => {
                Err(format!("token has been invalidated: {resource} {key} has been deleted"))
            }
            _ => Ok(()),
        }
    }
}

impl TokenAuthenticator for ServiceAccountTokens {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        Box::pin(std::future::ready(self.check(token, audiences)))
    }
}

fn deleted_at(entry: &Entry) -> Option<Timestamp> {
    entry.object().deletion_timestamp()?.parse().ok()
}

/// The account, in the groups that token reviews name too.
fn user_of(token: &VerifiedToken) -> User {
    super::authenticated(User {
        name: token.username(),
        uid: token.service_account.uid.clone(),
        groups: token.groups(),
        extra: token.extra().into_iter().map(|(key, values)| (key.to_owned(), values)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_an_account_in_its_groups() {
        let token = VerifiedToken {
            namespace: "web".into(),
            service_account: ObjectRef { name: "builder".into(), uid: "u-1".into() },
            binding: Binding::None,
            id: "t-1".into(),
            audiences: Vec::new(),
            expires: None,
            warn_after: None,
        };
        let user = user_of(&token);
        assert_eq!((user.name.as_str(), user.uid.as_str()), ("system:serviceaccount:web:builder", "u-1"));
        let groups = ["system:serviceaccounts", "system:serviceaccounts:web", super::super::AUTHENTICATED];
        assert_eq!(user.groups, groups);
    }
}
