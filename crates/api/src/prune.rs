//! What remains of an object when a server has read it into its type and written it again.
//!
//! Built-in kinds go through [`as_typed`]: unknown fields, nulls and empty optional fields
//! disappear, fields that Go always prints appear, quantities and times get their canonical
//! form. Custom resources go through [`unknown_fields`], which only drops what the schema
//! does not have.

use serde_json::{Map, Value};

use crate::quantity::Quantity;
use crate::schema::{Object, Property, Schema, Shape, is_empty, zero_value};
use crate::time;

/// Gives `value` the form a typed server stores. It must already have passed
/// [`crate::schema::check`]; a value of the wrong type is left as it is.
pub fn as_typed(value: &mut Value, schema: &Schema) {
    match (&schema.resolve().shape, value) {
        (Shape::Object(object), Value::Object(fields)) => typed_object(fields, object),
        (Shape::Map(values), Value::Object(fields)) => {
            fields.values_mut().for_each(|value| typed_element(value, values));
        }
        (Shape::List(items), Value::Array(elements)) => {
            elements.iter_mut().for_each(|value| typed_element(value, items));
        }
        (Shape::Union(members), value) => {
            if let Some(member) = members.iter().find(|member| fits(value, member)) {
                as_typed(value, member);
            }
        }
        (Shape::Quantity, value) => {
            if let Ok(quantity) = Quantity::from_json(value) {
                *value = Value::from(quantity.canonical());
            }
        }
        (Shape::Time, Value::String(text)) => canonical_time(text, time::format),
        (Shape::MicroTime, Value::String(text)) => canonical_time(text, time::format_micro),
        _ => {}
    }
}

fn typed_object(fields: &mut Map<String, Value>, object: &Object) {
    fields.retain(|name, value| {
        let Some(property) = object.property(name) else { return false };
        as_typed(value, &property.schema);
        !is_left_out(value, property)
    });
    for property in object.always() {
        let name = property.name.as_ref();
        if !fields.contains_key(name) {
            let zero = if property.pointer { Value::Null } else { zero_value(&property.schema) };
            fields.insert(name.to_owned(), zero);
        }
    }
}

/// Whether Go does not print the field: it is null, or empty and not behind a pointer.
fn is_left_out(value: &Value, property: &Property) -> bool {
    value.is_null() || (!property.always && !property.pointer && is_empty(value, &property.schema))
}

/// A null element of a list or map is Go's zero value.
fn typed_element(value: &mut Value, schema: &Schema) {
    if value.is_null() {
        *value = zero_value(schema);
    }
    as_typed(value, schema);
}

fn fits(value: &Value, schema: &Schema) -> bool {
    match schema.resolve().shape {
        Shape::Object(_) => value.is_object(),
        Shape::List(_) => value.is_array(),
        Shape::Boolean => value.is_boolean(),
        _ => false,
    }
}

/// UTC with a Z, and the fraction cut to what the type keeps.
fn canonical_time(text: &mut String, format: fn(jiff::Timestamp) -> String) {
    if let Ok(time) = text.parse() {
        *text = format(time);
    }
}

/// Drops the fields that a custom resource's schema does not declare. Metadata is typed.
pub fn unknown_fields(value: &mut Value, schema: &Schema) {
    match (&schema.shape, value) {
        (_, value) if schema.hollow => hollow_out(value),
        (Shape::Ref(_), value) => as_typed(value, schema),
        (Shape::Object(object), Value::Object(fields)) => {
            let is_unknown = |name: &str| object.property(name).is_none();
            if !object.preserve_unknown {
                fields.retain(|name, _| !is_unknown(name));
            } else if object.hollow_unknown {
                let unknown = fields.iter_mut().filter(|(name, _)| is_unknown(name));
                unknown.for_each(|(_, value)| hollow_out(value));
            }
            for property in object.properties() {
                if let Some(value) = fields.get_mut(property.name.as_ref()) {
                    unknown_fields(value, &property.schema);
                }
            }
        }
        (Shape::Map(values), Value::Object(fields)) => {
            fields.values_mut().for_each(|value| unknown_fields(value, values));
        }
        (Shape::List(items), Value::Array(elements)) => {
            elements.iter_mut().for_each(|value| unknown_fields(value, items));
        }
        (Shape::Json | Shape::Raw | Shape::Union(_), _) => {}
        (Shape::Object(object), _) if object.preserve_unknown => {}
        // What is not of its type has no fields that the schema declares.
        (_, value) => hollow_out(value),
    }
}

