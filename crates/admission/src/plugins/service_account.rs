//! ServiceAccount: every pod runs as one, which must exist, and gets its token mounted.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/>.

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{Object, ObjectKey, Status, names};
use ironclad_client::typed::CacheExt;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use ironclad_env::{BoxFuture, EnvironmentExt};
use k8s_openapi::api::core::v1 as api;
use serde_json::{Map, Value, json};

use super::{core, creates_pod, forbidden, is_about, pod_references};
use crate::{Cluster, Pass, WaitingPlugin};

const DEFAULT: &str = "default";
const MIRROR: &str = "kubernetes.io/config.mirror";
const VOLUME_PREFIX: &str = "kube-api-access-";
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// An hour and seven seconds: what marks a token of a client that may not renew it in time.
const TOKEN_SECONDS: i64 = 3607;
/// On an account that lists the secrets which its pods may use.
const ENFORCE: &str = "kubernetes.io/enforce-mountable-secrets";
/// A namespace that was just made gets its default account a moment later.
const PATIENCE: Duration = Duration::from_millis(1500);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) struct ServiceAccount;

impl WaitingPlugin for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
        _: &'a mut Pass,
    ) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(async move {
            match creates_pod(request) && !is_mirror(request) {
                true => complete(request, cluster).await,
                false => Ok(()),
            }
        })
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
    ) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(std::future::ready(check(request, cluster)))
    }
}

/// Gives a pod its account, and what the account gives its pods.
async fn complete(request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
    let given = request.object.as_ref().map(|pod| pod.str_at(&["spec", "serviceAccountName"]).to_owned());
    let name = given.filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT.to_owned());
    if name == DEFAULT {
        await_default(request, cluster).await;
    }
    let account = find(request, cluster, &name)?;
    let Some(pod) = request.object.as_mut() else { return Ok(()) };
    let spec = pod.section_mut("spec");
    spec.insert("serviceAccountName".into(), name.as_str().into());
    spec.insert("serviceAccount".into(), name.into());
    if wants_token(pod, &account) {
        mount_token(pod.section_mut("spec"), || names::suffix(cluster.env.random_u64()));
    }
    add_pull_secrets(pod.section_mut("spec"), &account);
    Ok(())
}

async fn await_default(request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) {
    let key = ObjectKey::new(request.target.namespace.clone(), DEFAULT);
    let end = cluster.env.elapsed() + PATIENCE;
    while cluster.cache.get(&core("serviceaccounts"), &key).is_none() && cluster.env.elapsed() < end {
        cluster.env.sleep(LOOK_AGAIN).await;
    }
}

fn check(request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
    let Some(pod) = request.object.as_deref() else { return Ok(()) };
    let updates = request.operation == AdmissionOperation::Update;
    let new_containers = updates && is_about(request, "", "pods", "ephemeralcontainers");
    if !creates_pod(request) && !new_containers {
        return Ok(());
    }
    if is_mirror(request) && !new_containers {
        return check_mirror(pod).map_err(|why| forbidden(request, why));
    }
    let name = pod.str_at(&["spec", "serviceAccountName"]);
    if name.is_empty() {
        let pod = ObjectKey::new(request.target.namespace.clone(), pod.name());
        return Err(forbidden(request, format!("no service account specified for pod {pod}")));
    }
    let account = find(request, cluster, name)?;
    let allowed = Allowed { account: &account };
    let refused = match (allowed.are_listed(), new_containers) {
        (false, _) => Ok(()),
        (true, true) => allowed.in_containers(pod, "ephemeralContainers", "ephemeral container"),
        (true, false) => allowed.in_pod(pod),
    };
    refused.map_err(|why| forbidden(request, why))
}

/// What an agent shows of its own files needs nothing that others could not give it.
fn check_mirror(pod: &Object) -> Result<(), &'static str> {
    if !pod.str_at(&["spec", "serviceAccountName"]).is_empty() {
        return Err("a mirror pod may not reference service accounts");
    }
    if pod_references::names_secrets(pod) {
        return Err("a mirror pod may not reference secrets");
    }
    let sources = pod_references::list(pod, "volumes").flat_map(pod_references::sources);
    match sources.into_iter().any(|source| source["serviceAccountToken"].is_object()) {
        true => Err("a mirror pod may not use ServiceAccountToken volume projections"),
        false => Ok(()),
    }
}

/// The secrets that an account lets its pods use.
struct Allowed<'a> {
    account: &'a api::ServiceAccount,
}

