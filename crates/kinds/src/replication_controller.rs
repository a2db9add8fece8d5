//! `v1 ReplicationController`.

use ironclad_api::field::ErrorKind;
use ironclad_api::labels::Selector;
use ironclad_api::object::string_map;
use ironclad_api::params::PropagationPolicy;
use ironclad_api::{FieldError, Object, Path, Status, validation};
use ironclad_engine::Column;
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, SelectableField, Strategy, Subresource};
use serde_json::{Value, json};

use crate::columns::{age, name, number, text, wide};
use crate::pod_template::columns::{containers_images, labels_text};
use crate::pod_template::workload;
use crate::spec::{default_to, names, spec};

/// Annotations of fields that an older version of the API could not say.
const NOT_CONVERTIBLE: &str = "non-convertible.kubernetes.io";

pub struct ReplicationController {
    spec: KindSpec,
}

impl ReplicationController {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["rc"]),
                categories: names(["all"]),
                columns: columns(),
                selectable: vec![SelectableField::at("status.replicas").or("0")],
                subresources: vec![Subresource::scale(workload::scale_paths()), Subresource::status()],
                generation: true,
                storage_prefix: Some("controllers".into()),
                ..spec("", "v1", "ReplicationController", "replicationcontrollers", Scope::Namespaced)
            },
        }
    }
}

impl Default for ReplicationController {
    fn default() -> Self {
        Self::new()
    }
}

fn columns() -> Vec<Column> {
    let count = |name: &'static str, path: [&'static str; 2]| {
        number(name, move |object| object.at(&path).and_then(Value::as_i64).unwrap_or(0))
    };
    let mut columns = vec![
        name(),
        count("Desired", ["spec", "replicas"]),
        count("Current", ["status", "replicas"]),
        count("Ready", ["status", "readyReplicas"]),
        age(),
    ];
    columns.extend(containers_images());
    columns.push(wide(text("Selector", |object| labels_text(object.at(&["spec", "selector"])))));
    columns
}

impl Strategy for ReplicationController {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, controller: &mut Object) {
        default_to(controller.section_mut("spec"), "replicas", 1);
        if has_template(controller) {
            workload::default_template(controller);
            take_labels_of_pods(controller);
        }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        if old.is_some() && preparation.part == Part::Status {
            return Ok(());
        }
        if old.is_none() {
            new.0.insert("status".into(), json!({"replicas": 0}));
        }
        if has_template(new) {
            workload::prepare_template(new, old);
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        if old.is_some() && preparation.part == Part::Status {
            return validate_status(new);
        }
        let mut errors = validate_spec(new, old);
        errors.extend(old.into_iter().flat_map(|old| not_convertible(new, old)));
        errors
    }

    /// After an update upstream looks at the template that was there before.
    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        match old {
            Some(old) if old.generation() == new.generation() => Vec::new(),
            Some(old) => workload::template_warnings(old),
            None => workload::warnings(new, None),
        }
    }

    /// Upstream keeps it so for the clients of old.
    fn default_propagation(&self) -> Option<PropagationPolicy> {
        Some(PropagationPolicy::Orphan)
    }
}

fn has_template(controller: &Object) -> bool {
    controller.at(&["spec", "template"]).is_some_and(Value::is_object)
}

/// A controller without selector or labels has those of its pods.
fn take_labels_of_pods(controller: &mut Object) {
    let labels = controller.at(&["spec", "template", "metadata", "labels"]).cloned();
    let Some(labels) = labels.filter(Value::is_object) else { return };
    let absent = |map: Option<&Value>| map.and_then(Value::as_object).is_none_or(|map| map.is_empty());
    if absent(controller.at(&["spec", "selector"])) {
        controller.section_mut("spec").insert("selector".into(), labels.clone());
    }
    if absent(controller.at(&["metadata", "labels"])) {
        controller.set_meta("labels", labels);
    }
}

// === validation ===

fn validate_spec(new: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let path = Path::new("spec");
    let mut errors = workload::not_negative(new, "spec", &["minReadySeconds"]);
    let selector = string_map(new.at(&["spec", "selector"]));
    if selector.is_empty() {
        errors.push(FieldError::required(&path.child("selector"), ""));
    }
    match new.at(&["spec", "replicas"]).and_then(Value::as_i64) {
        None => errors.push(FieldError::required(&path.child("replicas"), "")),
        Some(replicas) => errors.extend(validation::number::not_negative(&path.child("replicas"), replicas)),
    }
    if !has_template(new) {
        errors.push(FieldError::required(&path.child("template"), ""));
        return errors;
    }
    if !Selector::from_labels(&selector).matches(&workload::template_labels(new)) {
        errors.push(workload::unselected(new));
    }
    errors.extend(workload::template_rules(new, old));
    errors.extend(workload::runs_for_ever(new, "ReplicationController"));
    errors
}

