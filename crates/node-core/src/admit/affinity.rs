//! Node selectors and required node affinity.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec};

use super::Rejection;

type Labels = BTreeMap<String, String>;

/// Refuses a pod whose selector or affinity the node does not match.
pub(super) fn check(pod: &PodSpec, node: &Node) -> Result<(), Rejection> {
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let selected = pod.node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let affinity = pod.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
    let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    // Terms are alternatives; an empty list of them matches nothing.
    let liked =
        required.is_none_or(|r| r.node_selector_terms.iter().any(|term| matches(term, &labels, name)));
    let why = "node(s) didn't match Pod's node affinity/selector";
    if selected && liked { Ok(()) } else { Err(Rejection::predicate("NodeAffinity", why)) }
}

/// A term without requirements matches nothing.
fn matches(term: &NodeSelectorTerm, labels: &Labels, name: &str) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let named = [("metadata.name".to_owned(), name.to_owned())].into();
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|requirement| holds(requirement, labels))
        && fields.iter().all(|requirement| holds(requirement, &named))
}

fn holds(requirement: &NodeSelectorRequirement, labels: &Labels) -> bool {
    let value = labels.get(&requirement.key);
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = value.is_some_and(|value| values.contains(value));
    let compared = |greater: bool| {
        let bound = values.first().and_then(|v| v.parse::<i64>().ok());
        match (value.and_then(|v| v.parse::<i64>().ok()), bound) {
            (Some(value), Some(bound)) if greater => value > bound,
            (Some(value), Some(bound)) => value < bound,
            _ => false,
        }
    };
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared(true),
        "Lt" => compared(false),
        _ => false,
    }
}
