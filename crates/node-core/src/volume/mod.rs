//! What a pod's volumes are made of, as data for the shell to carry out.
//!
//! * [`plan`] says what kind of work a volume is. * [`files`] renders ConfigMaps, Secrets, the downward API and
//!   projections into files. * [`atomic`] says how a directory of such files is replaced at once.
//! * [`ownership`] is what `fsGroup` asks for.

pub mod atomic;
pub mod files;
pub mod host_path;
pub mod ownership;

use std::collections::BTreeMap;

use ironclad_api::quantity::Quantity;
use k8s_openapi::api::core::v1::{EmptyDirVolumeSource, Pod, Volume};

use crate::settings::NodeSettings;
use crate::sources::{self, Sources};
use crate::spec;
use files::Files;
use host_path::HostPathKind;

/// What there is to do for a volume.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// A directory whose files are replaced at once ([`atomic`]).
    Files(Files),
    EmptyDir(EmptyDir),
    /// A path of the node, checked or made first.
    HostPath {
        path: String,
        kind: HostPathKind,
    },
    /// A claim, CSI or any other kind that the shell finds a driver for, or refuses.
    Driver,
}

/// A directory that begins empty and lives as long as the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmptyDir {
    /// A directory of the node's disk, mode 0777. Its size limit is enforced by eviction.
    Disk { size_limit_bytes: Option<u64> },
    /// A tmpfs of that size, mode 0777.
    Memory { size_bytes: u64 },
    /// A hugetlbfs of that page size: `2Mi`.
    HugePages { page_size: Option<String> },
}

/// Plans one volume of a pod. An error's text is upstream's; [`set_up_failed`] makes the event of it.
pub fn plan(settings: &NodeSettings, pod: &Pod, volume: &Volume, sources: &Sources) -> Result<Plan, String> {
    if let Some(files) = files::render(settings, pod, volume, sources)? {
        return Ok(Plan::Files(files));
    }
    if let Some(source) = &volume.empty_dir {
        return Ok(Plan::EmptyDir(empty_dir(settings, pod, source)));
    }
    if let Some(source) = &volume.host_path {
        let kind = HostPathKind::of(source.type_.as_deref())?;
        return Ok(Plan::HostPath { path: source.path.clone(), kind });
    }
    Ok(Plan::Driver)
}

/// `MountVolume.SetUp failed for volume "x" : ...`
pub fn set_up_failed(volume: &str, why: &str) -> String {
    format!("MountVolume.SetUp failed for volume \"{volume}\" : {why}")
}

/// Where a volume lives on the node, by the name of the plugin that upstream has for it, so that either
/// agent finds the other's volumes. `None` for volumes that are elsewhere.
pub fn directory(settings: &NodeSettings, pod: &Pod, volume: &Volume) -> Option<String> {
    let plugin = if volume.config_map.is_some() {
        "configmap"
    } else if volume.secret.is_some() {
        "secret"
    } else if volume.downward_api.is_some() {
        "downward-api"
    } else if volume.projected.is_some() {
        "projected"
    } else if volume.empty_dir.is_some() {
        "empty-dir"
    } else {
        return None;
    };
    let pod_dir = settings.pod_dir(spec::uid(pod));
    Some(format!("{pod_dir}/volumes/kubernetes.io~{plugin}/{}", volume.name))
}

/// A service account token that a pod's volumes show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenWanted {
    /// What [`Sources::tokens`] has it under.
    pub key: String,
    /// Empty: the API server's own audience.
    pub audience: String,
    pub expiration_s: i64,
}

/// The tokens of a pod, each to be requested once, bound to the pod. One is to be renewed once 80% of its
/// life or a day has passed (KEP-1205).
pub fn tokens(pod: &Pod) -> Vec<TokenWanted> {
    let pod_spec = spec::of(pod);
    let projected = pod_spec.volumes.iter().flatten().filter_map(|v| v.projected.as_ref());
    let projections = projected.flat_map(|p| p.sources.iter().flatten());
    let tokens = projections.filter_map(|source| source.service_account_token.as_ref());
    let mut wanted: BTreeMap<String, TokenWanted> = BTreeMap::new();
    for token in tokens {
        let key = sources::token_key(token.audience.as_deref(), token.expiration_seconds);
        wanted.entry(key.clone()).or_insert_with(|| TokenWanted {
            key,
            audience: token.audience.clone().unwrap_or_default(),
            expiration_s: token.expiration_seconds.unwrap_or(3600),
        });
    }
    wanted.into_values().collect()
}