impl Allowed<'_> {
    /// Whether pods are held to them at all.
    fn are_listed(&self) -> bool {
        let annotations = self.account.metadata.annotations.as_ref();
        let given = annotations.and_then(|annotations| annotations.get(ENFORCE));
        given.is_some_and(|given| ["1", "t", "T", "true", "TRUE", "True"].contains(&given.as_str()))
    }

    fn account_name(&self) -> &str {
        self.account.metadata.name.as_deref().unwrap_or_default()
    }

    /// `what` is refused unless the account lists the secret.
    fn secret(&self, name: &Value, what: impl FnOnce() -> String) -> Result<(), String> {
        let Some(name) = name.as_str() else { return Ok(()) };
        let mut listed = self.account.secrets.iter().flatten();
        match listed.any(|secret| secret.name.as_deref() == Some(name)) {
            true => Ok(()),
            false => Err(format!(
                "{} secret.secretName=\"{name}\" is not allowed because service account {} does not reference that secret",
                what(),
                self.account_name()
            )),
        }
    }

    fn in_pod(&self, pod: &Object) -> Result<(), String> {
        for volume in pod_references::list(pod, "volumes") {
            self.secret(&volume["secret"]["secretName"], || "volume with".to_owned())?;
        }
        self.in_containers(pod, "initContainers", "init container")?;
        self.in_containers(pod, "containers", "container")?;
        for (index, secret) in pod_references::list(pod, "imagePullSecrets").enumerate() {
            let name = secret["name"].as_str().unwrap_or_default();
            if !self.account.image_pull_secrets.iter().flatten().any(|listed| listed.name == name) {
                return Err(format!(
                    "imagePullSecrets[{index}].name=\"{name}\" is not allowed because service account {} does not reference that imagePullSecret",
                    self.account_name()
                ));
            }
        }
        Ok(())
    }

    fn in_containers(&self, pod: &Object, field: &str, words: &str) -> Result<(), String> {
        for container in pod_references::list(pod, field) {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let name = text(&container["name"]);
            for variable in container["env"].as_array().into_iter().flatten() {
                self.secret(&variable["valueFrom"]["secretKeyRef"]["name"], || {
                    format!("{words} {name} with envVar {} referencing", text(&variable["name"]))
                })?;
            }
            for source in container["envFrom"].as_array().into_iter().flatten() {
                self.secret(&source["secretRef"]["name"], || {
                    format!("{words} {name} with envFrom referencing")
                })?;
            }
        }
        Ok(())
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
) -> Result<Arc<api::ServiceAccount>, Status> {
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

    /// What is said of a pod whose account lists the secret `listed`, or of one without any.
    fn told(account: Value, metadata: Value, spec: Value) -> Option<String> {
        let world = ironclad_client::testing::Objects::default();
        world.put("", "serviceaccounts", account);
        let pod = Object::from_value(json!({ "metadata": metadata, "spec": spec })).expect("an object");
        let context = ironclad_engine::gate::Context::default();
        let ask = crate::testing::Ask::create("a", ("", "pods"), pod);
        let env = ironclad_env::SimEnv::new(1).shared();
        let told = crate::testing::hold(&world, &context, ask, |request, cache| {
            check(request, &Cluster { cache, env: &env })
        });
        Some(told.err()?.message.split_once(": ")?.1.to_owned())
    }

    #[test]
    fn an_account_may_list_the_secrets_of_its_pods() {
        let account = |enforced: &str| {
            json!({
                "metadata": { "name": "robot", "namespace": "a", "annotations": { ENFORCE: enforced } },
                "secrets": [{ "name": "listed" }], "imagePullSecrets": [{ "name": "pull" }],
            })
        };
        let check = |enforced: &str, spec: Value, want: Option<&str>| {
            let mut spec = spec;
            spec["serviceAccountName"] = json!("robot");
            assert_eq!(
                told(account(enforced), json!({ "name": "p" }), spec.clone()).as_deref(),
                want,
                "{spec}"
            );
        };
        let volume = |name: &str| json!({ "volumes": [{ "name": "v", "secret": { "secretName": name } }] });
        check("true", volume("listed"), None);
        check("false", volume("other"), None);
        check(
            "true",
            volume("other"),
            Some(
                "volume with secret.secretName=\"other\" is not allowed because service account robot does not reference that secret",
            ),
        );
        let from = json!([{ "secretRef": { "name": "other" } }]);
        check(
            "1",
            json!({ "initContainers": [{ "name": "i", "envFrom": from }] }),
            Some(
                "init container i with envFrom referencing secret.secretName=\"other\" is not allowed because service account robot does not reference that secret",
            ),
        );
        let variable = json!([{ "name": "E", "valueFrom": { "secretKeyRef": { "name": "other" } } }]);
        check(
            "true",
            json!({ "containers": [{ "name": "c", "env": variable }] }),
            Some(
                "container c with envVar E referencing secret.secretName=\"other\" is not allowed because service account robot does not reference that secret",
            ),
        );
        check(
            "true",
            json!({ "imagePullSecrets": [{ "name": "pull" }, { "name": "other" }] }),
            Some(
                "imagePullSecrets[1].name=\"other\" is not allowed because service account robot does not reference that imagePullSecret",
            ),
        );
    }

    #[test]
    fn a_mirror_pod_uses_no_secrets() {
        let check = |spec: Value, want: Option<&str>| {
            let metadata = json!({ "name": "p", "annotations": { MIRROR: "x" } });
            assert_eq!(
                told(json!({ "metadata": { "name": "robot" } }), metadata, spec.clone()).as_deref(),
                want,
                "{spec}"
            );
        };
        check(json!({}), None);
        check(json!({ "serviceAccountName": "x" }), Some("a mirror pod may not reference service accounts"));
        check(
            json!({ "volumes": [{ "secret": { "secretName": "s" } }] }),
            Some("a mirror pod may not reference secrets"),
        );
        check(
            json!({ "volumes": [{ "projected": { "sources": [{ "serviceAccountToken": {} }] } }] }),
            Some("a mirror pod may not use ServiceAccountToken volume projections"),
        );
    }
}
