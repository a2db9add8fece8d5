//! What is asked, as the `spec` of a SubjectAccessReview.

use ironclad_api::labels::Operator;
use ironclad_api::{fields, labels};
use ironclad_engine::gate::{Attributes, User};
use serde_json::{Map, Value, json};

use crate::reviews::ReviewVersion;

/// As webhooks are sent it: what is empty is left out.
pub fn spec(asked: &Attributes, version: ReviewVersion) -> Value {
    let mut spec = whole(asked);
    if version == ReviewVersion::V1Beta1
        && let Some(groups) = spec.remove("groups")
    {
        spec.insert("group".into(), groups);
    }
    for attributes in ["resourceAttributes", "nonResourceAttributes"] {
        if let Some(attributes) = spec.get_mut(attributes).and_then(Value::as_object_mut) {
            attributes.retain(|_, value| !is_empty(value));
        }
    }
    let is_attributes = |field: &str| field.ends_with("Attributes");
    spec.retain(|field, value| is_attributes(field) || !is_empty(value));
    Value::Object(spec)
}

/// As expressions see it: with every field, so that they need not ask whether it is there.
pub fn request(asked: &Attributes) -> Value {
    Value::Object(whole(asked))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn whole(asked: &Attributes) -> Map<String, Value> {
    let User { name, uid, groups, extra } = &*asked.user;
    let mut spec = Map::from_iter([
        ("user".to_owned(), json!(name)),
        ("groups".to_owned(), json!(groups)),
        ("uid".to_owned(), json!(uid)),
        ("extra".to_owned(), json!(extra)),
    ]);
    match asked.path.as_str() {
        "" => spec.insert("resourceAttributes".into(), resource(asked)),
        path => spec.insert("nonResourceAttributes".into(), json!({ "path": path, "verb": asked.verb })),
    };
    spec
}

fn resource(asked: &Attributes) -> Value {
    let mut attributes = json!({
        "namespace": asked.namespace,
        "verb": asked.verb,
        "group": asked.group,
        "version": asked.version,
        "resource": asked.resource,
        "subresource": asked.subresource,
        "name": asked.name,
    });
    let fields: Vec<Value> = asked.field_selector.terms().iter().map(field_requirement).collect();
    let labels: Vec<Value> =
        asked.label_selector.requirements().iter().filter_map(label_requirement).collect();
    for (name, requirements) in [("fieldSelector", fields), ("labelSelector", labels)] {
        if !requirements.is_empty() {
            attributes[name] = json!({ "requirements": requirements });
        }
    }
    attributes
}

fn field_requirement(term: &fields::Term) -> Value {
    let operator = if term.negated { "NotIn" } else { "In" };
    json!({ "key": term.field, "operator": operator, "values": [term.value] })
}

/// Comparisons of numbers have no form here; without them more is asked for than is done, never less.
fn label_requirement(requirement: &labels::Requirement) -> Option<Value> {
    let operator = match requirement.operator {
        Operator::Equals | Operator::DoubleEquals | Operator::In => "In",
        Operator::NotEquals | Operator::NotIn => "NotIn",
        Operator::Exists => "Exists",
        Operator::DoesNotExist => "DoesNotExist",
        Operator::GreaterThan | Operator::LessThan => return None,
    };
    let mut written = json!({ "key": requirement.key, "operator": operator });
    if !requirement.values.is_empty() {
        written["values"] = json!(requirement.values);
    }
    Some(written)
}
