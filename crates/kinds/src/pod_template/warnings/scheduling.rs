//! Labels that nodes no longer have, and selectors that match nothing.

use ironclad_api::Path;
use k8s_openapi::api::core::v1 as core;

use crate::node_labels::{deprecated, term_warnings};

const NO_PODS: &str = "a null labelSelector results in matching no pod";
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub(super) fn nodes(spec: &core::PodSpec, path: &Path) -> Vec<String> {
    let selector = spec.node_selector.iter().flatten();
    let mut warnings: Vec<String> = selector
        .filter_map(|(key, _)| Some(format!("{}: {}", path.child("nodeSelector").key(key), deprecated(key)?)))
        .collect();
    let Some(affinity) = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref()) else {
        return warnings;
    };
    let path = path.child("affinity").child("nodeAffinity");
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref();
    for (index, term) in required.iter().flat_map(|required| &required.node_selector_terms).enumerate() {
        let path = path.child(REQUIRED).child("nodeSelectorTerms").index(index);
        warnings.extend(term_warnings(term, false, &path));
    }
    let preferred = affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten();
    for (index, term) in preferred.enumerate() {
        let path = path.child(PREFERRED).index(index).child("preference");
        warnings.extend(term_warnings(&term.preference, true, &path));
    }
    warnings
}

pub(super) fn spread(spec: &core::PodSpec, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    for (index, constraint) in spec.topology_spread_constraints.iter().flatten().enumerate() {
        let path = path.child("topologySpreadConstraints").index(index);
        if let Some(text) = deprecated(&constraint.topology_key) {
            warnings.push(format!("{}: {} is {text}", path.child("topologyKey"), constraint.topology_key));
        }
        if constraint.label_selector.is_none() {
            warnings.push(format!("{}: {NO_PODS}", path.child("labelSelector")));
        }
    }
    warnings
}

pub(super) fn pods(spec: &core::PodSpec, path: &Path) -> Vec<String> {
    let Some(affinity) = &spec.affinity else { return Vec::new() };
    let path = path.child("affinity");
    let mut warnings = Vec::new();
    if let Some(pods) = &affinity.pod_affinity {
        let required = pods.required_during_scheduling_ignored_during_execution.as_deref();
        let preferred = pods.preferred_during_scheduling_ignored_during_execution.as_deref();
        warnings.extend(terms(required, preferred, &path.child("podAffinity")));
    }
    if let Some(pods) = &affinity.pod_anti_affinity {
        let required = pods.required_during_scheduling_ignored_during_execution.as_deref();
        let preferred = pods.preferred_during_scheduling_ignored_during_execution.as_deref();
        warnings.extend(terms(required, preferred, &path.child("podAntiAffinity")));
    }
    warnings
}

fn terms(
    required: Option<&[core::PodAffinityTerm]>,
    preferred: Option<&[core::WeightedPodAffinityTerm]>,
    path: &Path,
) -> Vec<String> {
    let required = required.unwrap_or_default().iter().enumerate();
    let required = required.filter(|(_, term)| term.label_selector.is_none());
    let required = required.map(|(index, _)| path.child(REQUIRED).index(index).child("labelSelector"));
    let preferred = preferred.unwrap_or_default().iter().enumerate();
    let preferred = preferred.filter(|(_, term)| term.pod_affinity_term.label_selector.is_none());
    let preferred =
        preferred.map(|(index, _)| path.child(PREFERRED).index(index).child("podAffinityTerm.labelSelector"));
    required.chain(preferred).map(|path| format!("{path}: {NO_PODS}")).collect()
}
