//! Only volumes that the cluster itself provides. Restricted.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Check, Revision, host_path_volumes};
use crate::pod_security::pod::{Pod, text};
use crate::pod_security::verdict::{Verdict, Violation, plural, quoted};

pub(super) const CHECK: Check = Check {
    id: "restrictedVolumes",
    revisions: &[Revision::since(0, volumes).replacing(host_path_volumes::ID)],
};

const ALLOWED: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// In the order in which upstream looks for them, should a volume have several.
const FORBIDDEN: [&str; 21] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
];

fn volumes(pod: &Pod<'_>) -> Verdict {
    let has = |volume: &Value, source: &str| !volume[source].is_null();
    let bad: Vec<&Value> =
        pod.volumes().filter(|volume| !ALLOWED.iter().any(|source| has(volume, source))).collect();
    let source_of =
        |volume: &&Value| FORBIDDEN.into_iter().find(|source| has(volume, source)).unwrap_or("unknown");
    let sources: BTreeSet<&str> = bad.iter().map(source_of).collect();
    (!bad.is_empty()).then(|| Violation {
        reason: "restricted volume types",
        detail: format!(
            "{} {} {} {} {}",
            plural("volume", "volumes", bad.len()),
            quoted(bad.iter().map(|volume| text(&volume["name"]))),
            plural("uses", "use", bad.len()),
            plural("restricted volume type", "restricted volume types", sources.len()),
            quoted(&sources)
        ),
    })
}