/// Memory-backed ones are as large as the pod may grow, or as they are limited to.
fn empty_dir(settings: &NodeSettings, pod: &Pod, source: &EmptyDirVolumeSource) -> EmptyDir {
    let limit = source.size_limit.as_ref().and_then(|text| Quantity::parse(&text.0).ok());
    let limit = limit.map(|q| q.value()).filter(|bytes| *bytes > 0);
    match source.medium.as_deref().unwrap_or_default() {
        "Memory" => {
            let pod_limit = settings.cgroups.pod(pod).memory_limit_bytes.filter(|bytes| *bytes > 0);
            let bounds = [pod_limit, limit, Some(settings.allocatable.memory_bytes)];
            EmptyDir::Memory { size_bytes: bounds.into_iter().flatten().min().unwrap_or(0).max(0) as u64 }
        }
        medium if medium.starts_with("HugePages") => {
            EmptyDir::HugePages { page_size: medium.strip_prefix("HugePages-").map(str::to_owned) }
        }
        _ => EmptyDir::Disk { size_limit_bytes: limit.map(|bytes| bytes as u64) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::tests::world::settings;
    use serde_json::{Value, json};

    fn pod(volume: Value, limits: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "u"},
            "spec": {"volumes": [volume], "containers": [{"name": "a", "resources": {"limits": limits}}]},
        }))
        .unwrap()
    }

    fn check(volume: Value, limits: Value, expected: Result<Plan, &str>) {
        let pod = pod(volume.clone(), limits);
        let spec = spec::of(&pod);
        let found = plan(&settings(), &pod, &spec.volumes.as_ref().unwrap()[0], &Sources::default());
        assert_eq!(found, expected.map_err(str::to_owned), "{volume}");
    }

    #[test]
    fn empty_dirs_are_as_large_as_they_may_be() {
        let dir = |source: Value| json!({"name": "v", "emptyDir": source});
        let memory = |bytes: u64| Ok(Plan::EmptyDir(EmptyDir::Memory { size_bytes: bytes }));
        check(dir(json!({})), json!({}), Ok(Plan::EmptyDir(EmptyDir::Disk { size_limit_bytes: None })));
        check(
            dir(json!({"sizeLimit": "1Ki"})),
            json!({}),
            Ok(Plan::EmptyDir(EmptyDir::Disk { size_limit_bytes: Some(1024) })),
        );
        check(dir(json!({"medium": "Memory"})), json!({}), memory(4 << 30));
        check(dir(json!({"medium": "Memory"})), json!({"memory": "1Mi"}), memory(1 << 20));
        check(dir(json!({"medium": "Memory", "sizeLimit": "1Ki"})), json!({"memory": "1Mi"}), memory(1024));
    }

    #[test]
    fn other_kinds_are_told_apart() {
        check(
            json!({"name": "v", "hostPath": {"path": "/x", "type": "Directory"}}),
            json!({}),
            Ok(Plan::HostPath { path: "/x".into(), kind: HostPathKind::Directory }),
        );
        check(
            json!({"name": "v", "hostPath": {"path": "/x", "type": "Nope"}}),
            json!({}),
            Err("Nope is an invalid volume type"),
        );
        check(json!({"name": "v", "persistentVolumeClaim": {"claimName": "c"}}), json!({}), Ok(Plan::Driver));
    }

    #[test]
    fn each_token_is_asked_for_once() {
        let token =
            |audience: &str, path: &str| json!({"serviceAccountToken": {"audience": audience, "path": path}});
        let volume = json!({"name": "v", "projected": {"sources": [token("", "a"), token("", "b"), token("vault", "c")]}});
        let audiences: Vec<_> = tokens(&pod(volume, json!({}))).into_iter().map(|t| t.audience).collect();
        assert_eq!(audiences, ["", "vault"]);
    }
}
