//! What a pod asks for and is limited to as a whole.

use ironclad_api::Object;
use serde_json::Value;

use super::{Amounts, amounts_of};
use crate::plugins::pod_references;

/// Resources that a pod may ask for as a whole (KEP-2837).
const POD_LEVEL: [&str; 2] = ["cpu", "memory"];

/// `field` is `requests` or `limits`: what runs together, or what one init container needs if that is more;
/// the pod's own word counts before.
pub(in crate::plugins) fn of_pod(pod: &Object, field: &str) -> Amounts {
    let of = |container: &Value| amounts_of(container.get("resources").and_then(|all| all.get(field)));
    let mut together = Amounts::new();
    pod_references::list(pod, "containers").for_each(|container| add(&mut together, &of(container)));
    let (mut sidecars, mut initial) = (Amounts::new(), Amounts::new());
    for container in pod_references::list(pod, "initContainers") {
        let mut own = of(container);
        if container["restartPolicy"] == "Always" {
            add(&mut together, &own);
            add(&mut sidecars, &own);
            most(&mut initial, &sidecars);
        } else {
            add(&mut own, &sidecars);
            most(&mut initial, &own);
        }
    }
    most(&mut together, &initial);
    let own = amounts_of(pod.at(&["spec", "resources", field]));
    together.extend(own.into_iter().filter(|(name, _)| POD_LEVEL.contains(&name.as_str())));
    together
}

pub(in crate::plugins) fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        *sum.entry(name.clone()).or_default() += amount;
    }
}

fn most(most: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let entry = most.entry(name.clone()).or_insert_with(|| amount.clone());
        if *entry < *amount {
            *entry = amount.clone();
        }
    }
}
