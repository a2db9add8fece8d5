//! What the containers of a pod ask for together.

use std::collections::BTreeMap;

use ironclad_api::quantity::Quantity;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::{Map, Value};

/// Amounts by the name of their resource.
pub(crate) type Amounts = BTreeMap<String, Quantity>;

const HUGE_PAGES: &str = "hugepages-";

/// What is no quantity is left out: the schema has refused it already.
pub(crate) fn amounts(list: Option<&BTreeMap<String, Text>>) -> Amounts {
    let read = |(name, text): (&String, &Text)| Some((name.clone(), Quantity::parse(&text.0).ok()?));
    list.into_iter().flatten().filter_map(read).collect()
}

/// The same out of an object's JSON.
pub(crate) fn amounts_of(list: Option<&Value>) -> Amounts {
    let read = |(name, value): (&String, &Value)| Some((name.clone(), Quantity::from_json(value).ok()?));
    list.and_then(Value::as_object).into_iter().flatten().filter_map(read).collect()
}

/// One container's part.
pub(crate) struct Part {
    pub amounts: Amounts,
    pub role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Runs with all the others.
    Regular,
    /// An init container that runs on (a sidecar).
    Sidecar,
    /// Runs alone but for the sidecars before it.
    Init,
}

/// The sum of what runs together, or what one init container needs if that is more.
/// Source: KEP-753, "Resources calculation for scheduling and pod admission".
pub(crate) fn aggregate(parts: impl IntoIterator<Item = Part>) -> Amounts {
    let (mut running, mut sidecars, mut initial) = (Amounts::new(), Amounts::new(), Amounts::new());
    for Part { amounts, role } in parts {
        match role {
            Role::Regular => add(&mut running, &amounts),
            Role::Sidecar => {
                add(&mut running, &amounts);
                add(&mut sidecars, &amounts);
                most(&mut initial, &sidecars);
            }
            Role::Init => {
                let mut together = amounts;
                add(&mut together, &sidecars);
                most(&mut initial, &together);
            }
        }
    }
    most(&mut running, &initial);
    running
}

/// The parts of a pod's containers; `field` is `requests` or `limits`.
pub(crate) fn parts<'a>(spec: &'a Map<String, Value>, field: &'a str) -> impl Iterator<Item = Part> + 'a {
    let list = |name: &str| spec.get(name).and_then(Value::as_array).into_iter().flatten();
    let part = move |container: &Value, role: Role| {
        let amounts = amounts_of(container.get("resources").and_then(|resources| resources.get(field)));
        Part { amounts, role }
    };
    let regular = list("containers").map(move |container| part(container, Role::Regular));
    let initial = list("initContainers").map(move |container| {
        let restarts = container.get("restartPolicy").and_then(Value::as_str);
        part(container, if restarts == Some("Always") { Role::Sidecar } else { Role::Init })
    });
    regular.chain(initial)
}

fn add(sum: &mut Amounts, more: &Amounts) {
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

// === names of resources ===

pub(crate) fn is_huge_page(name: &str) -> bool {
    name.starts_with(HUGE_PAGES)
}

/// The page size in a huge page resource's name.
pub(crate) fn huge_page_size(name: &str) -> Option<Quantity> {
    Quantity::parse(name.strip_prefix(HUGE_PAGES)?).ok()
}

/// Whether the resource is Kubernetes' own.
pub(crate) fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether limits may be higher than requests.
pub(crate) fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

/// Whether a pod as a whole may ask for it (KEP-2837).
pub(crate) fn is_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || is_huge_page(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_containers_count_where_they_need_more() {
        use Role::{Init, Regular, Sidecar};
        let check = |parts: &[(Role, &str)], want: &str| {
            let parts = parts.iter().map(|(role, cpu)| {
                let amounts = Amounts::from([("cpu".to_owned(), cpu.parse().expect("a quantity"))]);
                Part { amounts, role: *role }
            });
            assert_eq!(aggregate(parts)["cpu"].to_string(), want);
        };
        check(&[(Regular, "1"), (Regular, "500m")], "1500m");
        check(&[(Regular, "1"), (Init, "3")], "3");
        check(&[(Regular, "1"), (Init, "1"), (Init, "500m")], "1");
        check(&[(Regular, "1"), (Sidecar, "1"), (Init, "500m")], "2");
        check(&[(Regular, "1"), (Sidecar, "1"), (Init, "3")], "4");
        check(&[(Regular, "1"), (Init, "3"), (Sidecar, "1")], "3");
    }
}
