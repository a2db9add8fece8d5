//! `apps/v1 ControllerRevision`: a state of a DaemonSet or StatefulSet, kept to go back to.

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use serde_json::Value;

use crate::columns::{NONE, age, column, name, text};
use crate::spec::spec;

pub struct ControllerRevision {
    spec: KindSpec,
}

impl ControllerRevision {
    pub fn new() -> Self {
        let revision = |object: &Object| object.at(&["revision"]).cloned().unwrap_or_else(|| 0.into());
        let columns = vec![
            name(),
            text("Controller", controller),
            // Upstream declares it as a string and prints a number.
            column("Revision", "string", 0, move |object, _| revision(object)),
            age(),
        ];
        Self {
            spec: KindSpec {
                columns,
                ..spec("apps", "v1", "ControllerRevision", "controllerrevisions", Scope::Namespaced)
            },
        }
    }
}

impl Default for ControllerRevision {
    fn default() -> Self {
        Self::new()
    }
}

/// `daemonset.apps/logs`
fn controller(revision: &Object) -> String {
    let owners = revision.metadata().and_then(|metadata| metadata.get("ownerReferences")?.as_array());
    let mut controllers = owners.into_iter().flatten().filter(|owner| owner["controller"] == true);
    let Some(owner) = controllers.next() else { return NONE.to_owned() };
    let text = |field: &str| owner[field].as_str().unwrap_or_default();
    let group = match text("apiVersion").split_once('/') {
        Some((group, _)) => format!(".{group}"),
        None => String::new(),
    };
    format!("{}{group}/{}", text("kind").to_lowercase(), text("name"))
}

impl Strategy for ControllerRevision {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let revision = new.at(&["revision"]).and_then(Value::as_i64).unwrap_or(0);
        let mut errors = validation::number::not_negative(&Path::new("revision"), revision);
        let path = Path::new("data");
        let data = |object: &Object| object.at(&["data"]).cloned().unwrap_or_default();
        match old {
            Some(old) => errors.extend(validation::meta::immutable(&path, &data(new), &data(old))),
            None => errors.extend(match data(new) {
                Value::Object(_) => None,
                Value::Null => Some(FieldError::required(&path, "data is mandatory")),
                _ => Some(FieldError::required(&path, "data must be a valid JSON object")),
            }),
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_create, check_table, check_update};
    use serde_json::json;

    fn revision(data: Value, revision: i64) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "r", "namespace": "b"},
            "data": data, "revision": revision,
        })
    }

    #[test]
    fn data_is_an_object_that_stays() {
        let check = |data: Value, number: i64, want: &[&str]| {
            check_create(&ControllerRevision::new(), revision(data, number), want);
        };
        check(json!({"a": 1}), 1, &[]);
        check(json!(null), 1, &["data: Required value: data is mandatory"]);
        check(json!({"a": 1}), -1, &["revision: Invalid value: -1: must be greater than or equal to 0"]);
        let update = |new: Value, old: Value, want: &[&str]| {
            check_update(&ControllerRevision::new(), new, old, want);
        };
        update(revision(json!({"a": 1}), 2), revision(json!({"a": 1}), 1), &[]);
        update(
            revision(json!({"a": 2}), 1),
            revision(json!({"a": 1}), 1),
            &["data: Invalid value: {\"a\":2}: field is immutable"],
        );
    }

    #[test]
    fn columns_are_upstreams() {
        let mut object = revision(json!({"a": 1}), 3);
        let want = |controller: &str| {
            [("Name", json!("r")), ("Controller", json!(controller)), ("Revision", json!(3))]
        };
        check_table(&ControllerRevision::new(), object.clone(), &want("<none>"));
        object["metadata"]["ownerReferences"] = json!([
            {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "logs", "uid": "u", "controller": true},
        ]);
        check_table(&ControllerRevision::new(), object, &want("daemonset.apps/logs"));
    }
}
