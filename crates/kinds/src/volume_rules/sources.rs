//! What a persistent volume is made of: one source out of many, most of them of drivers of old. Where
//! pods have the very same source, its rules are theirs.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use crate::csi;
use crate::fields::{required, text};
use crate::pod_template::rules::{old_volumes, volumes};

type Errors = Vec<FieldError>;

/// Exactly one source, which must be right. `name` is the volume's.
pub(super) fn sources(spec: &core::PersistentVolumeSpec, name: &str, placed: bool, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let given = all(spec, name, placed, path).into_iter();
    let given: Vec<_> = given.filter_map(|(field, faults)| Some((field, faults?))).collect();
    if given.is_empty() {
        return vec![FieldError::required(path, "must specify a volume type")];
    }
    for (index, (field, faults)) in given.into_iter().enumerate() {
        // Upstream lets this one be a second.
        if index == 0 || field == "flexVolume" {
            errors.extend(faults);
        } else {
            let detail = "may not specify more than 1 volume type";
            errors.push(FieldError::forbidden(&path.child(field), detail));
        }
    }
    errors
}

/// Every source in upstream's order, under the name by which a second one is refused, and what is
/// wrong with it where it is given.
fn all(
    spec: &core::PersistentVolumeSpec,
    name: &str,
    placed: bool,
    path: &Path,
) -> Vec<(&'static str, Option<Errors>)> {
    let alike = as_of_pod(spec);
    let at = |field: &str| path.child(field);
    vec![
        ("hostPath", spec.host_path.as_ref().map(|source| volumes::host_path(source, &at("hostPath")))),
        ("gcePersistentDisk", old_volumes::gce(&alike, path)),
        ("awsElasticBlockStore", old_volumes::aws(&alike, path)),
        ("glusterfs", spec.glusterfs.as_ref().map(|source| glusterfs(source, &at("glusterfs")))),
        ("flocker", old_volumes::flocker(&alike, path)),
        ("nfs", spec.nfs.as_ref().map(|source| volumes::nfs(source, &at("nfs")))),
        ("rbd", spec.rbd.as_ref().map(|source| rbd(source, &at("rbd")))),
        ("quobyte", old_volumes::quobyte(&alike, path)),
        ("cephFS", spec.cephfs.as_ref().map(|source| monitors(&source.monitors, &at("cephfs")))),
        ("iscsi", spec.iscsi.as_ref().map(|source| iscsi(source, name, &at("iscsi")))),
        ("cinder", spec.cinder.as_ref().map(|source| cinder(source, &at("cinder")))),
        ("fc", old_volumes::fc(&alike, path)),
        ("flexVolume", spec.flex_volume.as_ref().map(|source| flex(source, &at("flexVolume")))),
        ("azureFile", spec.azure_file.as_ref().map(|source| azure_file(source, &at("azureFile")))),
        ("vsphereVolume", old_volumes::vsphere(&alike, path)),
        ("photonPersistentDisk", old_volumes::photon(&alike, path)),
        ("portworxVolume", old_volumes::portworx(&alike, path)),
        ("azureDisk", old_volumes::azure_disk(&alike, path)),
        ("scaleIO", spec.scale_io.as_ref().map(|source| scale_io(source, &at("scaleIO")))),
        ("local", spec.local.as_ref().map(|source| local(source, placed, path))),
        ("storageos", spec.storageos.as_ref().map(|source| storage_os(source, &at("storageos")))),
        ("csi", spec.csi.as_ref().map(|source| csi_source(source, &at("csi")))),
    ]
}

/// The sources that pods have in the same form.
fn as_of_pod(spec: &core::PersistentVolumeSpec) -> core::Volume {
    core::Volume {
        gce_persistent_disk: spec.gce_persistent_disk.clone(),
        aws_elastic_block_store: spec.aws_elastic_block_store.clone(),
        flocker: spec.flocker.clone(),
        quobyte: spec.quobyte.clone(),
        fc: spec.fc.clone(),
        vsphere_volume: spec.vsphere_volume.clone(),
        photon_persistent_disk: spec.photon_persistent_disk.clone(),
        portworx_volume: spec.portworx_volume.clone(),
        azure_disk: spec.azure_disk.clone(),
        ..core::Volume::default()
    }
}

/// Required texts of one source.
fn texts<const N: usize>(path: &Path, fields: [(&str, &str); N]) -> Errors {
    fields.iter().filter_map(|(field, value)| required(&path.child(field), value)).collect()
}

/// Both parts of a reference to a secret, without a rule for their form.
fn secret(reference: Option<&core::SecretReference>, path: &Path) -> Errors {
    let Some(reference) = reference else { return Errors::new() };
    let path = path.child("secretRef");
    texts(&path, [("name", text(&reference.name)), ("namespace", text(&reference.namespace))])
}

fn monitors(monitors: &[String], path: &Path) -> Errors {
    let missing = monitors.is_empty();
    missing.then(|| FieldError::required(&path.child("monitors"), "")).into_iter().collect()
}

fn glusterfs(source: &core::GlusterfsPersistentVolumeSource, path: &Path) -> Errors {
    let mut errors = texts(path, [("endpoints", &source.endpoints), ("path", &source.path)]);
    let Some(namespace) = &source.endpoints_namespace else { return errors };
    let path = path.child("endpointsNamespace");
    if namespace.is_empty() {
        let detail = "if the endpointnamespace is set, it must be a valid namespace name";
        errors.push(FieldError::invalid(&path, namespace, detail));
    } else {
        errors.extend(validation::invalid_each(&path, namespace, validation::dns1123_label(namespace)));
    }
    errors
}

