//! The names that a pod's specification refers to.

use k8s_openapi::api::core::v1::{Pod, PodSpec, Volume};

pub fn secrets(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let pull = spec.image_pull_secrets.iter().flatten().map(|secret| secret.name.as_str());
    let volumes = spec.volumes.iter().flatten().flat_map(secrets_of_volume);
    pull.chain(volumes).chain(env(spec, true))
}

fn secrets_of_volume(volume: &Volume) -> impl Iterator<Item = &str> {
    let plain = volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref());
    let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let projected = projected.filter_map(|source| Some(source.secret.as_ref()?.name.as_str()));
    let references = [
        volume.csi.as_ref().and_then(|csi| csi.node_publish_secret_ref.as_ref()),
        volume.cephfs.as_ref().and_then(|volume| volume.secret_ref.as_ref()),
        volume.cinder.as_ref().and_then(|volume| volume.secret_ref.as_ref()),
        volume.flex_volume.as_ref().and_then(|volume| volume.secret_ref.as_ref()),
        volume.iscsi.as_ref().and_then(|volume| volume.secret_ref.as_ref()),
        volume.rbd.as_ref().and_then(|volume| volume.secret_ref.as_ref()),
        volume.scale_io.as_ref().map(|volume| &volume.secret_ref),
        volume.storageos.as_ref().and_then(|volume| volume.secret_ref.as_ref()),
    ];
    let azure = volume.azure_file.as_ref().map(|volume| volume.secret_name.as_str());
    let references = references.into_iter().flatten().map(|reference| reference.name.as_str());
    plain.into_iter().chain(projected).chain(references).chain(azure)
}

pub fn config_maps(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let volumes = spec.volumes.iter().flatten().flat_map(|volume| {
        let plain = volume.config_map.iter().map(|map| map.name.as_str());
        let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        plain.chain(projected.filter_map(|source| Some(source.config_map.as_ref()?.name.as_str())))
    });
    volumes.chain(env(spec, false))
}

fn env(spec: &PodSpec, of_secrets: bool) -> impl Iterator<Item = &str> {
    let init = spec.init_containers.iter().flatten().map(|c| (&c.env, &c.env_from));
    let main = spec.containers.iter().map(|c| (&c.env, &c.env_from));
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|c| (&c.env, &c.env_from));
    init.chain(main).chain(ephemeral).flat_map(move |(env, env_from)| {
        let sources = env.iter().flatten().filter_map(|var| var.value_from.as_ref());
        let keys = sources.filter_map(move |source| match of_secrets {
            true => source.secret_key_ref.as_ref().map(|key| key.name.as_str()),
            false => source.config_map_key_ref.as_ref().map(|key| key.name.as_str()),
        });
        let whole = env_from.iter().flatten().filter_map(move |source| match of_secrets {
            true => source.secret_ref.as_ref().map(|secret| secret.name.as_str()),
            false => source.config_map_ref.as_ref().map(|map| map.name.as_str()),
        });
        keys.chain(whole)
    })
}

pub fn claims(pod: &Pod) -> impl Iterator<Item = String> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| {
        if volume.ephemeral.is_some() {
            return Some(format!("{}-{}", pod.metadata.name.as_deref()?, volume.name));
        }
        Some(volume.persistent_volume_claim.as_ref()?.claim_name.clone())
    })
}

/// Claims of devices: named by the pod, or made for it.
pub fn resource_claims(pod: &Pod) -> impl Iterator<Item = &str> {
    let named = pod.spec.iter().flat_map(|spec| spec.resource_claims.iter().flatten());
    let named = named.filter_map(|claim| claim.resource_claim_name.as_deref());
    let made = pod.status.iter().flat_map(|status| status.resource_claim_statuses.iter().flatten());
    let extended = pod.status.as_ref().and_then(|status| status.extended_resource_claim_status.as_ref());
    named
        .chain(made.filter_map(|claim| claim.resource_claim_name.as_deref()))
        .chain(extended.map(|status| status.resource_claim_name.as_str()))
}
