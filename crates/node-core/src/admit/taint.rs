//! Taints that keep pods from running on the node.

use k8s_openapi::api::core::v1::{Node, PodSpec, Toleration};

use super::Rejection;

/// Refuses a pod that does not tolerate a `NoExecute` taint. Others are the scheduler's business.
pub(super) fn check(pod: &PodSpec, node: &Node) -> Result<(), Rejection> {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let executing = taints.iter().filter(|taint| taint.effect == "NoExecute");
    for taint in executing {
        if !tolerates(pod, &taint.key, taint.value.as_deref().unwrap_or_default(), &taint.effect) {
            let why = "node(s) had taints that the pod didn't tolerate";
            return Err(Rejection::predicate("TaintToleration", why));
        }
    }
    Ok(())
}

/// Whether the pod puts up with that taint.
pub(super) fn tolerates(pod: &PodSpec, key: &str, value: &str, effect: &str) -> bool {
    pod.tolerations.iter().flatten().any(|t| one_tolerates(t, key, value, effect))
}

fn one_tolerates(toleration: &Toleration, key: &str, value: &str, effect: &str) -> bool {
    let stated = |field: &Option<String>| field.as_deref().unwrap_or_default().to_owned();
    let (own_key, own_effect) = (stated(&toleration.key), stated(&toleration.effect));
    if (!own_effect.is_empty() && own_effect != effect) || (!own_key.is_empty() && own_key != key) {
        return false;
    }
    let number = |text: &str| text.parse::<i64>().ok();
    let own_value = stated(&toleration.value);
    match toleration.operator.as_deref().unwrap_or("Equal") {
        "Exists" => true,
        "Equal" | "" => own_value == value,
        "Lt" => number(value).zip(number(&own_value)).is_some_and(|(taint, own)| taint < own),
        "Gt" => number(value).zip(number(&own_value)).is_some_and(|(taint, own)| taint > own),
        _ => false,
    }
}
