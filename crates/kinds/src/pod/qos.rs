//! The quality of service class: who is squeezed first when a node runs short.
//! Source: <https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/>

use std::collections::BTreeMap;

use ironclad_api::Object;
use ironclad_api::quantity::Quantity;
use serde_json::{Map, Value};

use crate::pod_template::container_resources::{Amounts, amounts_of};

const COMPUTE: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed`, `Burstable` or `BestEffort`, by the pod's spec.
pub(super) fn class(pod: &Object) -> &'static str {
    let empty = Map::new();
    let spec = pod.0.get("spec").and_then(Value::as_object).unwrap_or(&empty);
    let asking = match spec.get("resources").filter(|resources| !resources.is_null()) {
        Some(resources) => vec![resources],
        None => ["containers", "initContainers"].iter().flat_map(|list| resources(spec, list)).collect(),
    };
    let (mut requests, mut limits, mut all_limited) = (BTreeMap::new(), BTreeMap::new(), true);
    for resources in asking {
        let limited = positive(amounts_of(resources.get("limits")));
        all_limited &= limited.len() == COMPUTE.len();
        add(&mut limits, limited);
        add(&mut requests, positive(amounts_of(resources.get("requests"))));
    }
    match (requests.is_empty() && limits.is_empty(), all_limited && requests == limits) {
        (true, _) => "BestEffort",
        (false, true) => "Guaranteed",
        (false, false) => "Burstable",
    }
}

fn resources<'a>(spec: &'a Map<String, Value>, list: &str) -> impl Iterator<Item = &'a Value> {
    let containers = spec.get(list).and_then(Value::as_array).into_iter().flatten();
    static NONE: Value = Value::Null;
    containers.map(|container| container.get("resources").unwrap_or(&NONE))
}

fn positive(mut amounts: Amounts) -> Amounts {
    amounts.retain(|name, amount| COMPUTE.contains(&name.as_str()) && amount.sign() > 0);
    amounts
}

fn add(sum: &mut BTreeMap<String, Quantity>, more: Amounts) {
    for (name, amount) in more {
        *sum.entry(name).or_default() += &amount;
    }
}

#[cfg(test)]
mod tests {
    use super::class;
    use ironclad_api::Object;
    use serde_json::{Value, json};

    #[test]
    fn the_class_follows_from_requests_and_limits() {
        let check = |spec: Value, want: &str| {
            let pod = Object::from_value(json!({ "spec": spec })).expect("an object");
            assert_eq!(class(&pod), want, "{spec}");
        };
        let full =
            json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1Gi"}});
        let half = json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}});
        let of = |resources: &[&Value]| {
            let containers: Vec<Value> = resources.iter().map(|r| json!({ "resources": r })).collect();
            json!({ "containers": containers })
        };
        check(of(&[&json!({})]), "BestEffort");
        check(of(&[&json!({"requests": {"cpu": "0"}})]), "BestEffort");
        check(of(&[&json!({"requests": {"ephemeral-storage": "1"}})]), "BestEffort");
        check(of(&[&full]), "Guaranteed");
        check(of(&[&full, &full]), "Guaranteed");
        check(of(&[&full, &json!({})]), "Burstable");
        check(of(&[&half]), "Burstable");
        check(of(&[&json!({"requests": {"cpu": "1"}})]), "Burstable");
        check(json!({"resources": full, "containers": [{"resources": {}}]}), "Guaranteed");
        check(json!({"resources": half, "containers": [{"resources": full}]}), "Burstable");
    }
}
