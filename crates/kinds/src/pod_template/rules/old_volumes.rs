//! Sources of the in-tree drivers of old. Most no longer work anywhere, but the API still has
//! them, and checks them. Each function is `None` where its source is not given.

use std::collections::BTreeMap;

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1::Volume;

use super::{Errors, is_empty, one_of, paths, required, text};

/// Required texts of one source.
fn texts<const N: usize>(path: &Path, fields: [(&str, &str); N]) -> Errors {
    fields.iter().filter_map(|(field, value)| required(path, field, value)).collect()
}

fn number(
    path: &Path,
    field: &str,
    value: i64,
    least: i64,
    most: i64,
    detail: (i64, i64),
) -> Option<FieldError> {
    let fault = || validation::number::range_fault(detail.0, detail.1);
    (!(least..=most).contains(&value)).then(|| FieldError::invalid(&path.child(field), value, fault()))
}

/// Upstream accepts 0 and tells of 1.
fn partition(path: &Path, partition: Option<i32>) -> Option<FieldError> {
    number(path, "partition", partition.unwrap_or(0).into(), 0, 255, (1, 255))
}

fn lun(path: &Path, lun: i32) -> Option<FieldError> {
    number(path, "lun", lun.into(), 0, 255, (0, 255))
}

pub(super) fn git_repo(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.git_repo.as_ref()?;
    let path = path.child("gitRepo");
    let mut errors = texts(&path, [("repository", &source.repository)]);
    errors.extend(paths::descending(text(&source.directory), &path.child("directory")));
    Some(errors)
}

pub(crate) fn gce(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.gce_persistent_disk.as_ref()?;
    let path = path.child("persistentDisk");
    let mut errors = texts(&path, [("pdName", &source.pd_name)]);
    errors.extend(partition(&path, source.partition));
    Some(errors)
}

pub(crate) fn aws(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.aws_elastic_block_store.as_ref()?;
    let path = path.child("awsElasticBlockStore");
    let mut errors = texts(&path, [("volumeID", &source.volume_id)]);
    errors.extend(partition(&path, source.partition));
    Some(errors)
}

// === iSCSI (RFC 3721) ===

pub(super) fn iscsi(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.iscsi.as_ref()?;
    let path = path.child("iscsi");
    let mut errors = texts(&path, [("targetPortal", &source.target_portal), ("iqn", &source.iqn)]);
    if !source.iqn.is_empty() {
        errors.extend(iscsi_node(&path.child("iqn"), &source.iqn));
    }
    errors.extend(lun(&path, source.lun));
    let authenticates = source.chap_auth_discovery == Some(true) || source.chap_auth_session == Some(true);
    if authenticates && source.secret_ref.is_none() {
        errors.push(FieldError::required(&path.child("secretRef"), ""));
    }
    if let Some(initiator) = &source.initiator_name {
        errors.extend(iscsi_node(&path.child("initiatorname"), initiator));
    }
    Some(errors)
}

pub(super) fn iscsi_name(volume: &Volume, path: &Path) -> Option<FieldError> {
    let source = volume.iscsi.as_ref().filter(|source| source.initiator_name.is_some())?;
    let length = volume.name.len() + 1 + source.target_portal.len();
    let detail = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
        iscsi.initiatorName is specified.";
    (length > 64).then(|| FieldError::invalid(&path.child("name"), &volume.name, detail))
}

fn iscsi_node(path: &Path, name: &str) -> Option<FieldError> {
    let detail = match is_iscsi_node(name) {
        Some(true) => return None,
        Some(false) => "must be valid format",
        None => "must be valid format starting with iqn, eui, or naa",
    };
    Some(FieldError::invalid(path, name, detail))
}

/// Whether the name of a target or an initiator is well-formed; `None` where it is of no known kind.
pub(crate) fn is_iscsi_node(name: &str) -> Option<bool> {
    let hex = |rest: &str, length: usize| {
        // The separator may be any character: upstream's pattern has an unescaped dot.
        let mut characters = rest.chars();
        characters.next().is_some() && {
            let digits = characters.as_str();
            digits.len() == length && digits.bytes().all(|b| b.is_ascii_alphanumeric())
        }
    };
    match name.split_at_checked(3)? {
        ("iqn", rest) => Some(qualified(rest)),
        ("eui", rest) => Some(hex(rest, 16)),
        ("naa", rest) => Some(hex(rest, 32)),
        _ => None,
    }
}

