//! A pod's wishes about which pods it shares a topology domain with.
//!
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity>.

use std::collections::BTreeSet;

use ironclad_api::labels::{Labels, Selector};
use k8s_openapi::api::core::v1::{Affinity, PodAffinityTerm, WeightedPodAffinityTerm};

use crate::selectors;

/// One term: the pods it means, and the node label whose value makes a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub selector: Selector,
    pub topology_key: String,
    pub namespaces: BTreeSet<String>,
    /// Namespaces by their labels, beside those named.
    pub namespace_selector: Selector,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedTerm {
    pub term: Term,
    pub weight: i64,
}

/// All terms of a pod, parsed once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    pub required: Vec<Term>,
    pub required_anti: Vec<Term>,
    pub preferred: Vec<WeightedTerm>,
    pub preferred_anti: Vec<WeightedTerm>,
}

impl Terms {
    /// `namespace` is the pod's own, which a term without any namespace means.
    pub fn of(affinity: Option<&Affinity>, namespace: &str) -> Self {
        let to = affinity.and_then(|affinity| affinity.pod_affinity.as_ref());
        let from = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
        let required = |terms: Option<&Vec<PodAffinityTerm>>| {
            terms.into_iter().flatten().map(|term| Term::of(term, namespace)).collect()
        };
        let preferred = |terms: Option<&Vec<WeightedPodAffinityTerm>>| {
            let weighted = terms.into_iter().flatten().map(|weighted| WeightedTerm {
                term: Term::of(&weighted.pod_affinity_term, namespace),
                weight: weighted.weight.into(),
            });
            weighted.collect()
        };
        Self {
            required: required(
                to.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref()),
            ),
            required_anti: required(
                from.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref()),
            ),
            preferred: preferred(
                to.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref()),
            ),
            preferred_anti: preferred(
                from.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref()),
            ),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.required.is_empty()
            && self.required_anti.is_empty()
            && self.preferred.is_empty()
            && self.preferred_anti.is_empty()
    }
}

impl Term {
    fn of(term: &PodAffinityTerm, own_namespace: &str) -> Self {
        let mut namespaces: BTreeSet<String> = term.namespaces.iter().flatten().cloned().collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.insert(own_namespace.to_owned());
        }
        Self {
            selector: selectors::parse(term.label_selector.as_ref()),
            topology_key: term.topology_key.clone(),
            namespaces,
            namespace_selector: selectors::parse(term.namespace_selector.as_ref()),
        }
    }

    /// Whether a pod with these labels, in this namespace with its labels, is meant.
    pub fn matches(&self, namespace: &str, namespace_labels: &Labels, labels: &Labels) -> bool {
        let in_namespace =
            self.namespaces.contains(namespace) || self.namespace_selector.matches(namespace_labels);
        in_namespace && self.selector.matches(labels)
    }
}
