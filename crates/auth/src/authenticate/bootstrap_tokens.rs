//! Bootstrap tokens: bearer tokens of machines that join. A token that is not right in every respect is one
//! that nobody knows.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use ironclad_api::bootstrap_token::{BootstrapToken, Expiry, NAME_PREFIX, NAMESPACE, USER_PREFIX, parse};
use ironclad_api::{GroupResource, ObjectKey};
use ironclad_client::Cache;
use ironclad_engine::gate::{Authenticated, TokenAuthenticator, User};
use ironclad_env::{BoxFuture, Env};

pub struct BootstrapTokens {
    env: Env,
    cache: Arc<dyn Cache>,
    /// The API server's own; such a token is for nobody else.
    audiences: Vec<String>,
}

impl BootstrapTokens {
    pub fn new(env: Env, cache: Arc<dyn Cache>, audiences: Vec<String>) -> Arc<Self> {
        Arc::new(Self { env, cache, audiences })
    }

    fn user(&self, token: &str) -> Option<User> {
        let (id, secret) = parse(token)?;
        let key = ObjectKey::new(NAMESPACE, format!("{NAME_PREFIX}{id}"));
        let object = self.cache.get(&GroupResource::new("", "secrets"), &key)?.object();
        if object.deletion_timestamp().is_some() {
            return None;
        }
        let held = BootstrapToken::of(&object)?;
        verify_slices_are_equal(held.secret.as_bytes(), secret.as_bytes()).ok()?;
        let good = held.id == id && held.authenticates && held.expiry(self.env.now()) != Expiry::Expired;
        let groups = held.groups().filter(|_| good)?;
        let name = format!("{USER_PREFIX}{id}");
        Some(super::authenticated(User { name, groups, ..User::default() }))
    }
}

impl TokenAuthenticator for BootstrapTokens {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        let wanted = |audience: &&String| audiences.is_empty() || audiences.contains(audience);
        let both: Vec<String> = self.audiences.iter().filter(wanted).cloned().collect();
        let user = if both.is_empty() { None } else { self.user(token) };
        Box::pin(std::future::ready(Ok(user.map(|user| Authenticated { user, audiences: both }))))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use futures::FutureExt;
    use ironclad_client::testing::Objects;
    use ironclad_env::SimEnv;
    use serde_json::{Value, json};

    use super::*;

    const TOKEN: &str = "abc123.0123456789abcdef";

    /// The groups that [`TOKEN`] gives, with one key of its Secret changed; empty if it is unknown.
    fn check(key: &str, value: &str, audience: &str, expected: &str) {
        let mut data = json!({
            "token-id": "abc123", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true",
        });
        data[key] = value.into();
        let encoded = data.as_object().into_iter().flatten();
        let encoded: serde_json::Map<String, Value> = encoded
            .map(|(key, value)| (key.clone(), STANDARD.encode(value.as_str().unwrap_or_default()).into()))
            .collect();
        let mut secret = json!({
            "metadata": { "namespace": "kube-system", "name": "bootstrap-token-abc123" },
            "type": "bootstrap.kubernetes.io/token",
            "data": encoded,
        });
        if key == "type" {
            secret["type"] = value.into();
        }
        let world = Objects::default();
        world.put("", "secrets", secret);
        let tokens = BootstrapTokens::new(SimEnv::new(1).shared(), Arc::new(world), vec!["api".into()]);
        let audiences: Vec<String> =
            (!audience.is_empty()).then(|| audience.to_owned()).into_iter().collect();
        let found =
            tokens.authenticate(TOKEN, &audiences).now_or_never().expect("at once").expect("no error");
        let groups = found.map(|found| {
            assert_eq!(found.user.name, "system:bootstrap:abc123");
            found.user.groups.join(",")
        });
        assert_eq!(groups.unwrap_or_default(), expected, "{key}={value} {audience}");
    }

    #[test]
    fn a_token_that_is_right_in_every_respect_is_a_bootstrapper() {
        let plain = "system:bootstrappers,system:authenticated";
        check("description", "", "", plain);
        check("description", "", "api", plain);
        check("description", "", "other", "");
        check(
            "auth-extra-groups",
            "system:bootstrappers:worker",
            "",
            "system:bootstrappers,system:bootstrappers:worker,system:authenticated",
        );
        check("auth-extra-groups", "system:masters", "", "");
        check("token-secret", "fedcba9876543210", "", "");
        check("token-id", "other1", "", "");
        check("usage-bootstrap-authentication", "false", "", "");
        check("expiration", "2999-01-01T00:00:00Z", "", plain);
        check("expiration", "1969-01-01T00:00:00Z", "", "");
        check("type", "Opaque", "", "");
    }
}
