//! The ways to the signing key: of the TokenRequest API, and of Secrets that hold tokens.

use ironclad_controllers::token_secrets::{AccountSecret, SecretTokens};
use ironclad_env::{Env, EnvironmentExt};
use ironclad_kinds::service_account::{Bound, NamedUid, TokenGrant, TokenIssuer};
use ironclad_pki::token::{
    Binding, EXTENDED_SECONDS, Grant, LegacyToken, ObjectRef, TokenSigner, WARN_ONLY_SECONDS,
};
use jiff::Timestamp;

pub struct Issuer {
    env: Env,
    /// The issuer, which is also the audience of the API server.
    url: String,
    signer: TokenSigner,
}

impl Issuer {
    pub fn new(env: Env, url: String, signer: TokenSigner) -> Self {
        Self { env, url, signer }
    }

    /// What to sign. A pod's token for the API itself, asked for with the magic lifetime, is from a client
    /// that may not renew: it lives on, and the server warns (`--service-account-extend-token-expiration`).
    fn grant(&self, asked: &TokenGrant) -> Grant {
        let for_pod = matches!(asked.bound_to, Some(Bound::Pod(..)));
        let for_api = asked.audiences == [self.url.clone()];
        let extends = for_pod && for_api && asked.expiration_seconds == WARN_ONLY_SECONDS;
        Grant {
            namespace: asked.namespace.clone(),
            service_account: reference(&asked.service_account),
            binding: match &asked.bound_to {
                None => Binding::None,
                Some(Bound::Pod(pod, node)) => {
                    Binding::Pod { pod: reference(pod), node: node.as_ref().map(reference) }
                }
                Some(Bound::Secret(secret)) => Binding::Secret(reference(secret)),
                Some(Bound::Node(node)) => Binding::Node(reference(node)),
            },
            audiences: asked.audiences.clone(),
            expiration_seconds: if extends { EXTENDED_SECONDS } else { asked.expiration_seconds },
            warn_after_seconds: extends.then_some(asked.expiration_seconds),
        }
    }
}

fn reference(named: &NamedUid) -> ObjectRef {
    ObjectRef { name: named.name.clone(), uid: named.uid.clone() }
}

impl TokenIssuer for Issuer {
    fn default_audiences(&self) -> Vec<String> {
        vec![self.url.clone()]
    }

    fn issue(&self, asked: &TokenGrant, now: Timestamp) -> Result<String, String> {
        let id = self.env.uuid();
        self.signer.sign(&self.grant(asked), &id, now).map_err(|error| error.to_string())
    }
}

/// Signs the tokens that Secrets hold.
pub struct SecretIssuer(TokenSigner);

impl SecretIssuer {
    pub fn new(signer: TokenSigner) -> Self {
        Self(signer)
    }
}

impl SecretTokens for SecretIssuer {
    fn sign(&self, of: &AccountSecret<'_>) -> Result<String, String> {
        let token = LegacyToken {
            namespace: of.namespace.to_owned(),
            service_account_name: of.account.to_owned(),
            service_account_uid: of.account_uid.to_owned(),
            secret_name: of.secret.to_owned(),
        };
        token.sign(&self.0).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use ironclad_env::SimEnv;
    use ironclad_pki::key::PrivateKey;

    use super::*;

    #[test]
    fn only_a_pods_token_for_the_api_with_the_magic_lifetime_is_extended() {
        let key = PrivateKey::generate().expect("a key");
        let url = "https://kubernetes.default.svc.cluster.local".to_owned();
        let issuer = Issuer::new(SimEnv::new(1).shared(), url.clone(), TokenSigner::new(&url, &key));
        let pod = || Some(Bound::Pod(NamedUid::default(), None));
        let check = |bound_to, audience: &str, seconds, expected: (i64, Option<i64>)| {
            let asked = TokenGrant {
                audiences: vec![audience.to_owned()],
                expiration_seconds: seconds,
                bound_to,
                ..TokenGrant::default()
            };
            let grant = issuer.grant(&asked);
            assert_eq!((grant.expiration_seconds, grant.warn_after_seconds), expected, "{asked:?}");
        };
        check(pod(), &url, 3607, (31_536_000, Some(3607)));
        check(pod(), &url, 3600, (3600, None));
        check(pod(), "vault", 3607, (3607, None));
        check(None, &url, 3607, (3607, None));
    }
}
