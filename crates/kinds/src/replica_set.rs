//! `apps/v1 ReplicaSet`.

use ironclad_api::{FieldError, Object, Status};
use ironclad_engine::Column;
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use serde_json::Value;

use crate::columns::{age, name, number};
use crate::pod_template::columns::{containers_images_selector, selector};
use crate::pod_template::workload;
use crate::spec::{default_to, names, spec};

pub struct ReplicaSet {
    spec: KindSpec,
}

impl ReplicaSet {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["rs"]),
                categories: names(["all"]),
                columns: columns(),
                subresources: vec![Subresource::scale(workload::scale_paths()), Subresource::status()],
                generation: true,
                ..spec("apps", "v1", "ReplicaSet", "replicasets", Scope::Namespaced)
            },
        }
    }
}

impl Default for ReplicaSet {
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
    columns.extend(containers_images_selector(selector));
    columns
}

impl Strategy for ReplicaSet {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, set: &mut Object) {
        default_to(set.section_mut("spec"), "replicas", 1);
        workload::default_template(set);
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match (old, preparation.part) {
            (None, _) => {
                new.0.insert("status".into(), serde_json::json!({ "replicas": 0 }));
                workload::prepare_template(new, None);
            }
            (Some(_), Part::Status) => {}
            (Some(old), _) => workload::prepare_template(new, Some(old)),
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        if old.is_some() && preparation.part == Part::Status {
            return validate_status(new);
        }
        let mut errors = workload::not_negative(new, "spec", &["replicas", "minReadySeconds"]);
        errors.extend(workload::selector_and_template(new, old));
        errors.extend(
            old.into_iter().flat_map(|old| workload::immutable(new, old, "selector", "*LabelSelector")),
        );
        errors
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        workload::warnings(new, old)
    }
}

fn validate_status(set: &Object) -> Vec<FieldError> {
    let fields = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    ];
    let mut errors = workload::not_negative(set, "status", &fields);
    errors.extend(workload::replica_counts(
        set,
        &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
    ));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::json;

    fn set(status: Value) -> Object {
        let mut set = Object::from_value(json!({
            "metadata": {"name": "r"},
            "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
            "status": status,
        }))
        .expect("an object");
        ReplicaSet::new().default(&mut set);
        set
    }

    #[test]
    fn discovery_is_upstreams() {
        let kind = ReplicaSet::new();
        let spec = kind.spec();
        assert_eq!((&*spec.short_names, &*spec.categories), (&names(["rs"])[..], &names(["all"])[..]));
        let subresources: Vec<_> = spec.subresources.iter().map(|sub| (&*sub.name, sub.verbs)).collect();
        let verbs = &["get", "patch", "update"][..];
        assert_eq!(subresources, [("scale", verbs), ("status", verbs)]);
    }

    #[test]
    fn a_part_is_not_more_than_the_whole() {
        let check = |status: Value, want: &[&str]| {
            let errors: Vec<String> =
                validate_status(&set(status)).iter().map(FieldError::to_string).collect();
            assert_eq!(errors, want);
        };
        check(json!({"replicas": 2, "readyReplicas": 2, "availableReplicas": 1}), &[]);
        check(
            json!({"replicas": 1, "readyReplicas": 2, "availableReplicas": -1}),
            &[
                "status.availableReplicas: Invalid value: -1: must be greater than or equal to 0",
                "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
            ],
        );
        check(
            json!({"replicas": 1, "availableReplicas": 1}),
            &["status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas"],
        );
    }

    #[test]
    fn columns_are_upstreams() {
        let object = set(json!({"replicas": 2, "readyReplicas": 1}));
        let cells: Vec<Value> =
            columns().iter().map(|column| (column.cell)(&object, Timestamp::UNIX_EPOCH)).collect();
        let want = [
            json!("r"),
            json!(1),
            json!(2),
            json!(1),
            json!("<unknown>"),
            json!("c"),
            json!("i"),
            json!("app=a"),
        ];
        assert_eq!(cells, want);
    }
}
