//! Volumes: their names, that each has one source, and the sources of today. Those of the
//! in-tree drivers of old are in [`old_volumes`].

use std::collections::{BTreeMap, BTreeSet};

use ironclad_api::goprint::quote;
use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::scene::Owner;
use super::{
    Errors, containers, field_refs, items, old_volumes, one_of, paths, projected, quantity, required, text,
    volume_claims,
};

/// What files of a downward API volume may show.
const VOLUME_FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
const HOST_PATH_TYPES: &[&str] =
    &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// The valid volumes by name, and what is wrong with the others.
pub(super) fn volumes<'a>(
    volumes: &'a [core::Volume],
    owner: Owner<'_>,
    path: &Path,
) -> (BTreeMap<&'a str, &'a core::Volume>, Errors) {
    let created: BTreeSet<String> = created_claims(volumes, owner).collect();
    let (mut valid, mut errors) = (BTreeMap::new(), Errors::new());
    for (index, volume) in volumes.iter().enumerate() {
        let path = path.index(index);
        let name = path.child("name");
        let mut faults = source(volume, owner, &path);
        faults.extend(match volume.name.as_str() {
            "" => vec![FieldError::required(&name, "")],
            given => validation::invalid_each(&name, given, validation::dns1123_label(given)),
        });
        if valid.contains_key(volume.name.as_str()) {
            faults.push(FieldError::duplicate(&name, &volume.name));
        }
        if faults.is_empty() {
            valid.insert(volume.name.as_str(), volume);
        }
        errors.extend(faults);
        let claim = volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.as_str());
        if let Some(claim) = claim.filter(|claim| created.contains(*claim)) {
            let detail = "must not reference a PVC that gets created for an ephemeral volume";
            errors.push(FieldError::invalid(&path.child("persistentVolumeClaim.claimName"), claim, detail));
        }
    }
    (valid, errors)
}

/// The claims that will be made for the pod's ephemeral volumes.
fn created_claims<'a>(volumes: &'a [core::Volume], owner: Owner<'a>) -> impl Iterator<Item = String> + 'a {
    let ephemeral = volumes.iter().filter(|volume| volume.ephemeral.is_some());
    ephemeral.filter_map(move |volume| Some(format!("{}-{}", owner.pod_name()?, volume.name)))
}

fn source(volume: &core::Volume, owner: Owner<'_>, path: &Path) -> Errors {
    let mut given =
        sources(volume, owner, path).into_iter().filter_map(|(field, errors)| Some((field, errors?)));
    let Some((_, mut errors)) = given.next() else {
        return vec![FieldError::required(path, "must specify a volume type")];
    };
    let detail = "may not specify more than 1 volume type";
    errors.extend(given.map(|(field, _)| FieldError::forbidden(&path.child(field), detail)));
    errors.extend(old_volumes::iscsi_name(volume, path));
    errors
}

/// Every source in upstream's order, under the name by which a second one is refused, and what is
/// wrong with it where it is given.
fn sources(volume: &core::Volume, owner: Owner<'_>, path: &Path) -> Vec<(&'static str, Option<Errors>)> {
    let at = |field: &str| path.child(field);
    vec![
        ("emptyDir", volume.empty_dir.as_ref().map(|source| empty_dir(source, &at("emptyDir")))),
        ("hostPath", volume.host_path.as_ref().map(|source| host_path(source, &at("hostPath")))),
        ("gitRepo", old_volumes::git_repo(volume, path)),
        ("gcePersistentDisk", old_volumes::gce(volume, path)),
        ("awsElasticBlockStore", old_volumes::aws(volume, path)),
        ("secret", volume.secret.as_ref().map(|source| secret(source, &at("secret")))),
        ("nfs", volume.nfs.as_ref().map(|source| nfs(source, &at("nfs")))),
        ("iscsi", old_volumes::iscsi(volume, path)),
        ("glusterfs", old_volumes::glusterfs(volume, path)),
        ("flocker", old_volumes::flocker(volume, path)),
        (
            "persistentVolumeClaim",
            volume.persistent_volume_claim.as_ref().map(|source| {
                required(&at("persistentVolumeClaim"), "claimName", &source.claim_name).into_iter().collect()
            }),
        ),
        ("rbd", old_volumes::rbd(volume, path)),
        ("cinder", old_volumes::cinder(volume, path)),
        ("cephFS", old_volumes::cephfs(volume, path)),
        ("quobyte", old_volumes::quobyte(volume, path)),
        ("downwarAPI", volume.downward_api.as_ref().map(|source| downward(source, &at("downwardAPI")))),
        ("fc", old_volumes::fc(volume, path)),
        ("flexVolume", old_volumes::flex(volume, path)),
        ("configMap", volume.config_map.as_ref().map(|source| config_map(source, &at("configMap")))),
        ("azureFile", old_volumes::azure_file(volume, path)),
        ("vsphereVolume", old_volumes::vsphere(volume, path)),
        ("photonPersistentDisk", old_volumes::photon(volume, path)),
        ("portworxVolume", old_volumes::portworx(volume, path)),
        ("azureDisk", old_volumes::azure_disk(volume, path)),
        ("storageos", old_volumes::storage_os(volume, path)),
        ("projected", volume.projected.as_ref().map(|source| projected::projected(source, &at("projected")))),
        ("scaleIO", old_volumes::scale_io(volume, path)),
        ("csi", volume.csi.as_ref().map(|source| csi(source, &at("csi")))),
        ("ephemeral", volume.ephemeral.as_ref().map(|source| ephemeral(source, volume, owner, path))),
        ("image", volume.image.as_ref().map(|source| image(source, owner, &at("image")))),
    ]
}

