//! Bound service-account tokens: genuine, in time, and everything that they are
//! bound to still lives.
//!
//! The signature is what costs, so it is checked once in a while; the times and the objects are looked at
//! every time: a token is worth nothing from the moment its pod is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ironclad_api::{Entry, GroupResource, ObjectKey};
use ironclad_client::Cache;
use ironclad_engine::gate::{Authenticated, TokenAuthenticator, User};
use ironclad_env::{BoxFuture, Env};
use ironclad_pki::token::invalid_if_deleted_before;
use ironclad_pki::token::{Binding, ObjectRef, TokenError, TokenVerifier, VerifiedToken};
use jiff::Timestamp;

use super::figures::Lookup;
use crate::recent::Recent;

/// How long a genuine token counts as genuine without looking again, as upstream.
const GENUINE: Duration = Duration::from_secs(10);

pub struct ServiceAccountTokens {
    env: Env,
    cache: Arc<dyn Cache>,
    verifier: TokenVerifier,
    recent: Recent<Arc<Genuine>>,
}

/// A token whose signature, issuer and audiences were found to be right.
struct Genuine {
    token: VerifiedToken,
    account: Alive,
    bound: Alive,
}

/// The newest version of an object that was found not to be going away, by its revision.
#[derive(Default)]
struct Alive(AtomicU64);

impl ServiceAccountTokens {
    pub fn new(env: Env, cache: Arc<dyn Cache>, verifier: TokenVerifier) -> Arc<Self> {
        let recent = Recent::new(&env);
        Arc::new(Self { env, cache, verifier, recent })
    }

    fn check(&self, token: &str, audiences: &[String]) -> Result<Option<Authenticated>, String> {
        let now = self.env.now();
        match self.genuine(token, audiences, now) {
            Err(TokenError::NotOurs) => Ok(None),
            Err(error) => Err(error.to_string()),
            Ok(genuine) => {
                self.check_objects(&genuine, now)?;
                let token = &genuine.token;
                Ok(Some(Authenticated { user: user_of(token), audiences: token.audiences.clone() }))
            }
        }
    }

    fn genuine(&self, token: &str, audiences: &[String], now: Timestamp) -> Result<Arc<Genuine>, TokenError> {
        let lookup = Lookup::begin(&self.env);
        let (key, elapsed) = (self.recent.key(token, audiences), self.env.elapsed());
        if let Some(known) = self.recent.get(&key, elapsed) {
            lookup.hit();
            known.token.check_expiry(now)?;
            return Ok(known);
        }
        let wanted = (!audiences.is_empty()).then_some(audiences);
        let token = match self.verifier.verify(token, wanted, now) {
            // Whoever it belongs to counts it.
            Err(TokenError::NotOurs) => return Err(TokenError::NotOurs),
            verified => lookup.miss().ended(verified)?,
        };
        let genuine = Arc::new(Genuine { token, account: Alive::default(), bound: Alive::default() });
        self.recent.put(key, genuine.clone(), elapsed + GENUINE);
        Ok(genuine)
    }

    fn check_objects(&self, genuine: &Genuine, now: Timestamp) -> Result<(), String> {
        let Genuine { token, account, bound } = genuine;
        let namespace = token.namespace.as_str();
        self.check_alive(account, "serviceaccounts", namespace, &token.service_account, now)?;
        match &token.binding {
            Binding::None => Ok(()),
            Binding::Pod { pod, .. } => self.check_alive(bound, "pods", namespace, pod, now),
            Binding::Secret(secret) => self.check_alive(bound, "secrets", namespace, secret, now),
            Binding::Node(node) => self.check_alive(bound, "nodes", "", node, now),
        }
    }

    fn check_alive(
        &self,
        alive: &Alive,
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
        match alive.deleted_at(&entry) {
            Some(deleted) if deleted < invalid_if_deleted_before(now) => {
                Err(format!("token has been invalidated: {resource} {key} has been deleted"))
            }
            _ => Ok(()),
        }
    }
}

