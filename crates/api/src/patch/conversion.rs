//! What Go says of a patched document that does not convert to its kind's type. A strategic
//! merge patch is applied to a tree, and the tree is converted value by value, with other
//! words than the JSON decoder's (`runtime.DefaultUnstructuredConverter`).

use serde_json::Value;

use crate::schema::{Schema, Shape, Width, bad_base64};

/// The first value that does not convert, in the order of names. `None` where all do, and where the type reads
/// its own JSON, whose error is the decoder's.
pub fn conversion_error(value: &Value, schema: &Schema) -> Option<String> {
    match (&schema.resolve().shape, value) {
        (_, Value::Null) => None,
        (Shape::Object(object), Value::Object(fields)) => fields.iter().find_map(|(name, value)| {
            let property = object.property(name)?;
            conversion_error(value, &property.schema)
        }),
        (Shape::Object(_), other) => Some(format!("cannot restore struct from: {}", kind_of(other))),
        (Shape::Map(values), Value::Object(fields)) => {
            fields.values().find_map(|value| conversion_error(value, values))
        }
        (Shape::Map(_), other) => Some(format!("cannot restore map from {}", kind_of(other))),
        (Shape::List(items), Value::Array(elements)) => {
            elements.iter().find_map(|element| conversion_error(element, items))
        }
        (Shape::List(_), other) => Some(format!("cannot restore slice from {}", kind_of(other))),
        (Shape::Bytes, Value::String(text)) => bad_base64(text)
            .map(|at| format!("error decoding from json: illegal base64 data at input byte {at}")),
        (Shape::Bytes, other) => Some(format!("cannot restore slice from {}", kind_of(other))),
        (shape, value) => scalar_error(shape, value, &schema.go_type()),
    }
}

fn scalar_error(shape: &Shape, value: &Value, go_type: &str) -> Option<String> {
    let (kind, converts) = match (shape, value) {
        (Shape::String, Value::String(_)) | (Shape::Boolean, Value::Bool(_)) => return None,
        (Shape::Integer(_) | Shape::Number, Value::Number(number)) if !number.is_f64() => return None,
        (Shape::Number, Value::Number(_)) => return None,
        (Shape::Integer(_), Value::Number(number)) if is_whole(number.as_f64()) => return None,
        // Go converts integers to strings, though not here.
        (Shape::String, Value::Number(number)) => ("string", !number.is_f64()),
        (Shape::String, _) => ("string", false),
        (Shape::Boolean, _) => ("bool", false),
        (Shape::Integer(width), other) => (int_kind(*width), other.is_number()),
        (Shape::Number, _) => ("float64", false),
        _ => return None,
    };
    Some(match converts {
        true => format!("cannot convert {} to {go_type}", kind_of(value)),
        false => format!("unrecognized type: {kind}"),
    })
}

fn is_whole(number: Option<f64>) -> bool {
    number.is_some_and(|number| number.fract() == 0.0)
}

fn int_kind(width: Width) -> &'static str {
    match width {
        Width::I32 => "int32",
        Width::I64 => "int64",
    }
}

/// As Go's `reflect` names what a JSON value has become.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "interface",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::GroupVersionKind;
    use crate::schema::Catalog;

    /// What upstream 1.36 answers to such patches.
    #[test]
    fn values_of_the_wrong_type_are_told_as_upstream_tells_them() {
        let deployment = Catalog::builtin().schema(&GroupVersionKind::new("apps", "v1", "Deployment"));
        let deployment = deployment.expect("the catalog has Deployments");
        let check = |value: Value, want: Option<&str>| {
            assert_eq!(conversion_error(&value, deployment).as_deref(), want, "{value}");
        };
        let pod = |spec: Value| json!({"spec": {"template": {"spec": spec}}});
        check(json!({"spec": {"replicas": 3, "paused": true}, "metadata": {"labels": {"a": "b"}}}), None);
        check(json!({"spec": {"replicas": null}}), None);
        check(json!({"spec": {"replicas": "x"}}), Some("unrecognized type: int32"));
        check(json!({"spec": {"paused": "true"}}), Some("unrecognized type: bool"));
        check(json!({"spec": {"replicas": 1.5}}), Some("cannot convert float64 to int32"));
        check(json!({"spec": {"replicas": 2.0}}), None);
        check(json!({"spec": []}), Some("cannot restore struct from: slice"));
        check(json!({"spec": "x"}), Some("cannot restore struct from: string"));
        check(json!({"metadata": {"labels": {"a": 1}}}), Some("cannot convert int64 to string"));
        let secret = Catalog::builtin().schema(&GroupVersionKind::new("", "v1", "Secret"));
        assert_eq!(
            conversion_error(
                &json!({"data": {"a": "YQ==", "b": "YQ="}}),
                secret.expect("the catalog has Secrets")
            ),
            Some("error decoding from json: illegal base64 data at input byte 3".to_owned())
        );
        check(json!({"metadata": {"labels": []}}), Some("cannot restore map from slice"));
        check(pod(json!({"containers": {"name": "c"}})), Some("cannot restore slice from map"));
        check(pod(json!({"containers": "x"})), Some("cannot restore slice from string"));
        check(pod(json!({"containers": [{"resources": {"limits": {"cpu": []}}}]})), None);
    }
}