fn empty_dir(source: &core::EmptyDirVolumeSource, path: &Path) -> Errors {
    let negative = source.size_limit.as_ref().and_then(quantity).is_some_and(|limit| limit.sign() < 0);
    let detail = "SizeLimit field must be a valid resource quantity";
    negative.then(|| FieldError::forbidden(&path.child("sizeLimit"), detail)).into_iter().collect()
}

pub(crate) fn host_path(source: &core::HostPathVolumeSource, path: &Path) -> Errors {
    if let Some(error) = required(path, "path", &source.path) {
        return vec![error];
    }
    let steps = paths::no_backsteps(&source.path, &path.child("path"));
    let kind = source.type_.as_deref().and_then(|kind| one_of(&path.child("type"), kind, HOST_PATH_TYPES));
    steps.into_iter().chain(kind).collect()
}

pub(crate) fn nfs(source: &core::NFSVolumeSource, path: &Path) -> Errors {
    let mut errors: Errors = required(path, "server", &source.server).into_iter().collect();
    errors.extend(required(path, "path", &source.path));
    if !source.path.starts_with('/') {
        errors.push(FieldError::invalid(&path.child("path"), &source.path, "must be an absolute path"));
    }
    errors
}

fn secret(source: &core::SecretVolumeSource, path: &Path) -> Errors {
    let mut errors: Errors = required(path, "secretName", text(&source.secret_name)).into_iter().collect();
    errors.extend(paths::mode(source.default_mode, &path.child("defaultMode")));
    errors.extend(keys(items(&source.items), &path.child("items")));
    errors
}

fn config_map(source: &core::ConfigMapVolumeSource, path: &Path) -> Errors {
    let mut errors: Errors = required(path, "name", &source.name).into_iter().collect();
    errors.extend(paths::mode(source.default_mode, &path.child("defaultMode")));
    errors.extend(keys(items(&source.items), &path.child("items")));
    errors
}

/// Keys and the files that they become.
pub(super) fn keys(keys: &[core::KeyToPath], path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (index, key) in keys.iter().enumerate() {
        let path = path.index(index);
        errors.extend(required(&path, "key", &key.key));
        errors.extend(required(&path, "path", &key.path));
        errors.extend(paths::unreserved(&key.path, &path.child("path")));
        errors.extend(paths::mode(key.mode, &path.child("mode")));
    }
    errors
}

fn downward(source: &core::DownwardAPIVolumeSource, path: &Path) -> Errors {
    let mut errors: Errors =
        paths::mode(source.default_mode, &path.child("defaultMode")).into_iter().collect();
    // Upstream tells of the files without their index.
    errors.extend(items(&source.items).iter().flat_map(|file| downward_file(file, path)));
    errors
}

pub(super) fn downward_file(file: &core::DownwardAPIVolumeFile, path: &Path) -> Errors {
    let mut errors: Errors = required(path, "path", &file.path).into_iter().collect();
    errors.extend(paths::unreserved(&file.path, &path.child("path")));
    match (&file.field_ref, &file.resource_field_ref) {
        (Some(field), resource) => {
            errors.extend(field_refs::object_field(field, VOLUME_FIELDS, &path.child("fieldRef")));
            let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
            errors.extend(resource.as_ref().map(|_| FieldError::invalid(path, "resource", detail)));
        }
        (None, Some(resource)) => {
            errors.extend(field_refs::resource_field(resource, true, &path.child("resourceFieldRef")));
        }
        (None, None) => {
            errors.push(FieldError::required(path, "one of fieldRef and resourceFieldRef is required"));
        }
    }
    errors.extend(paths::mode(file.mode, &path.child("mode")));
    errors
}

fn csi(source: &core::CSIVolumeSource, path: &Path) -> Errors {
    let mut errors = crate::csi::driver_name(&source.driver, &path.child("driver"));
    if let Some(secret) = &source.node_publish_secret_ref {
        errors.extend(required(&path.child("nodePublishSecretRef"), "name", &secret.name));
        errors.extend(super::optional(path, "name", &secret.name, validation::dns1123_subdomain));
    }
    errors
}

/// A claim made for the pod (KEP-1698).
fn ephemeral(
    source: &core::EphemeralVolumeSource,
    volume: &core::Volume,
    owner: Owner<'_>,
    path: &Path,
) -> Errors {
    let at = path.child("ephemeral").child("volumeClaimTemplate");
    let mut errors = match &source.volume_claim_template {
        None => vec![FieldError::required(&at, "")],
        Some(template) => volume_claims::template(template, &at),
    };
    if let Some(pod) = owner.pod_name().filter(|_| !volume.name.is_empty()) {
        let claim = format!("{pod}-{}", volume.name);
        let faults = validation::dns1123_subdomain(&claim);
        errors.extend(faults.into_iter().map(|fault| {
            let detail = format!("PVC name {}: {fault}", quote(&claim));
            FieldError::invalid(&path.child("name"), &volume.name, detail)
        }));
    }
    errors
}

/// An image as a volume (KEP-4639). In a template the image may still be to come.
fn image(source: &core::ImageVolumeSource, owner: Owner<'_>, path: &Path) -> Errors {
    let missing = required(path, "reference", text(&source.reference)).filter(|_| owner.is_pod());
    let policy = containers::pull_policy(text(&source.pull_policy), &path.child("pullPolicy"));
    missing.into_iter().chain(policy).collect()
}