impl Alive {
    /// When the deletion of the object began. A version that is not going away is decoded once.
    fn deleted_at(&self, entry: &Entry) -> Option<Timestamp> {
        if self.0.load(Ordering::Relaxed) == entry.revision {
            return None;
        }
        let deleted = entry.object().deletion_timestamp().and_then(|time| time.parse().ok());
        if deleted.is_none() {
            self.0.store(entry.revision, Ordering::Relaxed);
        }
        deleted
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
    use ironclad_client::testing::Objects;
    use ironclad_env::SimEnv;
    use ironclad_pki::key::PrivateKey;
    use ironclad_pki::token::{Grant, TokenSigner, VerificationKey};
    use serde_json::json;

    use super::*;

    const API: &str = "https://api";

    /// A cluster with one pod and its account, and a token of ten minutes for it.
    fn bound() -> (Arc<SimEnv>, Arc<Objects>, Arc<ServiceAccountTokens>, String) {
        let sim = SimEnv::new(1);
        let key = PrivateKey::generate().expect("a key");
        let grant = Grant {
            namespace: "web".into(),
            service_account: ObjectRef { name: "builder".into(), uid: "a".into() },
            binding: Binding::Pod { pod: ObjectRef { name: "p".into(), uid: "p".into() }, node: None },
            audiences: vec![API.into()],
            expiration_seconds: 600,
            warn_after_seconds: None,
        };
        let env = sim.shared();
        let token = TokenSigner::new(API, &key).sign(&grant, "id", env.now()).expect("a token");
        let verifier = TokenVerifier {
            issuers: vec![API.into()],
            api_audiences: vec![API.into()],
            keys: vec![VerificationKey::new(key.public_key().clone()).expect("a key")],
        };
        let world = Arc::new(Objects::default());
        let object =
            |name: &str, uid: &str| json!({ "metadata": { "namespace": "web", "name": name, "uid": uid } });
        world.put("", "serviceaccounts", object("builder", "a"));
        world.put("", "pods", object("p", "p"));
        let tokens = ServiceAccountTokens::new(env, world.clone(), verifier);
        (sim, world, tokens, token)
    }

    #[test]
    fn a_remembered_token_still_ends_with_its_objects_and_its_time() {
        let check = |what: &str, change: &dyn Fn(&SimEnv, &Objects), good: bool| {
            let (sim, world, tokens, token) = bound();
            assert!(matches!(tokens.check(&token, &[]), Ok(Some(_))), "at first");
            change(&sim, &world);
            assert_eq!(tokens.check(&token, &[]).is_ok(), good, "{what}");
            let remembered = tokens.recent.get(&tokens.recent.key(&token, &[]), sim.shared().elapsed());
            assert!(remembered.is_some(), "{what}: it is still remembered");
        };
        let pod = |uid: &str, deleted: Option<&str>| json!({ "metadata": { "namespace": "web", "name": "p", "uid": uid, "deletionTimestamp": deleted } });
        check("nothing", &|_, _| {}, true);
        check("pod gone", &|_, world| world.remove("", "pods", &ObjectKey::new("web", "p")), false);
        check("pod replaced", &|_, world| world.put("", "pods", pod("q", None)), false);
        check("pod written", &|_, world| world.put("", "pods", pod("p", None)), true);
        check(
            "pod long deleted",
            &|_, world| world.put("", "pods", pod("p", Some("1969-01-01T00:00:00Z"))),
            false,
        );
        check(
            "account gone",
            &|_, world| world.remove("", "serviceaccounts", &ObjectKey::new("web", "builder")),
            false,
        );
    }

    #[test]
    fn another_audience_is_another_answer() {
        let (_, _, tokens, token) = bound();
        assert!(tokens.check(&token, &[]).is_ok());
        assert!(tokens.check(&token, &["other".into()]).is_err());
        assert!(tokens.check(&token, &[API.into()]).is_ok());
    }

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
