//! Names of resources (`cpu`, `requests.storage`, `example.com/gpu`), and what amounts of them may be.
//!
//! Source: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>,
//! <https://kubernetes.io/docs/concepts/policy/resource-quotas/>.

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Path, validation};

use crate::pod_template::container_resources::{is_huge_page, is_native};

type Errors = Vec<FieldError>;

/// Names without a prefix that mean something.
const STANDARD: [&str; 20] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];
/// Of those, what is counted.
const COUNTED: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];
const OF_CONTAINERS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
const QUOTA_PREFIX: &str = "requests.";

/// The name of any resource.
pub(crate) fn resource(name: &str, path: &Path) -> Errors {
    let errors = validation::label::label_key(path, name);
    let standard = STANDARD.contains(&name) || is_huge_page(name) || name.starts_with("requests.hugepages-");
    if errors.is_empty() && !name.contains('/') && !standard {
        let detail = "must be a standard resource type or fully qualified";
        return vec![FieldError::invalid(path, name, detail)];
    }
    errors
}

/// The name of a resource that containers ask for.
pub(crate) fn container_resource(name: &str, path: &Path) -> Errors {
    let mut errors = resource(name, path);
    let plain = !name.contains('/');
    if plain && !OF_CONTAINERS.contains(&name) && !is_huge_page(name) {
        errors.push(FieldError::invalid(path, name, "must be a standard resource for containers"));
    } else if !plain && !is_native(name) && !is_extended(name) {
        errors.push(FieldError::invalid(path, name, "doesn't follow extended resource name standard"));
    }
    errors
}

/// An amount: not negative, and whole where the resource is counted.
pub(crate) fn amount(resource: &str, amount: &Quantity, path: &Path) -> Errors {
    let mut errors = validation::number::quantity_not_negative(path, amount);
    let whole = COUNTED.contains(&resource) || is_extended(resource);
    if whole && amount.milli_value() % 1000 != 0 {
        errors.push(FieldError::invalid(path, amount.to_string(), "must be an integer"));
    }
    errors
}

/// A resource of somebody else, which nodes count in whole units; its name must be valid in a quota too.
pub(crate) fn is_extended(name: &str) -> bool {
    let in_quota = format!("{QUOTA_PREFIX}{name}");
    !is_native(name) && !name.starts_with(QUOTA_PREFIX) && validation::qualified_name(&in_quota).is_empty()
}
