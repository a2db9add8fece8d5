//! The pod of a node.

use std::collections::BTreeMap;

use ironclad_api::Object;
use ironclad_control::{Tell, Write};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodTemplateSpec,
};

use super::{API_VERSION, KIND, nodes};
use crate::history::HASH;
use crate::ownership::{controller_reference, event_reference, key_of};
use crate::pods;
use crate::resources::PODS;

const NAME_FIELD: &str = "metadata.name";
/// The label by which pods were told apart before there were revisions.
const GENERATION: &str = "pod-template-generation";
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// How the pods of the present template are known.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub hash: String,
    generation: Option<String>,
}

impl Version {
    pub fn new(set: &DaemonSet, hash: String) -> Self {
        let annotations = set.metadata.annotations.as_ref();
        let generation = annotations.and_then(|annotations| annotations.get(TEMPLATE_GENERATION));
        let generation = generation.filter(|generation| generation.parse::<i64>().is_ok()).cloned();
        Self { hash, generation }
    }

    /// Whether the pod is of the present template.
    pub fn is_of(&self, pod: &Pod) -> bool {
        let label = |name: &str| pod.metadata.labels.as_ref().and_then(|labels| labels.get(name));
        let by_hash = !self.hash.is_empty() && label(HASH) == Some(&self.hash);
        by_hash || (self.generation.is_some() && label(GENERATION) == self.generation.as_ref())
    }
}

/// The node that a pod runs on or was made for.
pub(super) fn node_of(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(name) = spec.node_name.as_deref().filter(|name| !name.is_empty()) {
        return Some(name);
    }
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
    let mut fields = required.node_selector_terms.iter().flat_map(|term| term.match_fields.iter().flatten());
    let field = fields.find(|field| field.key == NAME_FIELD && field.operator == "In")?;
    match field.values.as_deref() {
        Some([name]) => Some(name),
        _ => None,
    }
}

pub(super) fn create(set: &DaemonSet, version: &Version, node: &str) -> Option<Write> {
    let template = &set.spec.as_ref()?.template;
    let mut metadata = template.metadata.clone().unwrap_or_default();
    let labels: &mut BTreeMap<String, String> = metadata.labels.get_or_insert_default();
    labels.insert(HASH.into(), version.hash.clone());
    if let Some(generation) = &version.generation {
        labels.insert(GENERATION.into(), generation.clone());
    }
    let mut spec = nodes::spec_of_pods(set);
    bind(&mut spec, node);
    let template = PodTemplateSpec { metadata: Some(metadata), spec: Some(spec) };
    let reference = controller_reference(API_VERSION, KIND, &set.metadata);
    let pod = pods::from_template(&template, &set.metadata, reference);
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let write = Write::create(PODS.collection(namespace), Object::from_typed(&pod).ok()?);
    Some(write.telling(tell(
        set,
        ("SuccessfulCreate", "Created pod: "),
        ("FailedCreate", "Error creating: "),
    )))
}

/// Asks the scheduler for this node, in the place of whatever nodes were required.
fn bind(spec: &mut k8s_openapi::api::core::v1::PodSpec, node: &str) {
    let field = NodeSelectorRequirement {
        key: NAME_FIELD.into(),
        operator: "In".into(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm { match_fields: Some(vec![field]), match_expressions: None };
    let affinity = spec.affinity.get_or_insert_default().node_affinity.get_or_insert_default();
    affinity.required_during_scheduling_ignored_during_execution =
        Some(NodeSelector { node_selector_terms: vec![term] });
}

pub(super) fn delete(set: &DaemonSet, pod: &Pod) -> Write {
    let target = PODS.object(&key_of(&pod.metadata));
    let write = Write::delete(target, pod.metadata.uid.clone().unwrap_or_default());
    write.telling(tell(set, ("SuccessfulDelete", "Deleted pod: "), ("FailedDelete", "Error deleting: ")))
}

fn tell(
    set: &DaemonSet,
    success: (&'static str, &'static str),
    failure: (&'static str, &'static str),
) -> Tell {
    Tell { regarding: event_reference(API_VERSION, KIND, &set.metadata), success, failure }
}
