//! What a pod's specification refers to by name.

use ironclad_api::Object;
use serde_json::Value;

/// Where a volume names a secret, by its source.
const SECRETS: [&[&str]; 10] = [
    &["secret", "secretName"],
    &["azureFile", "secretName"],
    &["cephfs", "secretRef", "name"],
    &["cinder", "secretRef", "name"],
    &["flexVolume", "secretRef", "name"],
    &["iscsi", "secretRef", "name"],
    &["rbd", "secretRef", "name"],
    &["scaleIO", "secretRef", "name"],
    &["storageos", "secretRef", "name"],
    &["csi", "nodePublishSecretRef", "name"],
];

/// Volume sources that need nothing of the API.
const OF_NODE: [&str; 22] = [
    "awsElasticBlockStore",
    "azureDisk",
    "cephfs",
    "cinder",
    "downwardAPI",
    "emptyDir",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

/// Those that need something, and what.
const OF_API: [(&str, &str); 7] = [
    ("configMap", "configmaps (via configmap volumes)"),
    ("secret", "secrets (via secret volumes)"),
    ("csi", "csidrivers (via CSI volumes)"),
    ("glusterfs", "endpoints (via glusterFS volumes)"),
    ("persistentVolumeClaim", "persistentvolumeclaims"),
    ("ephemeral", "persistentvolumeclaims (via ephemeral volumes)"),
    ("azureFile", "secrets (via azureFile volumes)"),
];

/// The same of projected volumes.
const PROJECTED: [(&str, &str); 5] = [
    ("configMap", "configmaps (via projected volumes)"),
    ("secret", "secrets (via projected volumes)"),
    ("serviceAccountToken", "serviceaccounts (via projected volumes)"),
    ("clusterTrustBundle", "clustertrustbundles"),
    ("podCertificate", "podcertificates"),
];

/// Whether the pod names a secret, for whatever use.
pub(super) fn names_secrets(pod: &Object) -> bool {
    let pull = list(pod, "imagePullSecrets").map(|secret| &secret["name"]);
    let volumes = list(pod, "volumes").flat_map(|volume| {
        let plain = SECRETS.iter().map(move |path| path.iter().fold(volume, |value, step| &value[*step]));
        plain.chain(sources(volume).map(|source| &source["secret"]["name"]))
    });
    pull.chain(volumes).chain(env(pod, "secretKeyRef", "secretRef")).any(is_name)
}

fn names_config_maps(pod: &Object) -> bool {
    let volumes = list(pod, "volumes").flat_map(|volume| {
        let projected = sources(volume).map(|source| &source["configMap"]["name"]);
        projected.chain([&volume["configMap"]["name"]])
    });
    volumes.chain(env(pod, "configMapKeyRef", "configMapRef")).any(is_name)
}

/// The kind of API object that a pod refers to, if it does; `Err` where that cannot be told.
pub(super) fn kind_referred_to(pod: &Object) -> Result<Option<&'static str>, String> {
    let first = [
        (!pod.str_at(&["spec", "serviceAccountName"]).is_empty(), "serviceaccounts"),
        (names_secrets(pod), "secrets"),
        (names_config_maps(pod), "configmaps"),
        (list(pod, "resourceClaims").next().is_some(), "resourceclaims"),
    ];
    if let Some((_, kind)) = first.into_iter().find(|(refers, _)| *refers) {
        return Ok(Some(kind));
    }
    for volume in list(pod, "volumes") {
        if let Some(kind) = of_volume(volume)? {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

fn of_volume(volume: &Value) -> Result<Option<&'static str>, String> {
    let name = || ironclad_api::goprint::quote(volume["name"].as_str().unwrap_or_default());
    if OF_NODE.iter().any(|source| volume[*source].is_object()) {
        return Ok(None);
    }
    if let Some((_, kind)) = OF_API.iter().find(|(source, _)| volume[*source].is_object()) {
        return Ok(Some(kind));
    }
    if !volume["projected"].is_object() {
        return Err(format!("unknown volume type for volume  {}", name()));
    }
    for source in sources(volume) {
        match PROJECTED.iter().find(|(of, _)| source[*of].is_object()) {
            Some((_, kind)) => return Ok(Some(kind)),
            None if source["downwardAPI"].is_object() => {}
            None => return Err(format!("unknown source for projected volume {}", name())),
        }
    }
    Ok(None)
}

fn is_name(value: &Value) -> bool {
    value.as_str().is_some_and(|name| !name.is_empty())
}

/// A list of the pod's specification.
pub(super) fn list<'a>(pod: &'a Object, field: &str) -> impl Iterator<Item = &'a Value> {
    pod.at(&["spec", field]).and_then(Value::as_array).into_iter().flatten()
}

/// The sources of a projected volume.
pub(super) fn sources(volume: &Value) -> impl Iterator<Item = &Value> {
    volume["projected"]["sources"].as_array().into_iter().flatten()
}

/// What the environments of all containers take from objects, by key and whole.
fn env<'a>(pod: &'a Object, key: &'static str, whole: &'static str) -> impl Iterator<Item = &'a Value> {
    let containers = ["initContainers", "containers", "ephemeralContainers"];
    containers.into_iter().flat_map(|field| list(pod, field)).flat_map(move |container| {
        let keys = container["env"].as_array().into_iter().flatten();
        let keys = keys.map(move |variable| &variable["valueFrom"][key]["name"]);
        let from = container["envFrom"].as_array().into_iter().flatten();
        keys.chain(from.map(move |source| &source[whole]["name"]))
    })
}
