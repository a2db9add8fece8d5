//! `node.k8s.io/v1 RuntimeClass`.
//!
//! Source: <https://kubernetes.io/docs/concepts/containers/runtime-class/>.

use std::collections::HashSet;

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::core::v1::Toleration;
use k8s_openapi::api::node::v1 as api;

use crate::columns::{age, name, text};
use crate::fields::{immutable, items, text as of};
use crate::go_form;
use crate::node_labels;
use crate::pod_template::rules::{resources, tolerations};
use crate::spec::{spec, typed};

pub struct RuntimeClass {
    spec: KindSpec,
}

impl RuntimeClass {
    pub fn new() -> Self {
        let handler = text("Handler", |class| class.str_at(&["handler"]).to_owned());
        Self {
            spec: KindSpec {
                columns: vec![name(), handler, age()],
                ..spec("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", Scope::Cluster)
            },
        }
    }
}

impl Default for RuntimeClass {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for RuntimeClass {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// Its metadata is checked by the rules of all objects, custom ones included.
    fn knows_finalizers(&self) -> bool {
        false
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let class: api::RuntimeClass = typed(new);
        let path = Path::new("handler");
        let mut errors = match class.handler.as_str() {
            "" => vec![FieldError::required(&path, "")],
            handler => validation::invalid_each(&path, handler, validation::dns1123_label(handler)),
        };
        let overhead = class.overhead.and_then(|overhead| overhead.pod_fixed);
        errors.extend(overhead.iter().flat_map(|given| resources::overhead(given, &Path::new("overhead"))));
        errors.extend(class.scheduling.iter().flat_map(scheduling));
        errors.extend(old.into_iter().flat_map(|old| immutable(&path, &["handler"], new, old)));
        errors
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        let class: api::RuntimeClass = typed(new);
        let selector = class.scheduling.and_then(|scheduling| scheduling.node_selector);
        let path = Path::new("scheduling").child("nodeSelector");
        let texts = selector.iter().flatten().filter_map(|(label, _)| node_labels::deprecated(label));
        texts.map(|text| format!("{path}: {text}")).collect()
    }
}

fn scheduling(scheduling: &api::Scheduling) -> Vec<FieldError> {
    let path = Path::new("scheduling");
    let mut errors = match &scheduling.node_selector {
        Some(selector) => validation::label::labels(&path.child("nodeSelector"), selector),
        None => Vec::new(),
    };
    let (given, path) = (items(&scheduling.tolerations), path.child("tolerations"));
    errors.extend(tolerations::tolerations(given, &path));
    let mut seen = HashSet::new();
    for (index, toleration) in given.iter().enumerate() {
        if !seen.insert(key(toleration)) {
            errors
                .push(FieldError::duplicate(&path.index(index), go_form::compact("Toleration", toleration)));
        }
    }
    errors
}

fn key(toleration: &Toleration) -> [&str; 4] {
    let Toleration { key, operator, value, effect, .. } = toleration;
    [of(key), of(operator), of(value), of(effect)]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{check_create, check_table, check_update, check_warnings};

    fn class(more: Value) -> Value {
        let mut class = json!({"metadata": {"name": "g"}, "handler": "gvisor"});
        for (field, value) in more.as_object().cloned().unwrap_or_default() {
            class[field] = value;
        }
        class
    }

    #[test]
    fn classes_are_held_against_upstreams_rules() {
        let check = |more: Value, want: &[&str]| check_create(&RuntimeClass::new(), class(more), want);
        check(
            json!({"overhead": {"podFixed": {"cpu": "1"}}, "scheduling": {"nodeSelector": {"a": "b"}}}),
            &[],
        );
        check(json!({"handler": ""}), &["handler: Required value"]);
        check(
            json!({"overhead": {"podFixed": {"pods": "1"}}}),
            &[r#"overhead.limits[pods]: Invalid value: "pods": must be a standard resource for containers"#],
        );
        let toleration = json!({"key": "a", "operator": "Exists", "effect": "NoSchedule"});
        check(
            json!({"scheduling": {"tolerations": [toleration, toleration]}}),
            &[
                r#"scheduling.tolerations[1]: Duplicate value: {"Key":"a","Operator":"Exists","Value":"","Effect":"NoSchedule","TolerationSeconds":null}"#,
            ],
        );
        check_update(
            &RuntimeClass::new(),
            class(json!({"handler": "kata"})),
            class(json!({})),
            &[r#"handler: Invalid value: "kata": field is immutable"#],
        );
        check_warnings(
            &RuntimeClass::new(),
            class(json!({"scheduling": {"nodeSelector": {"beta.kubernetes.io/os": "a"}}})),
            &["scheduling.nodeSelector: deprecated since v1.14; use \"kubernetes.io/os\" instead"],
        );
        check_table(
            &RuntimeClass::new(),
            class(json!({})),
            &[("Name", json!("g")), ("Handler", json!("gvisor"))],
        );
    }
}
