//! ServiceAccount: every pod runs as one, which must exist, and gets its token mounted.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/>.

use ironclad_api::{Object, ObjectKey, Status, names};
use ironclad_client::typed::CacheExt;
use ironclad_engine::gate::AdmissionRequest;
use ironclad_env::EnvironmentExt;
use k8s_openapi::api::core::v1 as api;
use serde_json::{Map, Value, json};

use super::{core, creates_pod, forbidden};
use crate::{Cluster, Plugin};

const DEFAULT: &str = "default";
const MIRROR: &str = "kubernetes.io/config.mirror";
const VOLUME_PREFIX: &str = "kube-api-access-";
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// An hour and seven seconds: what marks a token of a client that may not renew it in time.
const TOKEN_SECONDS: i64 = 3607;

pub(super) struct ServiceAccount;

impl Plugin for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        if !creates_pod(request) || is_mirror(request) {
            return Ok(());
        }
        let Some(pod) = request.object.as_mut() else { return Ok(()) };
        if pod.str_at(&["spec", "serviceAccountName"]).is_empty() {
            pod.section_mut("spec").insert("serviceAccountName".into(), DEFAULT.into());
        }
        let name = pod.str_at(&["spec", "serviceAccountName"]).to_owned();
        let account = find(request, cluster, &name)?;
        let Some(pod) = request.object.as_mut() else { return Ok(()) };
        pod.section_mut("spec").insert("serviceAccount".into(), name.into());
        if wants_token(pod, &account) {
            mount_token(pod.section_mut("spec"), || names::suffix(cluster.env.random_u64()));
        }
        add_pull_secrets(pod.section_mut("spec"), &account);
        Ok(())
    }

    fn validate(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        if !creates_pod(request) {
            return Ok(());
        }
        let name = request
            .object
            .as_ref()
            .map(|pod| pod.str_at(&["spec", "serviceAccountName"]))
            .unwrap_or_default();
        match (is_mirror(request), name) {
            (true, "") => Ok(()),
            (true, _) => Err(forbidden(request, "a mirror pod may not reference service accounts")),
            (false, name) => find(request, cluster, name).map(drop),
        }
    }
}

/// A pod that an agent shows for one of its own files.
fn is_mirror(request: &AdmissionRequest<'_>) -> bool {
    request.object.as_ref().is_some_and(|pod| pod.annotation(MIRROR).is_some())
}

fn find(
    request: &AdmissionRequest<'_>,
    cluster: &Cluster<'_>,
    name: &str,
) -> Result<std::sync::Arc<api::ServiceAccount>, Status> {
    let key = ObjectKey::new(request.target.namespace.clone(), name);
    let account = cluster.cache.get_as::<api::ServiceAccount>(&core("serviceaccounts"), &key);
    account.ok_or_else(|| {
        let why = format!("error looking up service account {key}: serviceaccount \"{name}\" not found");
        forbidden(request, why)
    })
}

/// The pod's word counts before the account's; both default to yes.
fn wants_token(pod: &Object, account: &api::ServiceAccount) -> bool {
    let own = pod.at(&["spec", "automountServiceAccountToken"]).and_then(Value::as_bool);
    own.or(account.automount_service_account_token).unwrap_or(true)
}

fn add_pull_secrets(spec: &mut Map<String, Value>, account: &api::ServiceAccount) {
    let given =
        spec.get("imagePullSecrets").and_then(Value::as_array).is_some_and(|secrets| !secrets.is_empty());
    let secrets = account.image_pull_secrets.as_deref().unwrap_or_default();
    if !given && !secrets.is_empty() {
        spec.insert("imagePullSecrets".into(), json!(secrets));
    }
}

/// Mounts the token volume into every container that has nothing at its path yet.
fn mount_token(spec: &mut Map<String, Value>, suffix: impl FnOnce() -> String) {
    let existing = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    let existing =
        existing.filter_map(|volume| volume["name"].as_str()).find(|name| name.starts_with(VOLUME_PREFIX));
    let known = existing.map(str::to_owned);
    let name = known.clone().unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", suffix()));
    let mut needed = false;
    for field in ["initContainers", "containers"] {
        let containers = spec.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers.filter_map(Value::as_object_mut) {
            needed |= mount(container, &name);
        }
    }
    if needed && known.is_none() {
        push(spec, "volumes", json!({ "name": name, "projected": token_volume() }));
    }
}

fn mount(container: &mut Map<String, Value>, volume: &str) -> bool {
    let mounts = container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten();
    let taken = mounts.into_iter().any(|mount| mount["mountPath"] == MOUNT_PATH);
    if !taken {
        push(container, "volumeMounts", json!({ "name": volume, "readOnly": true, "mountPath": MOUNT_PATH }));
    }
    !taken
}

fn push(parent: &mut Map<String, Value>, field: &str, item: Value) {
    match parent.entry(field).or_insert(Value::Null) {
        Value::Array(list) => list.push(item),
        other => *other = json!([item]),
    }
}

fn token_volume() -> Value {
    json!({
        "defaultMode": 0o644,
        "sources": [
            { "serviceAccountToken": { "path": "token", "expirationSeconds": TOKEN_SECONDS } },
            { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
            { "downwardAPI": { "items": [{
                "path": "namespace",
                "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" },
            }] } },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => panic!("an object"),
        }
    }

    #[test]
    fn every_container_without_a_mount_of_its_own_gets_the_token() {
        let mut pod = spec(json!({
            "initContainers": [{ "name": "i" }],
            "containers": [{ "name": "a" }, { "name": "b", "volumeMounts": [{ "name": "x", "mountPath": MOUNT_PATH }] }],
        }));
        mount_token(&mut pod, || "abcde".into());
        assert_eq!(pod["initContainers"][0]["volumeMounts"][0]["name"], "kube-api-access-abcde");
        assert_eq!(pod["containers"][0]["volumeMounts"][0]["name"], "kube-api-access-abcde");
        assert_eq!(pod["containers"][1]["volumeMounts"].as_array().map(Vec::len), Some(1));
        assert_eq!(pod["volumes"][0]["name"], "kube-api-access-abcde");
    }

    #[test]
    fn a_volume_that_nobody_needs_is_not_added() {
        let mut pod = spec(json!({ "containers": [{ "volumeMounts": [{ "mountPath": MOUNT_PATH }] }] }));
        mount_token(&mut pod, || "abcde".into());
        assert!(!pod.contains_key("volumes"));
    }

    #[test]
    fn the_pods_word_counts_before_the_accounts() {
        for (pod, account, expected) in [
            (None, None, true),
            (None, Some(false), false),
            (Some(true), Some(false), true),
            (Some(false), Some(true), false),
        ] {
            let object = Object::from_value(json!({ "spec": { "automountServiceAccountToken": pod } }));
            let account =
                api::ServiceAccount { automount_service_account_token: account, ..Default::default() };
            assert_eq!(wants_token(&object.expect("an object"), &account), expected, "{pod:?}");
        }
    }
}
