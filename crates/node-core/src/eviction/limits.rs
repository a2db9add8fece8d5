//! Pods that use more local storage than they may.

use ironclad_api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::rank::Usage;
use crate::admit::is_critical;
use crate::effect::Eviction;
use crate::resources::{self, Side};
use crate::spec;

/// Why a pod must go for its storage: an emptyDir over its size, the pod over its limit, or a container.
pub fn exceeded(pod: &Pod, usage: &Usage) -> Option<Eviction> {
    let spec = spec::of(pod);
    if is_critical(&spec) {
        return None;
    }
    let message = volume(&spec, usage).or_else(|| whole(&spec, usage)).or_else(|| container(&spec, usage))?;
    Some(Eviction { reason: "Evicted".to_owned(), message, grace_s: Some(1), condition: None })
}

fn bytes(amount: u64) -> Quantity {
    Quantity::from_bytes(i64::try_from(amount).unwrap_or(i64::MAX))
}

fn volume(spec: &PodSpec, usage: &Usage) -> Option<String> {
    spec.volumes.iter().flatten().find_map(|volume| {
        let limit = volume.empty_dir.as_ref()?.size_limit.as_ref()?;
        let limit = Quantity::parse(&limit.0).ok().filter(|limit| limit.sign() > 0)?;
        let used = bytes(*usage.volumes.get(&volume.name)?);
        (used > limit)
            .then(|| format!("Usage of EmptyDir volume \"{}\" exceeds the limit \"{limit}\". ", volume.name))
    })
}

fn whole(spec: &PodSpec, usage: &Usage) -> Option<String> {
    let limit = resources::of_pod(spec, Side::Limits).remove("ephemeral-storage")?;
    let message = "Pod ephemeral local storage usage exceeds the total limit of containers";
    (bytes(usage.disk_bytes) > limit).then(|| format!("{message} {limit}. "))
}

fn container(spec: &PodSpec, usage: &Usage) -> Option<String> {
    spec.containers.iter().find_map(|container| {
        let limit = resources::of(container.resources.as_ref(), Side::Limits).remove("ephemeral-storage")?;
        let used = bytes(usage.containers.get(&container.name)?.disk_bytes);
        let message = "exceeded its local ephemeral storage limit";
        (!limit.is_zero() && used > limit)
            .then(|| format!("Container {} {message} \"{limit}\". ", container.name))
    })
}
