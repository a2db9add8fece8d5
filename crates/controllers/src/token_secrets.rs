//! Fills Secrets of type `kubernetes.io/service-account-token` with a token of their account, and
//! removes them with it.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#additional-api-tokens>.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::{Entry, Object, ObjectKey};
use ironclad_client::{By, Cache, Change};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;

use crate::resources::{SECRETS, SERVICE_ACCOUNTS};

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

/// Signs tokens without times, which are good while their Secret holds them.
pub trait SecretTokens: Send + Sync + 'static {
    /// `Err` says why there is none.
    fn sign(&self, account: &AccountSecret<'_>) -> Result<String, String>;
}

/// An account and the Secret that its token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSecret<'a> {
    pub namespace: &'a str,
    pub account: &'a str,
    pub account_uid: &'a str,
    pub secret: &'a str,
}

pub struct TokenSecrets {
    /// Base64 of the PEM of the CA that signs the API server's certificate.
    root_ca: String,
    tokens: Arc<dyn SecretTokens>,
}

impl TokenSecrets {
    pub fn new(root_ca: &str, tokens: Arc<dyn SecretTokens>) -> Self {
        Self { root_ca: STANDARD.encode(root_ca), tokens }
    }

    /// The Secret with everything that it should hold. What it holds already stays, but for the CA.
    fn filled(&self, secret: &Object, uid: &str) -> Result<Object, String> {
        let account = secret.annotation(ACCOUNT).unwrap_or_default();
        let of =
            AccountSecret { namespace: secret.namespace(), account, account_uid: uid, secret: secret.name() };
        let mut filled = secret.clone();
        filled.set_annotation(ACCOUNT_UID, uid);
        let data = filled.section_mut("data");
        let lacks = |name: &str| secret.str_at(&["data", name]).is_empty();
        data.insert("ca.crt".into(), self.root_ca.clone().into());
        if lacks("namespace") {
            data.insert("namespace".into(), STANDARD.encode(of.namespace).into());
        }
        if lacks("token") {
            data.insert("token".into(), STANDARD.encode(self.tokens.sign(&of)?).into());
        }
        Ok(filled)
    }
}

impl Controller for TokenSecrets {
    fn name(&self) -> &'static str {
        "tokens-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::new(SECRETS.group_resource(), |change, _| {
                let wanted = change.new.as_ref().filter(|entry| entry.field("type") == Some(TYPE));
                wanted.map(|entry| entry.key.clone()).into_iter().collect()
            }),
            Watch::new(SERVICE_ACCOUNTS.group_resource(), secrets_of),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(entry) = view.cache.get(&SECRETS.group_resource(), key) else { return plan };
        let secret = entry.object();
        let account = secret.annotation(ACCOUNT).unwrap_or_default();
        if account.is_empty() || entry.ties().deleting {
            return plan;
        }
        let Some(account) = account_of(view.cache, &key.namespace, account, secret.annotation(ACCOUNT_UID))
        else {
            plan.then(Write::delete(SECRETS.object(key), entry.uid.clone()));
            return plan;
        };
        match self.filled(&secret, &account.uid) {
            Ok(filled) if filled != secret => {
                plan.then(Write::Update { target: SECRETS.object(key), object: filled });
            }
            Ok(_) => {}
            Err(error) => tracing::error!(secret = %key, error, "no token could be signed"),
        }
        plan
    }
}

/// The account, unless it is another one than the Secret was made for.
fn account_of(cache: &dyn Cache, namespace: &str, name: &str, uid: Option<&str>) -> Option<Arc<Entry>> {
    let account = cache.get(&SERVICE_ACCOUNTS.group_resource(), &ObjectKey::new(namespace, name))?;
    let same = uid.is_none_or(|uid| uid.is_empty() || uid == account.uid);
    same.then_some(account)
}

/// The token Secrets of an account that came or went.
fn secrets_of(change: &Change, cache: &dyn Cache) -> Vec<ObjectKey> {
    if change.old.is_some() && change.new.is_some() {
        return Vec::new();
    }
    let account = &change.entry().key;
    let secrets = cache.find(&SECRETS.group_resource(), &By::Field { name: "type", value: TYPE });
    let here = secrets.iter().filter(|secret| secret.key.namespace == account.namespace);
    let own = here.filter(|secret| secret.object().annotation(ACCOUNT) == Some(&account.name));
    own.map(|secret| secret.key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironclad_client::testing::Objects;
    use serde_json::{Value, json};

    struct Named;

    impl SecretTokens for Named {
        fn sign(&self, of: &AccountSecret<'_>) -> Result<String, String> {
            Ok(format!("{}/{}/{}/{}", of.namespace, of.account, of.account_uid, of.secret))
        }
    }

    fn secret(annotations: Value, data: Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": TYPE, "data": data,
            "metadata": { "name": "s", "namespace": "ns", "uid": "u-s", "annotations": annotations },
        })
    }

    /// The Secret's data as it is written, `deleted`, or nothing.
    fn outcome(secret: Value) -> Option<Value> {
        let world = Objects::default();
        let metadata = json!({ "name": "robot", "namespace": "ns", "uid": "u-1" });
        world.put("", "serviceaccounts", json!({ "kind": "ServiceAccount", "metadata": metadata }));
        world.put("", "secrets", secret);
        let controller = TokenSecrets::new("CA", Arc::new(Named));
        let view = View { cache: &world, last_failure: None };
        let plan = controller.reconcile(&view, &ObjectKey::new("ns", "s"), Timestamp::UNIX_EPOCH);
        match plan.stages.into_iter().flatten().next()? {
            Write::Update { object, .. } => {
                assert_eq!(object.annotation(ACCOUNT_UID), Some("u-1"));
                object.0.get("data").cloned()
            }
            Write::Delete { .. } => Some(json!("deleted")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_secret_gets_what_it_lacks_and_goes_with_its_account() {
        let code = |text: &str| STANDARD.encode(text);
        let robot = json!({ ACCOUNT: "robot" });
        let full = json!({ "ca.crt": code("CA"), "namespace": code("ns"), "token": code("ns/robot/u-1/s") });
        assert_eq!(outcome(secret(robot.clone(), json!({}))), Some(full.clone()));
        let done = json!({ ACCOUNT: "robot", ACCOUNT_UID: "u-1" });
        assert_eq!(outcome(secret(done.clone(), full)), None);
        let own = json!({ "token": code("mine"), "ca.crt": code("old"), "x": "eA==" });
        let mended =
            json!({ "ca.crt": code("CA"), "namespace": code("ns"), "token": code("mine"), "x": "eA==" });
        assert_eq!(outcome(secret(robot, own)), Some(mended));
        for gone in [json!({ ACCOUNT: "nobody" }), json!({ ACCOUNT: "robot", ACCOUNT_UID: "u-0" })] {
            assert_eq!(outcome(secret(gone, json!({}))), Some(json!("deleted")));
        }
        assert_eq!(outcome(secret(json!({}), json!({}))), None);
    }
}
