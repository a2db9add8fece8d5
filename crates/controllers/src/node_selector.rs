//! Which nodes a pod may run on, by its `nodeSelector`, required node affinity and tolerations.
//!
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/>.

use ironclad_api::labels::{Labels, Operator, Requirement, Selector};
use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration,
};

const NAME_FIELD: &str = "metadata.name";

/// Whether the node has the labels and the name that the pod requires.
pub fn matches(spec: &PodSpec, node: &Node) -> bool {
    let none = Labels::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&none);
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let selected =
        spec.node_selector.as_ref().is_none_or(|wanted| Selector::from_labels(wanted).matches(labels));
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    let fits = |term: &NodeSelectorTerm| term_matches(term, name, labels);
    selected && required.is_none_or(|required| required.node_selector_terms.iter().any(fits))
}

/// A term without requirements, or with one that does not parse, matches nothing.
fn term_matches(term: &NodeSelectorTerm, name: &str, labels: &Labels) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|wanted| label_matches(wanted, labels))
        && fields.iter().all(|wanted| name_matches(wanted, name))
}

fn label_matches(wanted: &NodeSelectorRequirement, labels: &Labels) -> bool {
    let operator = match wanted.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::GreaterThan,
        "Lt" => Operator::LessThan,
        _ => return false,
    };
    let requirement = Requirement::new(&wanted.key, operator, wanted.values.clone().unwrap_or_default());
    requirement.is_ok_and(|requirement| requirement.matches(labels))
}

fn name_matches(wanted: &NodeSelectorRequirement, name: &str) -> bool {
    match (wanted.key.as_str(), wanted.operator.as_str(), wanted.values.as_deref()) {
        (NAME_FIELD, "In", Some([one])) => one == name,
        (NAME_FIELD, "NotIn", Some([one])) => one != name,
        _ => false,
    }
}

/// The taints of these effects that no toleration answers.
pub fn is_repelled(tolerations: &[Toleration], node: &Node, effects: &[&str]) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let mut concerned = taints.iter().filter(|taint| effects.contains(&taint.effect.as_str()));
    concerned.any(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint)))
}

/// `k8s.io/api/core/v1` `Toleration.ToleratesTaint`.
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (effect, key) = (text(&toleration.effect), text(&toleration.key));
    if !effect.is_empty() && effect != taint.effect || !key.is_empty() && key != taint.key {
        return false;
    }
    match text(&toleration.operator).as_str() {
        "" | "Equal" => text(&toleration.value) == text(&taint.value),
        "Exists" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn nodes_are_required_by_label_and_name() {
        let node: Node =
            serde_json::from_value(json!({"metadata": {"name": "n", "labels": {"a": "1"}}})).expect("a node");
        let check = |spec: Value, want: bool| {
            let mut whole = json!({"containers": []});
            whole.as_object_mut().expect("an object").extend(spec.as_object().cloned().unwrap_or_default());
            let spec: PodSpec = serde_json::from_value(whole).expect("a spec");
            assert_eq!(matches(&spec, &node), want, "{spec:?}");
        };
        let terms = |terms: Value| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}});
        check(json!({}), true);
        check(json!({"nodeSelector": {"a": "1"}}), true);
        check(json!({"nodeSelector": {"a": "2"}}), false);
        check(terms(json!([])), false);
        check(terms(json!([{}])), false);
        check(terms(json!([{"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["0"]}]}])), true);
        check(terms(json!([{"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}])), false);
        check(
            terms(
                json!([{}, {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]),
            ),
            true,
        );
        check(
            terms(json!([{"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n"]}]}])),
            false,
        );
    }

    #[test]
    fn taints_repel_who_does_not_tolerate_them() {
        let node: Node = serde_json::from_value(json!({"spec": {"taints": [
            {"key": "a", "value": "1", "effect": "NoSchedule"}, {"key": "b", "effect": "PreferNoSchedule"},
        ]}}))
        .expect("a node");
        let check = |tolerations: Value, effects: &[&str], want: bool| {
            let tolerations: Vec<Toleration> = serde_json::from_value(tolerations).expect("tolerations");
            assert_eq!(is_repelled(&tolerations, &node, effects), want, "{tolerations:?}");
        };
        check(json!([]), &["NoSchedule"], true);
        check(json!([]), &["NoExecute"], false);
        check(json!([{"key": "a", "operator": "Exists"}]), &["NoSchedule"], false);
        check(json!([{"key": "a", "value": "2"}]), &["NoSchedule"], true);
        check(json!([{"operator": "Exists", "effect": "NoExecute"}]), &["NoSchedule"], true);
    }
}