fn rbd(source: &core::RBDPersistentVolumeSource, path: &Path) -> Errors {
    let mut errors = monitors(&source.monitors, path);
    errors.extend(required(&path.child("image"), &source.image));
    errors
}

fn iscsi(source: &core::ISCSIPersistentVolumeSource, name: &str, path: &Path) -> Errors {
    let mut errors = texts(path, [("targetPortal", &source.target_portal)]);
    if source.initiator_name.is_some() && name.len() + 1 + source.target_portal.len() > 64 {
        let detail = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
            iscsi.initiatorName is specified.";
        errors.push(FieldError::invalid(&path.child("targetportal"), &source.target_portal, detail));
    }
    let node = |field: &str, name: &str| {
        let valid = old_volumes::is_iscsi_node(name) == Some(true);
        (!valid).then(|| FieldError::invalid(&path.child(field), name, "must be valid format"))
    };
    match source.iqn.as_str() {
        "" => errors.push(FieldError::required(&path.child("iqn"), "")),
        iqn => errors.extend(node("iqn", iqn)),
    }
    if !(0..=255).contains(&source.lun) {
        let detail = validation::number::range_fault(0, 255);
        errors.push(FieldError::invalid(&path.child("lun"), source.lun, detail));
    }
    let authenticates = source.chap_auth_discovery == Some(true) || source.chap_auth_session == Some(true);
    match &source.secret_ref {
        None if authenticates => errors.push(FieldError::required(&path.child("secretRef"), "")),
        None => {}
        Some(secret) => errors.extend(required(&path.child("secretRef").child("name"), text(&secret.name))),
    }
    errors.extend(source.initiator_name.as_deref().and_then(|name| node("initiatorname", name)));
    errors
}

fn cinder(source: &core::CinderPersistentVolumeSource, path: &Path) -> Errors {
    let mut errors = texts(path, [("volumeID", &source.volume_id)]);
    errors.extend(secret(source.secret_ref.as_ref(), path));
    errors
}

fn flex(source: &core::FlexPersistentVolumeSource, path: &Path) -> Errors {
    let mut errors = texts(path, [("driver", &source.driver)]);
    errors.extend(old_volumes::reserved_options(source.options.as_ref(), &path.child("options")));
    errors
}

fn azure_file(source: &core::AzureFilePersistentVolumeSource, path: &Path) -> Errors {
    let mut errors = texts(path, [("secretName", &source.secret_name), ("shareName", &source.share_name)]);
    let namespace = source.secret_namespace.as_deref();
    errors.extend(namespace.and_then(|namespace| required(&path.child("secretNamespace"), namespace)));
    errors
}

fn scale_io(source: &core::ScaleIOPersistentVolumeSource, path: &Path) -> Errors {
    let name = text(&source.volume_name);
    texts(path, [("gateway", &source.gateway), ("system", &source.system), ("volumeName", name)])
}

/// A disk of one node, which the volume must name.
fn local(source: &core::LocalVolumeSource, placed: bool, path: &Path) -> Errors {
    let at = path.child("local").child("path");
    let mut errors = match source.path.as_str() {
        "" => vec![FieldError::required(&at, "")],
        given => crate::pod_template::rules::no_backsteps(given, &at).into_iter().collect(),
    };
    if !placed {
        let detail = "Local volume requires node affinity";
        errors.push(FieldError::required(&path.child("nodeAffinity"), detail));
    }
    errors
}

fn storage_os(source: &core::StorageOSPersistentVolumeSource, path: &Path) -> Errors {
    let label = |field: &str, value: &str| {
        validation::invalid_each(&path.child(field), value, validation::dns1123_label(value))
    };
    let mut errors = match text(&source.volume_name) {
        "" => texts(path, [("volumeName", "")]),
        name => label("volumeName", name),
    };
    let namespace = text(&source.volume_namespace);
    if !namespace.is_empty() {
        errors.extend(label("volumeNamespace", namespace));
    }
    if let Some(secret) = &source.secret_ref {
        let path = path.child("secretRef");
        errors.extend(texts(&path, [("name", text(&secret.name)), ("namespace", text(&secret.namespace))]));
    }
    errors
}

fn csi_source(source: &core::CSIPersistentVolumeSource, path: &Path) -> Errors {
    let mut errors = csi::driver_name(&source.driver, &path.child("driver"));
    errors.extend(required(&path.child("volumeHandle"), &source.volume_handle));
    for (field, secret) in [
        ("controllerPublishSecretRef", &source.controller_publish_secret_ref),
        ("controllerExpandSecretRef", &source.controller_expand_secret_ref),
        ("nodePublishSecretRef", &source.node_publish_secret_ref),
        ("nodeExpandSecretRef", &source.node_expand_secret_ref),
    ] {
        errors.extend(secret.iter().flat_map(|secret| csi_secret(secret, &path.child(field))));
    }
    errors
}

fn csi_secret(secret: &core::SecretReference, path: &Path) -> Errors {
    let part = |field: &str, value: &str, rule: fn(&str) -> validation::Faults| {
        let path = path.child(field);
        match value {
            "" => vec![FieldError::required(&path, "")],
            value => validation::invalid_each(&path, value, rule(value)),
        }
    };
    let mut errors = part("name", text(&secret.name), validation::dns1123_subdomain);
    errors.extend(part("namespace", text(&secret.namespace), validation::dns1123_label));
    errors
}