/// What an annotation says that it stands for cannot change.
fn not_convertible(new: &Object, old: &Object) -> Vec<FieldError> {
    let annotations = string_map(old.metadata().and_then(|metadata| metadata.get("annotations")));
    let path = Path::new("spec").child("selector");
    let mut errors = Vec::new();
    for (key, value) in annotations.iter().filter(|(key, _)| key.starts_with(NOT_CONVERTIBLE)) {
        let Some((_, field)) = key.split_once('/').filter(|(_, field)| !field.contains('/')) else {
            continue;
        };
        let selector = |object: &Object| object.at(&["spec", "selector"]).cloned().unwrap_or_default();
        if !field.contains("selector") {
            errors.push(FieldError {
                kind: ErrorKind::NotFound,
                field: field.to_owned(),
                bad_value: value.into(),
                detail: "unknown non-convertible field".to_owned(),
            });
        } else if selector(old) != selector(new) {
            errors.push(FieldError::invalid(&path, selector(new), "cannot update non-convertible selector"));
        }
    }
    errors
}

fn validate_status(controller: &Object) -> Vec<FieldError> {
    let fields =
        ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"];
    let mut errors = workload::not_negative(controller, "status", &fields);
    let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    errors.extend(workload::replica_counts(controller, &parts));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_create, check_table, check_update, object, write};

    fn controller(spec: Value) -> Value {
        let mut whole = json!({
            "apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "r", "namespace": "b"},
            "spec": {"template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}},
        });
        for (field, value) in spec.as_object().cloned().unwrap_or_default() {
            whole["spec"][field] = value;
        }
        whole
    }

    fn check(spec: Value, want: &[&str]) {
        check_create(&ReplicationController::new(), controller(spec), want);
    }

    #[test]
    fn discovery_is_upstreams() {
        let kind = ReplicationController::new();
        let spec = kind.spec();
        assert_eq!((&*spec.short_names, &*spec.categories), (&names(["rc"])[..], &names(["all"])[..]));
        let subresources: Vec<_> = spec.subresources.iter().map(|sub| &*sub.name).collect();
        assert_eq!(subresources, ["scale", "status"]);
    }

    #[test]
    fn selector_and_labels_are_those_of_the_pods() {
        let defaulted = object(&ReplicationController::new(), controller(json!({})));
        assert_eq!(defaulted.0["spec"]["selector"], json!({"app": "a"}));
        assert_eq!(defaulted.0["spec"]["replicas"], 1);
        assert_eq!(defaulted.label("app"), Some("a"));
        let given = object(&ReplicationController::new(), controller(json!({"selector": {"x": "y"}})));
        assert_eq!(given.0["spec"]["selector"], json!({"x": "y"}));
    }

    #[test]
    fn a_controller_has_a_template_that_it_selects() {
        check(json!({}), &[]);
        check(json!({"template": null}), &["spec.selector: Required value", "spec.template: Required value"]);
        check(
            json!({"selector": {"app": "x"}, "minReadySeconds": -1, "replicas": -2}),
            &[
                "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.replicas: Invalid value: -2: must be greater than or equal to 0",
                "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`",
            ],
        );
        check(
            json!({"template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {"containers": [{"name": "c", "image": "i"}], "activeDeadlineSeconds": 1, "restartPolicy": "Never"},
            }}),
            &[
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported",
            ],
        );
    }

    #[test]
    fn selectors_may_change_unless_they_were_converted() {
        let new = || controller(json!({"selector": {"app": "a"}}));
        let mut old = controller(json!({"selector": {"app": "a", "b": "c"}}));
        check_update(&ReplicationController::new(), new(), old.clone(), &[]);
        old["metadata"]["annotations"] = json!({"non-convertible.kubernetes.io/selector": "x"});
        let want = ["spec.selector: Invalid value: {\"app\":\"a\"}: cannot update non-convertible selector"];
        check_update(&ReplicationController::new(), new(), old, &want);
    }

    #[test]
    fn a_part_is_not_more_than_the_whole() {
        let mut new = controller(json!({}));
        new["status"] = json!({"replicas": 1, "fullyLabeledReplicas": 2, "availableReplicas": 1});
        let (_, errors) =
            write(&ReplicationController::new(), Part::Status, new, Some(controller(json!({}))));
        assert_eq!(
            errors,
            [
                "status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas",
            ]
        );
    }

    #[test]
    fn columns_are_upstreams() {
        let mut object = controller(json!({"replicas": 3}));
        object["status"] = json!({"replicas": 2, "readyReplicas": 1});
        let want = [
            ("Name", json!("r")),
            ("Desired", json!(3)),
            ("Current", json!(2)),
            ("Ready", json!(1)),
            ("Containers", json!("c")),
            ("Images", json!("i")),
            ("Selector", json!("app=a")),
        ];
        check_table(&ReplicationController::new(), object, &want);
    }
}
