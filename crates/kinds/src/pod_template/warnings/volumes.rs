//! Volumes whose drivers are gone.

use ironclad_api::Path;
use k8s_openapi::api::core::v1 as core;

pub(super) fn warnings(volumes: &[core::Volume], path: &Path) -> Vec<String> {
    let each = volumes.iter().enumerate();
    each.flat_map(|(index, volume)| {
        let gone = [
            (
                volume.photon_persistent_disk.is_some(),
                "photonPersistentDisk",
                "v1.11, non-functional in v1.16+",
            ),
            (volume.git_repo.is_some(), "gitRepo", "v1.11, and disabled by default in v1.33+"),
            (volume.scale_io.is_some(), "scaleIO", "v1.16, non-functional in v1.22+"),
            (volume.flocker.is_some(), "flocker", "v1.22, non-functional in v1.25+"),
            (volume.storageos.is_some(), "storageOS", "v1.22, non-functional in v1.25+"),
            (volume.quobyte.is_some(), "quobyte", "v1.22, non-functional in v1.25+"),
            (volume.glusterfs.is_some(), "glusterfs", "v1.25, non-functional in v1.26+"),
            (volume.cephfs.is_some(), "cephfs", "v1.28, non-functional in v1.31+"),
            (volume.rbd.is_some(), "rbd", "v1.28, non-functional in v1.31+"),
        ];
        let gone = gone.into_iter().filter(|(given, _, _)| *given);
        gone.map(|(_, field, since)| format!("{}: deprecated in {since}", path.index(index).child(field)))
            .collect::<Vec<_>>()
    })
    .collect()
}
