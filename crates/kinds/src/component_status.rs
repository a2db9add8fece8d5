//! `v1 ComponentStatus`: whether the parts of the control plane are well. Deprecated, and read-only.

use ironclad_api::{GroupVersionKind, Object, ObjectKey};
use ironclad_engine::strategy::{KindSpec, Scope, Strategy, VersionSpec};
use serde_json::{Value, json};

use crate::columns::{name, text};
use crate::spec::{names, schema, spec};

const KIND: &str = "ComponentStatus";
/// Upstream's names, the store's among them.
const PARTS: [&str; 3] = ["controller-manager", "etcd-0", "scheduler"];

pub struct ComponentStatus {
    spec: KindSpec,
}

impl ComponentStatus {
    pub fn new() -> Self {
        let field = |name, field: &'static str| text(name, move |object| of_health(object, field).to_owned());
        let mut version = VersionSpec::stored("v1", schema("", "v1", KIND));
        version.deprecation = Some("v1 ComponentStatus is deprecated in v1.19+".into());
        Self {
            spec: KindSpec {
                short_names: names(["cs"]),
                verbs: &["get", "list"],
                versions: vec![version],
                columns: vec![
                    name(),
                    text("Status", status),
                    field("Message", "message"),
                    field("Error", "error"),
                ],
                ..spec("", "v1", KIND, "componentstatuses", Scope::Cluster)
            },
        }
    }
}

impl Default for ComponentStatus {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for ComponentStatus {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// The parts are one process with this server: where one answers, all are there.
    fn unstored(&self) -> Option<Vec<Object>> {
        let part = |name: &&str| {
            let mut object = Object::new(&GroupVersionKind::new("", "v1", KIND), &ObjectKey::cluster(*name));
            let healthy = json!([{"type": "Healthy", "status": "True", "message": "ok"}]);
            object.0.insert("conditions".into(), healthy);
            object
        };
        Some(PARTS.iter().map(part).collect())
    }
}

fn health(object: &Object) -> Option<&Value> {
    let conditions = object.at(&["conditions"]).and_then(Value::as_array);
    conditions.into_iter().flatten().find(|condition| condition["type"] == "Healthy")
}

fn of_health<'a>(object: &'a Object, field: &str) -> &'a str {
    health(object).and_then(|condition| condition[field].as_str()).unwrap_or_default()
}

fn status(object: &Object) -> String {
    let shown = match health(object) {
        None => "Unknown",
        Some(condition) if condition["status"] == "True" => "Healthy",
        Some(_) => "Unhealthy",
    };
    shown.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_table;

    #[test]
    fn a_part_is_as_well_as_its_condition_says() {
        let check = |conditions: Value, want: [&str; 3]| {
            let [status, message, error] = want.map(Value::from);
            let cells =
                [("Name", json!("etcd-0")), ("Status", status), ("Message", message), ("Error", error)];
            let shown = json!({"metadata": {"name": "etcd-0"}, "conditions": conditions});
            check_table(&ComponentStatus::new(), shown, &cells);
        };
        check(json!([{"type": "Healthy", "status": "True", "message": "ok"}]), ["Healthy", "ok", ""]);
        check(json!([{"type": "Healthy", "status": "False", "error": "gone"}]), ["Unhealthy", "", "gone"]);
        check(json!([]), ["Unknown", "", ""]);
    }
}
