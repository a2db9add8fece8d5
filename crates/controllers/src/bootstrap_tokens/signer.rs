//! Signs the kubeconfig in the ConfigMap `kube-public/cluster-info` with every bootstrap token that may sign, so
//! that a machine which knows a token can tell that what it reads there is from this cluster.
//!
//! A signature is a JSON Web Signature without its payload, made with HMAC-SHA-256 under the token's secret.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ironclad_api::bootstrap_token::{BootstrapToken, Expiry, NAME_PREFIX, NAMESPACE, TYPE};
use ironclad_api::{Object, ObjectKey};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::until;
use crate::resources::{CONFIG_MAPS, SECRETS};

const PUBLIC: &str = "kube-public";
const CLUSTER_INFO: &str = "cluster-info";
const SIGNATURE: &str = "jws-kubeconfig-";

pub struct BootstrapSigner;

impl Controller for BootstrapSigner {
    fn name(&self) -> &'static str {
        "bootstrap-signer"
    }

    fn watches(&self) -> Vec<Watch> {
        let cluster_info = || vec![ObjectKey::new(PUBLIC, CLUSTER_INFO)];
        vec![
            Watch::new(CONFIG_MAPS.group_resource(), move |change, _| {
                let key = &change.entry().key;
                let ours = key.namespace == PUBLIC && key.name == CLUSTER_INFO;
                if ours { cluster_info() } else { Vec::new() }
            }),
            Watch::new(SECRETS.group_resource(), move |change, _| {
                let entry = change.entry();
                let ours = entry.key.namespace == NAMESPACE && entry.field("type") == Some(TYPE);
                if ours { cluster_info() } else { Vec::new() }
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(map) = view.cache.get(&CONFIG_MAPS.group_resource(), key) else { return plan };
        let tokens = signing_tokens(view, now);
        let ends = tokens.iter().filter_map(|token| match token.expiry(now) {
            Expiry::At(end) => Some(end),
            Expiry::Never | Expiry::Expired => None,
        });
        if let Some(end) = ends.min() {
            plan.requeue_in(until(end, now));
        }
        if let Some(object) = signed(map.object(), &tokens) {
            plan.then(Write::Update { target: CONFIG_MAPS.object(key), object });
        }
        plan
    }
}

/// Those that may sign now, in the order of their names.
fn signing_tokens(view: &View<'_>, now: Timestamp) -> Vec<BootstrapToken> {
    let secrets = view.cache.list(&SECRETS.group_resource(), Some(NAMESPACE));
    let named = secrets.iter().filter_map(|entry| Some((entry.key.name.strip_prefix(NAME_PREFIX)?, entry)));
    let tokens = named.filter_map(|(id, entry)| {
        let token = BootstrapToken::of(&entry.object())?;
        let good = token.id == id && !token.secret.is_empty() && token.signs;
        (good && token.expiry(now) != Expiry::Expired).then_some(token)
    });
    tokens.collect()
}

/// The ConfigMap with exactly the signatures of these tokens; `None` if it has them already, or nothing to sign.
fn signed(mut map: Object, tokens: &[BootstrapToken]) -> Option<Object> {
    let content = map.at(&["data", "kubeconfig"])?.as_str()?.to_owned();
    let data = map.section_mut("data");
    let old = signatures(data);
    data.retain(|key, _| !key.starts_with(SIGNATURE));
    for token in tokens {
        data.insert(format!("{SIGNATURE}{}", token.id), detached(&content, token).into());
    }
    (signatures(data) != old).then_some(map)
}

fn signatures(data: &Map<String, Value>) -> Map<String, Value> {
    let all = data.iter().filter(|(key, _)| key.starts_with(SIGNATURE));
    all.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// `HEADER..SIGNATURE`
fn detached(content: &str, token: &BootstrapToken) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "HS256", "kid": token.id }).to_string());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(content));
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.secret.as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str) -> BootstrapToken {
        BootstrapToken {
            id: id.into(),
            secret: "abcdefghijklmnop".into(),
            expiration: String::new(),
            authenticates: false,
            signs: true,
            extra_groups: String::new(),
        }
    }

    /// Upstream's own example (`cluster-bootstrap/token/jws`).
    #[test]
    fn a_signature_is_upstreams() {
        assert_eq!(
            detached(
                "Hello from the other side. I must have called a thousand times.",
                &BootstrapToken { secret: "my voice is my passcode".into(), ..token("joshua") }
            ),
            "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8"
        );
    }

    #[test]
    fn the_map_has_the_signatures_of_the_tokens_that_there_are() {
        let map = |extra: Value| {
            let mut data = json!({ "kubeconfig": "K" });
            for (key, value) in extra.as_object().into_iter().flatten() {
                data[key.as_str()] = value.clone();
            }
            Object::from_value(json!({ "metadata": { "name": CLUSTER_INFO }, "data": data }))
                .expect("an object")
        };
        let signature = detached("K", &token("abc123"));
        let right = json!({ "jws-kubeconfig-abc123": signature });
        let check = |extra: Value, tokens: &[&str], expected: Option<Value>| {
            let tokens: Vec<_> = tokens.iter().map(|id| token(id)).collect();
            assert_eq!(signed(map(extra.clone()), &tokens), expected.map(map), "{extra} {tokens:?}");
        };
        check(json!({}), &[], None);
        check(json!({}), &["abc123"], Some(right.clone()));
        check(right.clone(), &["abc123"], None);
        check(json!({ "jws-kubeconfig-abc123": "old" }), &["abc123"], Some(right.clone()));
        check(json!({ "jws-kubeconfig-gone00": "old", "mine": "x" }), &[], Some(json!({ "mine": "x" })));
        let empty = Object::from_value(json!({ "data": {} })).expect("an object");
        assert_eq!(signed(empty, &[token("abc123")]), None);
    }
}
