//! The tokens of Secrets of type `kubernetes.io/service-account-token`: good while the Secret holds them and
//! the account lives. They have no times and are for the API server alone.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#auto-generated-legacy-serviceaccount-token-clean-up>.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::{GroupResource, Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_engine::gate::{Authenticated, TokenAuthenticator, User};
use ironclad_env::BoxFuture;
use ironclad_pki::token::{LegacyToken, TokenError, TokenVerifier, groups, username};

/// Set by the cleaner on Secrets that nobody has used for long.
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";

pub struct LegacyServiceAccountTokens {
    cache: Arc<dyn Cache>,
    verifier: TokenVerifier,
}

impl LegacyServiceAccountTokens {
    pub fn new(cache: Arc<dyn Cache>, verifier: TokenVerifier) -> Arc<Self> {
        Arc::new(Self { cache, verifier })
    }

    fn check(&self, token: &str, audiences: &[String]) -> Result<Option<Authenticated>, String> {
        let claims = match LegacyToken::verify(token, &self.verifier) {
            Err(TokenError::NotOurs) => return Ok(None),
            Err(error) => return Err(error.to_string()),
            Ok(claims) => claims,
        };
        let audiences = self.audiences(audiences)?;
        self.check_secret(&claims, token)?;
        self.check_account(&claims)?;
        let user = User {
            name: username(&claims.namespace, &claims.service_account_name),
            uid: claims.service_account_uid,
            groups: groups(&claims.namespace),
            ..User::default()
        };
        Ok(Some(Authenticated { user: super::authenticated(user), audiences }))
    }

    /// Those asked for that are the API server's.
    fn audiences(&self, wanted: &[String]) -> Result<Vec<String>, String> {
        let own = &self.verifier.api_audiences;
        let wanted = if wanted.is_empty() { own } else { wanted };
        let both: Vec<String> = own.iter().filter(|audience| wanted.contains(audience)).cloned().collect();
        match both.is_empty() && !own.is_empty() {
            true => Err(TokenError::Audience { token: own.clone(), wanted: wanted.to_vec() }.to_string()),
            false => Ok(both),
        }
    }

    fn check_secret(&self, claims: &LegacyToken, token: &str) -> Result<(), String> {
        let secret = self
            .object("secrets", &claims.namespace, &claims.secret_name)
            .ok_or("service account token has been invalidated")?;
        let held = STANDARD.decode(secret.str_at(&["data", "token"])).unwrap_or_default();
        if aws_lc_rs::constant_time::verify_slices_are_equal(&held, token.as_bytes()).is_err() {
            return Err("service account token does not match server's copy".to_owned());
        }
        match secret.label(INVALID_SINCE) {
            None => Ok(()),
            Some(_) => Err(format!(
                "the token in secret {0}/{1} for service account {0}/{2} has been marked invalid. Use tokens from \
                 the TokenRequest API or manually created secret-based tokens, or remove the '{INVALID_SINCE}' \
                 label from the secret to temporarily allow use of this token",
                claims.namespace, claims.secret_name, claims.service_account_name
            )),
        }
    }

    fn check_account(&self, claims: &LegacyToken) -> Result<(), String> {
        let (namespace, name) = (&claims.namespace, &claims.service_account_name);
        let account = self
            .object("serviceaccounts", namespace, name)
            .ok_or_else(|| format!("serviceaccounts \"{name}\" not found"))?;
        match account.uid() == claims.service_account_uid {
            true => Ok(()),
            false => Err(format!(
                "service account UID ({}) does not match claim ({})",
                account.uid(),
                claims.service_account_uid
            )),
        }
    }

    /// `None` for what is going away, too.
    fn object(&self, resource: &'static str, namespace: &str, name: &str) -> Option<Object> {
        let entry = self.cache.get(&GroupResource::new("", resource), &ObjectKey::new(namespace, name))?;
        Some(entry.object()).filter(|object| object.deletion_timestamp().is_none())
    }
}

impl TokenAuthenticator for LegacyServiceAccountTokens {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        Box::pin(std::future::ready(self.check(token, audiences)))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use ironclad_client::testing::Objects;
    use ironclad_pki::key::PrivateKey;
    use ironclad_pki::token::{TokenSigner, VerificationKey};
    use serde_json::{Value, json};

    use super::*;

    const API: &str = "https://api";

    fn secret(token: &str, metadata: Value) -> Value {
        let mut secret = json!({
            "metadata": { "namespace": "web", "name": "builder-token" },
            "data": { "token": STANDARD.encode(token) },
        });
        for (key, value) in metadata.as_object().into_iter().flatten() {
            secret["metadata"][key.as_str()] = value.clone();
        }
        secret
    }

    #[test]
    fn a_token_counts_while_its_secret_holds_it_and_its_account_lives() {
        let key = PrivateKey::generate().expect("a key");
        let signer = TokenSigner::new(API, &key);
        let verifier = TokenVerifier {
            issuers: vec![API.into()],
            api_audiences: vec![API.into()],
            keys: vec![VerificationKey::new(key.public_key().clone()).expect("a key")],
        };
        let claims = LegacyToken {
            namespace: "web".into(),
            service_account_name: "builder".into(),
            service_account_uid: "u1".into(),
            secret_name: "builder-token".into(),
        };
        let token = claims.sign(&signer).expect("a token");
        let check =
            |secret: Option<Value>, account_uid: &str, audiences: &[&str], expected: Result<&str, &str>| {
                let world = Objects::default();
                if let Some(secret) = secret {
                    world.put("", "secrets", secret);
                }
                world.put(
                    "",
                    "serviceaccounts",
                    json!({ "metadata": { "namespace": "web", "name": "builder", "uid": account_uid } }),
                );
                let authenticator = LegacyServiceAccountTokens::new(Arc::new(world), verifier.clone());
                let audiences: Vec<String> =
                    audiences.iter().map(|audience| (*audience).to_owned()).collect();
                let got = authenticator.authenticate(&token, &audiences).now_or_never().expect("at once");
                let got = got.map(|found| found.map(|found| found.user.name).unwrap_or_default());
                assert_eq!(got.as_deref().map_err(String::as_str), expected);
            };
        let good = Ok("system:serviceaccount:web:builder");
        let gone = Err("service account token has been invalidated");
        check(Some(secret(&token, json!({}))), "u1", &[], good);
        check(Some(secret(&token, json!({}))), "u1", &[API, "other"], good);
        check(
            Some(secret(&token, json!({}))),
            "u1",
            &["other"],
            Err("token audiences [\"https://api\"] is invalid for the target audiences [\"other\"]"),
        );
        check(None, "u1", &[], gone);
        check(Some(secret(&token, json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" }))), "u1", &[], gone);
        check(
            Some(secret("other", json!({}))),
            "u1",
            &[],
            Err("service account token does not match server's copy"),
        );
        check(
            Some(secret(&token, json!({}))),
            "u2",
            &[],
            Err("service account UID (u2) does not match claim (u1)"),
        );
        check(
            Some(secret(&token, json!({ "labels": { INVALID_SINCE: "2026-01-01" } }))),
            "u1",
            &[],
            Err(
                "the token in secret web/builder-token for service account web/builder has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the 'kubernetes.io/legacy-token-invalid-since' label from the secret to temporarily allow use of this token",
            ),
        );
    }
}
