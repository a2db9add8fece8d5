//! A deployment's ReplicaSets: which is new, their revisions and annotations.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::names;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::ownership;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const ROLLBACK_TO: &str = "deprecated.deployment.rollback.to";
pub(super) const TEMPLATE_HASH: &str = "pod-template-hash";
/// The longest list of earlier revisions that a set carries, in characters.
const MAX_HISTORY: usize = 2000;

#[derive(Clone)]
pub(super) struct Set {
    pub(super) object: Arc<ReplicaSet>,
}

/// The sets of one deployment, oldest first.
pub(super) struct Sets {
    /// The one whose template is the deployment's.
    pub(super) new: Option<Set>,
    pub(super) old: Vec<Set>,
}

impl From<Arc<ReplicaSet>> for Set {
    fn from(object: Arc<ReplicaSet>) -> Self {
        Self { object }
    }
}

impl Set {
    pub(super) fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    /// As asked for by its spec.
    pub(super) fn replicas(&self) -> i32 {
        self.object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
    }

    pub(super) fn status(
        &self,
        read: impl Fn(&k8s_openapi::api::apps::v1::ReplicaSetStatus) -> Option<i32>,
    ) -> i32 {
        self.object.status.as_ref().and_then(read).unwrap_or(0)
    }

    pub(super) fn available(&self) -> i32 {
        self.status(|status| status.available_replicas)
    }

    pub(super) fn created(&self) -> Option<jiff::Timestamp> {
        self.object.metadata.creation_timestamp.as_ref().map(|time| time.0)
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }

    pub(super) fn is_empty_and_settled(&self) -> bool {
        let observed = self.object.status.as_ref().and_then(|status| status.observed_generation);
        self.replicas() == 0
            && self.status(|status| Some(status.replicas)) == 0
            && observed >= self.object.metadata.generation
    }

    fn annotation(&self, key: &str) -> Option<&String> {
        self.object.metadata.annotations.as_ref()?.get(key)
    }

    pub(super) fn number(&self, annotation: &str) -> Option<i32> {
        self.annotation(annotation)?.parse().ok().filter(|number| *number >= 0)
    }

    pub(super) fn revision(&self) -> i64 {
        self.annotation(REVISION).and_then(|revision| revision.parse().ok()).unwrap_or(0)
    }
}

impl Sets {
    pub(super) fn new(owned: Vec<Arc<ReplicaSet>>, spec: &DeploymentSpec) -> Self {
        let mut old: Vec<Set> = owned.into_iter().map(Set::from).collect();
        old.sort_by_key(|set| (set.created(), set.name().to_owned()));
        // Several may match after a change of the hash: the oldest is the one, as upstream has it.
        let new = old.iter().position(|set| is_of_template(set, &spec.template));
        let new = new.map(|index| old.remove(index));
        Self { new, old }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Set> {
        self.old.iter().chain(&self.new)
    }

    /// Those that are to have pods.
    pub(super) fn active(&self) -> impl Iterator<Item = &Set> {
        self.all().filter(|set| set.replicas() > 0)
    }

    pub(super) fn newest_old_revision(&self) -> i64 {
        self.old.iter().map(Set::revision).max().unwrap_or(0)
    }
}

fn is_of_template(set: &Set, template: &PodTemplateSpec) -> bool {
    let of_set = set.object.spec.as_ref().and_then(|spec| spec.template.as_ref());
    of_set.is_some_and(|of_set| without_hash(of_set) == without_hash(template))
}

fn without_hash(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    if let Some(labels) = template.metadata.as_mut().and_then(|meta| meta.labels.as_mut()) {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

/// A new ReplicaSet of the deployment's template.
pub(super) fn build(
    deployment: &Deployment,
    spec: &DeploymentSpec,
    revision: i64,
    size: i32,
    max: i32,
    collisions: Option<i32>,
) -> ReplicaSet {
    let hash = names::template_hash(&spec.template, collisions);
    let mut template = spec.template.clone();
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert(TEMPLATE_HASH.into(), hash.clone());
    let labels = labels.clone();
    let mut selector = spec.selector.clone();
    selector.match_labels.get_or_insert_default().insert(TEMPLATE_HASH.into(), hash.clone());
    let mut annotations = BTreeMap::new();
    copy_annotations(deployment.metadata.annotations.as_ref(), &mut annotations);
    annotations.insert(REVISION.into(), revision.to_string());
    annotate_sizes(&mut annotations, spec.replicas.unwrap_or(1), max);
    let meta = &deployment.metadata;
    ReplicaSet {
        metadata: ObjectMeta {
            name: Some(names::replica_set(meta.name.as_deref().unwrap_or_default(), &hash)),
            namespace: meta.namespace.clone(),
            labels: Some(labels),
            annotations: Some(annotations),
            owner_references: Some(vec![ownership::controller_reference(
                super::API_VERSION,
                super::KIND,
                meta,
            )]),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicaSetSpec {
            replicas: Some(size),
            min_ready_seconds: spec.min_ready_seconds,
            selector,
            template: Some(template),
        }),
        status: None,
    }
}

/// Copies what a deployment hands down; what it keeps to itself stays.
pub(super) fn copy_annotations(from: Option<&BTreeMap<String, String>>, to: &mut BTreeMap<String, String>) {
    let own = [LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, ROLLBACK_TO];
    for (key, value) in from.into_iter().flatten().filter(|(key, _)| !own.contains(&key.as_str())) {
        to.insert(key.clone(), value.clone());
    }
}

pub(super) fn annotate_sizes(annotations: &mut BTreeMap<String, String>, desired: i32, max: i32) {
    annotations.insert(DESIRED_REPLICAS.into(), desired.to_string());
    annotations.insert(MAX_REPLICAS.into(), max.to_string());
}

/// Makes the set the newest; the revision that it had before goes into its history.
pub(super) fn raise_revision(annotations: &mut BTreeMap<String, String>, revision: i64) {
    let old = annotations.get(REVISION).cloned();
    let old_number = old.as_ref().map_or(Some(0), |old| old.parse::<i64>().ok());
    if old_number.is_none_or(|old| old >= revision) {
        return;
    }
    annotations.insert(REVISION.into(), revision.to_string());
    let Some(old) = old else { return };
    let history = annotations.get(REVISION_HISTORY).cloned().unwrap_or_default();
    let mut entries: Vec<&str> =
        history.split(',').filter(|entry| !entry.is_empty()).chain([old.as_str()]).collect();
    while entries.len() > 1 && entries.iter().map(|entry| entry.len() + 1).sum::<usize>() > MAX_HISTORY + 1 {
        entries.remove(0);
    }
    let joined = entries.join(",");
    annotations.insert(REVISION_HISTORY.into(), joined);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_revision_keeps_its_history() {
        for (revision, history, raise_to, expected) in [
            (None, None, 1, ("1", None)),
            (Some("1"), None, 3, ("3", Some("1"))),
            (Some("3"), Some("1"), 5, ("5", Some("1,3"))),
            (Some("5"), Some("1,3"), 4, ("5", Some("1,3"))),
        ] {
            let mut annotations = BTreeMap::new();
            annotations.extend(revision.map(|r: &str| (REVISION.to_owned(), r.to_owned())));
            annotations.extend(history.map(|h: &str| (REVISION_HISTORY.to_owned(), h.to_owned())));
            raise_revision(&mut annotations, raise_to);
            let seen =
                (annotations[REVISION].as_str(), annotations.get(REVISION_HISTORY).map(String::as_str));
            assert_eq!(seen, expected, "{revision:?} {history:?} {raise_to}");
        }
    }
}
