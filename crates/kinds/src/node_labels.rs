//! Labels of nodes that are no longer what they were, for warnings.

use ironclad_api::{Path, validation};
use k8s_openapi::api::core::v1 as core;

/// What users of a label are told.
pub(crate) fn deprecated(label: &str) -> Option<&'static str> {
    Some(match label {
        "beta.kubernetes.io/arch" => "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os" => "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"
        }
        "failure-domain.beta.kubernetes.io/zone" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"
        }
        "beta.kubernetes.io/instance-type" => {
            "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"
        }
        "app.kubernetes.io/created-by" => "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods" => {
            "deprecated since v1.22; use Taints and Tolerations instead"
        }
        "node-role.kubernetes.io/master" => "use \"node-role.kubernetes.io/control-plane\" instead",
        _ => return None,
    })
}

/// Labels in a selector term; the values too where an invalid one is no error.
pub(crate) fn term_warnings(term: &core::NodeSelectorTerm, check_values: bool, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    for (index, expression) in term.match_expressions.iter().flatten().enumerate() {
        let path = path.child("matchExpressions").index(index);
        if let Some(text) = deprecated(&expression.key) {
            warnings.push(format!("{}: {} is {text}", path.child("key"), expression.key));
        }
        for (index, value) in expression.values.iter().flatten().enumerate().filter(|_| check_values) {
            let faults = validation::label_value(value);
            let path = path.child("values").index(index);
            warnings.extend(faults.iter().map(|fault| format!("{path}: {value} is invalid, {fault}")));
        }
    }
    warnings
}