/// `.2001-04.com.example:storage`
fn qualified(rest: &str) -> bool {
    let Some((authority, label)) = rest.strip_prefix('.').and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let mut parts = authority.splitn(2, '.');
    let (date, naming) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let dated = date.split_once('-').is_some_and(|(year, month)| digits(year, 4) && digits(month, 2));
    let named = !naming.is_empty() && naming.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    let forbidden = |c: char| ",;*&$|".contains(c) || c.is_whitespace();
    dated && named && !label.is_empty() && !label.contains(forbidden)
}

pub(super) fn glusterfs(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.glusterfs.as_ref()?;
    Some(texts(&path.child("glusterfs"), [("endpoints", &source.endpoints), ("path", &source.path)]))
}

pub(crate) fn flocker(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.flocker.as_ref()?;
    let path = path.child("flocker");
    let (name, uuid) = (text(&source.dataset_name), text(&source.dataset_uuid));
    let mut errors = Errors::new();
    match (name.is_empty(), uuid.is_empty()) {
        (true, true) => {
            errors.push(FieldError::required(&path, "one of datasetName and datasetUUID is required"));
        }
        (false, false) => {
            let detail = "datasetName and datasetUUID can not be specified simultaneously";
            errors.push(FieldError::invalid(&path, "resource", detail));
        }
        _ => {}
    }
    if name.contains('/') {
        errors.push(FieldError::invalid(&path.child("datasetName"), name, "must not contain '/'"));
    }
    Some(errors)
}

fn monitors(path: &Path, monitors: &[String]) -> Option<FieldError> {
    monitors.is_empty().then(|| FieldError::required(&path.child("monitors"), ""))
}

pub(super) fn rbd(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.rbd.as_ref()?;
    let path = path.child("rbd");
    let mut errors: Errors = monitors(&path, &source.monitors).into_iter().collect();
    errors.extend(required(&path, "image", &source.image));
    Some(errors)
}

pub(super) fn cinder(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.cinder.as_ref()?;
    let path = path.child("cinder");
    let mut errors = texts(&path, [("volumeID", &source.volume_id)]);
    let secret = source.secret_ref.as_ref();
    errors.extend(secret.and_then(|secret| required(&path.child("secretRef"), "name", &secret.name)));
    Some(errors)
}

pub(super) fn cephfs(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.cephfs.as_ref()?;
    Some(monitors(&path.child("cephfs"), &source.monitors).into_iter().collect())
}

pub(crate) fn quobyte(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.quobyte.as_ref()?;
    let path = path.child("quobyte");
    let at = path.child("registry");
    let pairs = "must be a host:port pair or multiple pairs separated by commas";
    let mut errors = Errors::new();
    if source.registry.is_empty() {
        errors.push(FieldError::required(&at, pairs));
    } else if text(&source.tenant).len() >= 65 {
        let detail = "must be a UUID and may not exceed a length of 64 characters";
        errors.push(FieldError::required(&path.child("tenant"), detail));
    } else {
        let malformed = source.registry.split(',').filter(|pair| !is_host_port(pair));
        errors.extend(malformed.map(|_| FieldError::invalid(&at, &source.registry, pairs)));
    }
    errors.extend(required(&path, "volume", &source.volume));
    Some(errors)
}

/// What Go's `net.SplitHostPort` takes.
fn is_host_port(pair: &str) -> bool {
    match pair.rsplit_once(':') {
        Some((host, _)) if host.starts_with('[') => host.ends_with(']'),
        Some((host, _)) => !host.contains([':', '[', ']']),
        None => false,
    }
}

