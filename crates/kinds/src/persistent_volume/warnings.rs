//! What of a volume is out of date.

use ironclad_api::{Object, Path};
use k8s_openapi::api::core::v1 as core;

use crate::node_labels::term_warnings;
use crate::spec::typed;

const ANNOTATIONS: [(&str, &str); 2] = [
    (
        "volume.beta.kubernetes.io/storage-class",
        "deprecated since v1.8; use \"storageClassName\" attribute instead",
    ),
    (super::MOUNT_OPTIONS, "deprecated since v1.31; use \"mountOptions\" attribute instead"),
];

pub(super) fn of(volume: &Object) -> Vec<String> {
    let annotations = Path::new("metadata").child("annotations");
    let given = ANNOTATIONS.iter().filter(|(key, _)| volume.annotation(key).is_some());
    let mut warnings: Vec<String> =
        given.map(|(key, text)| format!("{}: {text}", annotations.key(key))).collect();
    let volume: core::PersistentVolume = typed(volume);
    let Some(spec) = &volume.spec else { return warnings };
    let path = Path::new("spec");
    if spec.persistent_volume_reclaim_policy.as_deref() == Some("Recycle") {
        let text = "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.";
        warnings.push(format!("{}: {text}", path.child("persistentVolumeReclaimPolicy")));
    }
    let required = spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    let terms = path.child("nodeAffinity").child("required").child("nodeSelectorTerms");
    for (index, term) in required.iter().flat_map(|required| &required.node_selector_terms).enumerate() {
        warnings.extend(term_warnings(term, false, &terms.index(index)));
    }
    for (given, field, since, until) in [
        (spec.cephfs.is_some(), "cephfs", "1.28", "1.31"),
        (spec.photon_persistent_disk.is_some(), "photonPersistentDisk", "1.11", "1.16"),
        (spec.scale_io.is_some(), "scaleIO", "1.16", "1.22"),
        (spec.storageos.is_some(), "storageOS", "1.22", "1.25"),
        (spec.glusterfs.is_some(), "glusterfs", "1.25", "1.26"),
        (spec.rbd.is_some(), "rbd", "1.28", "1.31"),
    ] {
        let text = format!("{}: deprecated in v{since}, non-functional in v{until}+", path.child(field));
        warnings.extend(given.then_some(text));
    }
    warnings
}
