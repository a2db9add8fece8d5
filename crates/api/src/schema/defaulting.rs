//! Defaults that a custom resource's schema declares. Built-in kinds default in their own
//! code.
//!
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting-and-nullable>

use serde_json::{Map, Value};

use super::{Object, Schema, Shape};

/// Sets absent fields, and null ones that may not be null, to their declared defaults.
/// A default's own contents are defaulted too. A null that may not be null and has no
/// default goes away; in a list it stays, for validation to tell of.
pub fn apply(value: &mut Value, schema: &Schema) {
    match (&schema.shape, value) {
        (Shape::Object(object), Value::Object(fields)) => apply_to_object(fields, object),
        (Shape::Map(values), Value::Object(fields)) => {
            fields.retain(|_, value| !is_lost(value, values));
            fields.values_mut().for_each(|value| apply_to_element(value, values));
        }
        (Shape::List(items), Value::Array(elements)) => {
            elements.iter_mut().for_each(|value| apply_to_element(value, items));
        }
        _ => {}
    }
}

fn apply_to_object(fields: &mut Map<String, Value>, object: &Object) {
    for property in &object.properties {
        let (name, schema) = (property.name.as_ref(), &property.schema);
        if fields.get(name).is_some_and(|value| is_lost(value, schema)) {
            fields.remove(name);
        }
        if let Some(default) = &schema.default
            && fields.get(name).is_none_or(|value| is_unwanted_null(value, schema))
        {
            fields.insert(name.to_owned(), default.as_ref().clone());
        }
        if let Some(value) = fields.get_mut(name) {
            apply(value, schema);
        }
    }
}

fn apply_to_element(value: &mut Value, schema: &Schema) {
    if let Some(default) = schema.default.as_ref().filter(|_| is_unwanted_null(value, schema)) {
        *value = default.as_ref().clone();
    }
    apply(value, schema);
}

fn is_unwanted_null(value: &Value, schema: &Schema) -> bool {
    value.is_null() && !schema.nullable
}

/// A null that is not a value and that nothing takes the place of.
fn is_lost(value: &Value, schema: &Schema) -> bool {
    is_unwanted_null(value, schema) && schema.default.is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::structural;

    #[test]
    fn absent_and_null_fields_become_their_defaults() {
        let check = |schema: Value, mut value: Value, want: Value| {
            apply(&mut value, &structural::parse(&schema));
            assert_eq!(value, want, "{schema}");
        };
        let with = |x: Value| json!({"type": "object", "properties": {"x": x}});
        check(with(json!({"type": "string", "default": "d"})), json!({}), json!({"x": "d"}));
        check(with(json!({"type": "string", "default": "d"})), json!({"x": null}), json!({"x": "d"}));
        check(with(json!({"type": "string", "default": "d"})), json!({"x": ""}), json!({"x": ""}));
        let nullable = json!({"type": "string", "default": "d", "nullable": true});
        check(with(nullable), json!({"x": null}), json!({"x": null}));
        check(with(json!({"type": "string", "nullable": true})), json!({"x": null}), json!({"x": null}));
        check(with(json!({"type": "string"})), json!({"x": null}), json!({}));
        let inner =
            json!({"type": "object", "default": {}, "properties": {"y": {"type": "integer", "default": 1}}});
        check(with(inner), json!({}), json!({"x": {"y": 1}}));
        let whole = json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {
            "kind": {"type": "string", "default": "K"}, "metadata": {"type": "object", "default": {"name": "n"}}}});
        check(with(whole), json!({"x": {}}), json!({"x": {"kind": "K", "metadata": {"name": "n"}}}));
        let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
        check(map.clone(), json!({"a": null, "b": "c"}), json!({"b": "c"}));
        let map = json!({"type": "object", "additionalProperties": {"type": "string", "default": "d"}});
        check(map, json!({"a": null}), json!({"a": "d"}));
        check(
            json!({"type": "object", "additionalProperties": true}),
            json!({"a": null}),
            json!({"a": null}),
        );
        let list = json!({"type": "array", "items": {"type": "string"}});
        check(list, json!([null]), json!([null]));
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        check(open, json!({"a": null}), json!({"a": null}));
    }
}
