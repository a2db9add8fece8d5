//! `v1 PersistentVolume`.
//!
//! Source: <https://kubernetes.io/docs/concepts/storage/persistent-volumes/>.

mod columns;
#[cfg(test)]
mod tests;
mod update;
mod warnings;

use ironclad_api::{FieldError, Object, Path, Status, time};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use k8s_openapi::api::core::v1 as core;
use serde_json::{Value, json};

use crate::fields::value_at;
use crate::resource_lists;
use crate::spec::{default_to, names, spec, typed};
use crate::volume_rules::persistent;

const PENDING: &str = "Pending";
const TRANSITION: &str = "lastPhaseTransitionTime";
const MOUNT_OPTIONS: &str = "volume.beta.kubernetes.io/mount-options";

pub struct PersistentVolume {
    spec: KindSpec,
}

impl PersistentVolume {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["pv"]),
                columns: columns::all(),
                subresources: vec![Subresource::status()],
                ..spec("", "v1", "PersistentVolume", "persistentvolumes", Scope::Cluster)
            },
        }
    }
}

impl Default for PersistentVolume {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for PersistentVolume {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn default(&self, volume: &mut Object) {
        let status = volume.section_mut("status");
        if status.get("phase").and_then(Value::as_str).unwrap_or_default().is_empty() {
            status.insert("phase".into(), PENDING.into());
        }
        let spec = volume.section_mut("spec");
        crate::pod_template::defaults::text_default(spec, "persistentVolumeReclaimPolicy", "Retain");
        default_to(spec, "volumeMode", "Filesystem");
        resource_lists::round(spec, "capacity");
        crate::pod_template::volume_defaults::drivers(spec);
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        let now = time::format(preparation.now);
        match (old, preparation.part) {
            (None, _) => drop(new.0.insert("status".into(), json!({"phase": PENDING, TRANSITION: now}))),
            (Some(old), Part::Status) => stamp(new, old, &now),
            (Some(_), Part::Main | Part::Named(_)) => {}
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        if preparation.part != Part::Main {
            return Vec::new();
        }
        let volume: core::PersistentVolume = typed(new);
        let old_typed: Option<core::PersistentVolume> = old.map(typed);
        let lenient = old_typed.as_ref().is_some_and(update::has_invalid_label_value);
        let spec = volume.spec.clone().unwrap_or_default();
        let mut errors = persistent::spec(&spec, new.name(), lenient, &Path::new("spec"));
        errors.extend(mount_options(new, &spec));
        errors.extend(old.into_iter().flat_map(|old| update::validate(new, old)));
        errors
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        warnings::of(new)
    }
}

/// When the phase changes without its time, the time is now.
fn stamp(new: &mut Object, old: &Object, now: &str) {
    let part = |volume: &Object, field: &str| value_at(volume, &["status", field]);
    let (was, is) = (part(old, TRANSITION), part(new, TRANSITION));
    let time = match part(old, "phase") == part(new, "phase") {
        true if is.is_null() => was,
        false if is.is_null() || is == was => now.into(),
        _ => return,
    };
    if !time.is_null() {
        new.section_mut("status").insert(TRANSITION.into(), time);
    }
}

/// The annotation of old works with some drivers only.
fn mount_options(volume: &Object, spec: &core::PersistentVolumeSpec) -> Option<FieldError> {
    let mounts = spec.gce_persistent_disk.is_some()
        || spec.aws_elastic_block_store.is_some()
        || spec.glusterfs.is_some()
        || spec.nfs.is_some()
        || spec.rbd.is_some()
        || spec.quobyte.is_some()
        || spec.iscsi.is_some()
        || spec.cinder.is_some()
        || spec.cephfs.is_some()
        || spec.azure_file.is_some()
        || spec.vsphere_volume.is_some()
        || spec.azure_disk.is_some()
        || spec.photon_persistent_disk.is_some();
    let path = Path::new("metadata").child("annotations").child(MOUNT_OPTIONS);
    let given = volume.annotation(MOUNT_OPTIONS).is_some();
    (given && !mounts)
        .then(|| FieldError::forbidden(&path, "may not specify mount options for this volume type"))
}
