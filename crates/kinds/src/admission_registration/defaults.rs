//! What is filled in where nothing is said.

use serde_json::{Map, Value, json};

use crate::spec::{default_to, object_at, objects_at};

/// A webhook of either phase.
pub(super) fn webhook(hook: &mut Map<String, Value>, mutating: bool) {
    default_to(hook, "failurePolicy", "Fail");
    matching(hook);
    default_to(hook, "timeoutSeconds", 10);
    if mutating {
        default_to(hook, "reinvocationPolicy", "Never");
    }
    scopes(hook, "rules");
    let service = object_at(hook, "clientConfig").and_then(|client| object_at(client, "service"));
    if let Some(service) = service {
        default_to(service, "port", 443);
    }
}

/// The `matchConstraints` of a policy, the `matchResources` of a binding.
pub(super) fn match_resources(spec: &mut Map<String, Value>, field: &str) {
    if let Some(resources) = object_at(spec, field) {
        matching(resources);
        scopes(resources, "resourceRules");
        scopes(resources, "excludeResourceRules");
    }
}

fn matching(parent: &mut Map<String, Value>) {
    default_to(parent, "matchPolicy", "Equivalent");
    default_to(parent, "namespaceSelector", json!({}));
    default_to(parent, "objectSelector", json!({}));
}

fn scopes(parent: &mut Map<String, Value>, rules: &str) {
    for rule in objects_at(parent, rules) {
        default_to(rule, "scope", "*");
    }
}
