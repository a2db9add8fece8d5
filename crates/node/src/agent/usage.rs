//! What pods use.

use std::collections::BTreeMap;
use std::path::Path;

use ironclad_cri::Cri;
use ironclad_node_core::eviction::rank::{ContainerUsage, Usage};
use ironclad_node_core::{NodeSettings, resources, spec, volume};
use k8s_openapi::api::core::v1::PodSpec;

use crate::cgroups::Cgroups;
use crate::pods::Page;

/// Files that are counted at most, of one volume: a volume with more is counted too small rather than for ever.
const MOST_FILES: usize = 1_000_000;
/// Folders within folders that are looked into.
const MAX_DEPTH: usize = 128;

/// Whether anything of the pod is limited on disk.
pub(super) fn has_disk_limits(spec: &PodSpec) -> bool {
    let volumes = spec.volumes.iter().flatten().filter_map(|volume| volume.empty_dir.as_ref());
    let limited = resources::of_pod(spec, resources::Side::Limits).contains_key("ephemeral-storage");
    limited || volumes.into_iter().any(|source| source.size_limit.is_some())
}

/// The size of each container's writable layer, by its id.
pub(super) async fn writable_layers(cri: &dyn Cri) -> BTreeMap<String, u64> {
    let stats = cri.list_container_stats(None).await.unwrap_or_default();
    let layer = |stats: ironclad_cri::v1::ContainerStats| {
        Some((stats.attributes?.id, stats.writable_layer?.used_bytes?.value))
    };
    stats.into_iter().filter_map(layer).collect()
}

/// Memory always; disk only where it is limited, for it has to be walked through.
pub(super) fn of_pod(
    settings: &NodeSettings,
    cgroups: &Cgroups,
    page: &Page,
    layers: &BTreeMap<String, u64>,
) -> Usage {
    let spec = spec::of(&page.pod);
    let path = settings.cgroups.pod_path(&page.pod);
    let mut usage = Usage { memory_bytes: cgroups.working_set(&path), ..Default::default() };
    if !has_disk_limits(&spec) {
        return usage;
    }
    for volume in spec.volumes.iter().flatten() {
        let on_disk =
            volume.empty_dir.as_ref().is_some_and(|source| source.medium.as_deref().unwrap_or("").is_empty());
        let files = volume.config_map.is_some();
        if let Some(folder) = volume::directory(settings, &page.pod, volume).filter(|_| on_disk || files) {
            let bytes = size(Path::new(&folder));
            usage.disk_bytes += bytes;
            usage.volumes.insert(volume.name.clone(), bytes);
        }
    }
    let pod = &page.pod;
    let logs = settings.pod_log_dir(spec::namespace(pod), spec::name(pod), page.uid());
    for fact in page.facts.containers.iter().filter(|fact| fact.running()) {
        let logs = size(&Path::new(&logs).join(&fact.name));
        let disk_bytes = logs + layers.get(&fact.id).copied().unwrap_or(0);
        usage.disk_bytes += disk_bytes;
        usage.containers.insert(fact.name.clone(), ContainerUsage { memory_bytes: 0, disk_bytes });
    }
    usage
}

fn size(folder: &Path) -> u64 {
    let mut left = MOST_FILES;
    sum(folder, MAX_DEPTH, &mut left)
}

fn sum(folder: &Path, depth: usize, left: &mut usize) -> u64 {
    use std::os::unix::fs::MetadataExt;
    const BLOCK: u64 = 512;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut bytes = 0;
    for entry in entries {
        let Some(rest) = left.checked_sub(1) else { break };
        *left = rest;
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += metadata.blocks() * BLOCK;
        if metadata.is_dir() && depth > 0 {
            bytes += sum(&entry.path(), depth - 1, left);
        }
    }
    bytes
}