/// Fibre channel.
pub(crate) fn fc(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.fc.as_ref()?;
    let path = path.child("fc");
    let at = path.child("targetWWNs");
    let mut errors = Errors::new();
    match (is_empty(&source.target_wwns), is_empty(&source.wwids)) {
        (true, true) => {
            errors.push(FieldError::required(&at, "must specify either targetWWNs or wwids, but not both"));
        }
        (false, false) => {
            let shown = serde_json::json!(source.target_wwns);
            let detail = "targetWWNs and wwids can not be specified simultaneously";
            errors.push(FieldError::invalid(&at, shown, detail));
        }
        _ => {}
    }
    if !is_empty(&source.target_wwns) {
        errors.extend(match source.lun {
            None => {
                Some(FieldError::required(&path.child("lun"), "lun is required if targetWWNs is specified"))
            }
            Some(lun) => self::lun(&path, lun),
        });
    }
    Some(errors)
}

pub(super) fn flex(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.flex_volume.as_ref()?;
    let path = path.child("flexVolume");
    let mut errors = texts(&path, [("driver", &source.driver)]);
    errors.extend(reserved_options(source.options.as_ref(), &path.child("options")));
    Some(errors)
}

/// A flex volume's options must not look like Kubernetes' own.
pub(crate) fn reserved_options(options: Option<&BTreeMap<String, String>>, path: &Path) -> Errors {
    let reserved = |key: &&String| {
        let namespace = key.split_once('/').map_or(key.as_str(), |(namespace, _)| namespace);
        let dotted = format!(".{}", namespace.to_lowercase());
        dotted.ends_with(".kubernetes.io") || dotted.ends_with(".k8s.io")
    };
    let detail = "kubernetes.io and k8s.io namespaces are reserved";
    let keys = options.into_iter().flatten().map(|(key, _)| key);
    keys.filter(reserved).map(|key| FieldError::invalid(&path.key(key), key, detail)).collect()
}

pub(super) fn azure_file(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.azure_file.as_ref()?;
    Some(texts(
        &path.child("azureFile"),
        [("secretName", &source.secret_name), ("shareName", &source.share_name)],
    ))
}

pub(crate) fn vsphere(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.vsphere_volume.as_ref()?;
    Some(texts(&path.child("vsphereVolume"), [("volumePath", &source.volume_path)]))
}

pub(crate) fn photon(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.photon_persistent_disk.as_ref()?;
    Some(texts(&path.child("photonPersistentDisk"), [("pdID", &source.pd_id)]))
}

pub(crate) fn portworx(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.portworx_volume.as_ref()?;
    Some(texts(&path.child("portworxVolume"), [("volumeID", &source.volume_id)]))
}

pub(crate) fn azure_disk(volume: &Volume, path: &Path) -> Option<Errors> {
    const MANAGED: &str =
        "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    const BLOB: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    let source = volume.azure_disk.as_ref()?;
    let path = path.child("azureDisk");
    let mut errors = texts(&path, [("diskName", &source.disk_name), ("diskURI", &source.disk_uri)]);
    let caching = source.caching_mode.as_deref();
    errors.extend(
        caching.and_then(|mode| one_of(&path.child("cachingMode"), mode, &["None", "ReadOnly", "ReadWrite"])),
    );
    let Some(kind) = source.kind.as_deref() else { return Some(errors) };
    errors.extend(one_of(&path.child("kind"), kind, &["Dedicated", "Managed", "Shared"]));
    let (prefix, form) = if kind == "Managed" { ("/subscriptions/", MANAGED) } else { ("https://", BLOB) };
    if !source.disk_uri.starts_with(prefix) {
        errors.push(FieldError::not_supported(&path.child("diskURI"), &source.disk_uri, [form]));
    }
    Some(errors)
}

pub(super) fn storage_os(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.storageos.as_ref()?;
    let path = path.child("storageos");
    let mut errors = texts(&path, [("volumeName", text(&source.volume_name))]);
    for (field, value) in [("volumeName", &source.volume_name), ("volumeNamespace", &source.volume_namespace)]
    {
        errors.extend(super::optional(&path, field, text(value), validation::dns1123_label));
    }
    let secret = source.secret_ref.as_ref();
    errors.extend(secret.and_then(|secret| required(&path.child("secretRef"), "name", &secret.name)));
    Some(errors)
}

pub(super) fn scale_io(volume: &Volume, path: &Path) -> Option<Errors> {
    let source = volume.scale_io.as_ref()?;
    let name = text(&source.volume_name);
    let fields = [("gateway", source.gateway.as_str()), ("system", &source.system), ("volumeName", name)];
    Some(texts(&path.child("scaleIO"), fields))
}