fn hollow_out(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.clear(),
        Value::Array(elements) => elements.iter_mut().for_each(hollow_out),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gvk::GroupVersionKind;
    use crate::schema::{Catalog, defaulting, structural};

    fn check(kind: (&'static str, &'static str), mut value: Value, want: Value) {
        let gvk = GroupVersionKind::new(kind.0, "v1", kind.1);
        as_typed(&mut value, Catalog::builtin().schema(&gvk).unwrap());
        assert_eq!(value, want);
    }

    #[test]
    fn what_is_not_of_its_type_keeps_no_fields() {
        let schema = structural::resource(&json!({"type": "object", "properties": {"spec": {
            "type": "object", "properties": {
                "text": {"type": "string"},
                "list": {"type": "array", "items": {"type": "integer"}},
                "map": {"type": "object", "additionalProperties": {"type": "integer"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "either": {"x-kubernetes-int-or-string": true}}}}}));
        let check = |spec: Value, want: Value, unknown: &[&str]| {
            let mut value = json!({ "spec": spec });
            let unknown: Vec<String> = unknown.iter().map(|field| format!("spec.{field}")).collect();
            assert_eq!(crate::schema::check::unknown_fields(&value, &schema), unknown, "{spec}");
            unknown_fields(&mut value, &schema);
            assert_eq!(value["spec"], want, "{spec}");
        };
        check(json!({"text": {"a": 1}}), json!({"text": {}}), &["text.a"]);
        check(json!({"text": [{"a": 1}, 2, "x"]}), json!({"text": [{}, 2, "x"]}), &["text[0].a"]);
        check(json!({"list": {"a": 1}}), json!({"list": {}}), &["list.a"]);
        check(json!({"list": [{"a": 1}]}), json!({"list": [{}]}), &["list[0].a"]);
        check(json!({"map": [{"a": 1}]}), json!({"map": [{}]}), &["map[0].a"]);
        check(json!({"free": [{"a": 1}]}), json!({"free": [{"a": 1}]}), &[]);
        check(json!({"either": {"a": 1}, "text": null}), json!({"either": {}, "text": null}), &["either.a"]);
    }

    #[test]
    fn built_in_kinds_are_printed_as_go_prints_them() {
        check(
            ("", "Pod"),
            json!({"spec": {"containers": [{"name": "a", "foo": 1, "args": [], "tty": false,
                "resources": {"limits": {"cpu": "1000m", "memory": 1024}}}], "hostNetwork": false,
                "nodeName": "", "terminationGracePeriodSeconds": 0, "volumes": [{"name": "v", "emptyDir": {}}]}}),
            json!({"metadata": {}, "status": {}, "spec": {"containers": [{"name": "a",
                "resources": {"limits": {"cpu": "1", "memory": "1024"}}}],
                "terminationGracePeriodSeconds": 0, "volumes": [{"name": "v", "emptyDir": {}}]}}),
        );
        check(
            ("rbac.authorization.k8s.io", "ClusterRole"),
            json!({"metadata": {"name": "x", "labels": {}, "annotations": {"a": null},
                "creationTimestamp": "2020-01-01T01:00:00.5+01:00"}}),
            json!({"metadata": {"name": "x", "annotations": {"a": ""},
                "creationTimestamp": "2020-01-01T00:00:00Z"}, "rules": null}),
        );
        check(
            ("coordination.k8s.io", "Lease"),
            json!({"metadata": {"creationTimestamp": null}, "spec": {"renewTime": "2020-01-01T00:00:00Z"}}),
            json!({"metadata": {}, "spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}}),
        );
    }

    /// Upstream's TestPrune.
    #[test]
    fn what_is_let_in_by_a_schema_is_pruned_by_it() {
        let check = |field: Value, mut value: Value, want: Value| {
            let schema = structural::parse(&json!({"type": "object", "properties": {"f": field}}));
            let mut unknown = crate::schema::check::unknown_fields(&value, &schema);
            unknown_fields(&mut value["f"], schema.field("f").expect("a field"));
            assert_eq!(value["f"], want, "{field}");
            unknown.retain(|path| path != "other");
            unknown
        };
        let any = json!({"type": "object", "additionalProperties": true});
        let unknown = check(
            any,
            json!({"f": {"a": 1, "b": [{"x": 1}], "c": {"a": 1, "apiVersion": "v1"}, "d": null}}),
            json!({"a": 1, "b": [{}], "c": {}, "d": null}),
        );
        assert_eq!(unknown, ["f.b[0].x", "f.c.a", "f.c.apiVersion"]);
        let beside = json!({"type": "object", "additionalProperties": true, "properties": {"known": {"type": "object",
            "x-kubernetes-preserve-unknown-fields": true}}});
        let unknown = check(
            beside,
            json!({"f": {"known": {"x": 1}, "a": 1, "b": [{"x": 1}], "c": {"x": 1}}}),
            json!({"known": {"x": 1}, "a": 1, "b": [{}], "c": {}}),
        );
        assert_eq!(unknown, ["f.b[0].x", "f.c.x"]);
        let item = json!({"type": "object", "properties": {"known": {"type": "object"}}});
        let open = json!({"type": "array", "x-kubernetes-preserve-unknown-fields": true, "items": item});
        let given = json!({"f": [{"known": {"x": 1}, "unknown": {"x": 1}}]});
        let unknown = check(open, given, json!([{"known": {}, "unknown": {"x": 1}}]));
        assert_eq!(unknown, ["f[0].known.x"]);
    }

    #[test]
    fn custom_resources_lose_only_what_their_schema_lacks() {
        let schema =
            structural::resource(&json!({"type": "object", "properties": {"spec": {"type": "object",
            "properties": {"a": {"type": "string", "default": "x"}, "keep": {"type": "object",
            "x-kubernetes-preserve-unknown-fields": true}, "map": {"type": "object",
            "additionalProperties": {"type": "object", "properties": {"n": {"type": "integer"}}}}}}}}));
        let mut value = json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "n", "foo": 1}, "foo": 1,
            "spec": {"b": 1, "keep": {"z": null}, "map": {"k": {"n": 1, "m": 2}}}});
        unknown_fields(&mut value, &schema);
        defaulting::apply(&mut value, &schema);
        assert_eq!(
            value,
            json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "n"},
                "spec": {"a": "x", "keep": {"z": null}, "map": {"k": {"n": 1}}}})
        );
    }
}
