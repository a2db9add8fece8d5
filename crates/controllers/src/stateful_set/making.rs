//! The pod of a number.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Pod, Volume};

use super::revisions::Revision;
use super::{claims, reference};
use crate::history::HASH;
use crate::pods;

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// `web-3`
pub(super) fn name(set: &StatefulSet, ordinal: i32) -> String {
    format!("{}-{ordinal}", set.metadata.name.as_deref().unwrap_or_default())
}

/// The number of a pod that has a name of the set's.
pub(super) fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let (parent, number) = pod.metadata.name.as_deref()?.rsplit_once('-')?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| digits)?;
    (Some(parent) == set.metadata.name.as_deref()).then_some(number)
}

/// The labels by which a pod is known.
pub(super) fn labels(set: &StatefulSet, ordinal: i32) -> [(&'static str, String); 2] {
    [(POD_NAME, name(set, ordinal)), (POD_INDEX, ordinal.to_string())]
}

/// Whether a pod has the label with its name.
pub(super) fn is_labelled(pod: &Pod) -> bool {
    let label = pod.metadata.labels.as_ref().and_then(|labels| labels.get(POD_NAME));
    label == pod.metadata.name.as_ref()
}

pub(super) fn pod(set: &StatefulSet, revision: &Revision, ordinal: i32) -> Pod {
    let mut pod = pods::from_template(&revision.template, &set.metadata, reference(set));
    let name = name(set, ordinal);
    let labels: &mut BTreeMap<String, String> = pod.metadata.labels.get_or_insert_default();
    labels.extend(self::labels(set, ordinal).map(|(label, value)| (label.to_owned(), value)));
    labels.insert(HASH.into(), revision.name.clone());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name.clone());
    let service = set.spec.as_ref().and_then(|spec| spec.service_name.clone());
    spec.subdomain = service.filter(|service| !service.is_empty());
    let own: BTreeMap<String, Volume> = claims::names(set, ordinal)
        .into_iter()
        .map(|(volume, claim)| (volume.clone(), mount(volume, claim)))
        .collect();
    let kept = spec.volumes.take().unwrap_or_default().into_iter();
    let kept: Vec<Volume> = kept.filter(|volume| !own.contains_key(&volume.name)).collect();
    let volumes: Vec<Volume> = own.into_values().chain(kept).collect();
    spec.volumes = (!volumes.is_empty()).then_some(volumes);
    pod.metadata.name = Some(name);
    pod
}

fn mount(name: String, claim_name: String) -> Volume {
    let source = PersistentVolumeClaimVolumeSource { claim_name, read_only: None };
    Volume { name, persistent_volume_claim: Some(source), ..Volume::default() }
}
