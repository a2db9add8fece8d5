//! One operation: a method on a path.

use serde_json::{Map, Value, json};

use super::parameters::{self, Parameters};
use super::{Dialect, gvk_extension};
use crate::gvk::GroupVersionKind;

const JSON_TYPES: &[&str] = &["application/json", "application/yaml"];
const ALL_TYPES: &[&str] = &["application/json", "application/vnd.kubernetes.protobuf", "application/yaml"];
const STREAM_TYPES: &[&str] =
    &["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];
const PATCH_TYPES: &[&str] =
    &["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// What an operation is, apart from the path it stands on.
pub(super) struct Operation<'a> {
    pub(super) id: String,
    pub(super) tag: &'a str,
    pub(super) description: String,
    /// `x-kubernetes-action`.
    pub(super) action: &'a str,
    pub(super) gvk: &'a GroupVersionKind,
    pub(super) parameters: Parameters,
    /// The schema of the body, and whether there must be one.
    pub(super) body: Option<(Value, bool)>,
    pub(super) response: Value,
    /// Answers with 201 too.
    pub(super) creates: bool,
    /// A custom resource: no protobuf, no strategic merge patch.
    pub(super) custom: bool,
}

impl Operation<'_> {
    pub(super) fn render(&self, dialect: Dialect) -> Value {
        let mut operation = Map::new();
        let mut set = |name: &str, value: Value| operation.insert(name.to_owned(), value);
        set("operationId", Value::from(self.id.as_str()));
        set("description", Value::from(self.description.as_str()));
        set("tags", json!([self.tag]));
        set("x-kubernetes-action", Value::from(self.action));
        set("x-kubernetes-group-version-kind", gvk_extension(self.gvk));
        let mut parameters = parameters::query(dialect, self.parameters.into_iter().flatten());
        match dialect {
            Dialect::V2 => {
                if let Some((schema, required)) = &self.body {
                    let mut body = json!({ "name": "body", "in": "body", "schema": schema });
                    if *required {
                        body["required"] = Value::Bool(true);
                    }
                    parameters.push(body);
                }
                set("schemes", json!(["https"]));
                set("consumes", json!(self.consumes()));
                set("produces", json!(self.produces()));
            }
            Dialect::V3 => {
                if let Some((schema, required)) = &self.body {
                    let mut body = json!({ "content": content(&self.consumes(), schema) });
                    if *required {
                        body["required"] = Value::Bool(true);
                    }
                    set("requestBody", body);
                }
            }
        }
        if !parameters.is_empty() {
            set("parameters", Value::Array(parameters));
        }
        set("responses", self.responses(dialect));
        Value::Object(operation)
    }

    fn consumes(&self) -> Vec<&'static str> {
        match (self.action, self.custom) {
            ("patch", true) => PATCH_TYPES.to_vec(),
            ("patch", false) => PATCH_TYPES.iter().copied().chain([STRATEGIC]).collect(),
            (_, true) => JSON_TYPES.to_vec(),
            _ => vec!["*/*"],
        }
    }

    fn produces(&self) -> Vec<&'static str> {
        match (self.action, self.custom) {
            (_, true) => JSON_TYPES.to_vec(),
            ("list", false) => [ALL_TYPES, STREAM_TYPES].concat(),
            _ => ALL_TYPES.to_vec(),
        }
    }

    fn responses(&self, dialect: Dialect) -> Value {
        let mut responses = json!({ "401": { "description": "Unauthorized" } });
        let with_schema = |description: &str| match dialect {
            Dialect::V2 => json!({ "description": description, "schema": self.response }),
            Dialect::V3 => {
                json!({ "description": description, "content": content(&self.produces(), &self.response) })
            }
        };
        responses["200"] = with_schema("OK");
        if self.creates {
            responses["201"] = with_schema("Created");
        }
        if matches!(self.action, "post" | "delete") {
            responses["202"] = with_schema("Accepted");
        }
        responses
    }
}

fn content(types: &[&str], schema: &Value) -> Value {
    let types = types.iter().map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema })));
    Value::Object(types.collect())
}
