//! Defaults that a custom resource's schema declares. Built-in kinds default in their own
//! code.

use serde_json::Value;

use super::{Schema, Shape};

/// Sets absent fields, and null ones that may not be null, to their declared defaults.
/// A default's own contents are defaulted too.
pub fn apply(value: &mut Value, schema: &Schema) {
    match (&schema.resolve().shape, value) {
        (Shape::Object(object), Value::Object(fields)) => {
            for property in &object.properties {
                let name = property.name.as_ref();
                if let Some(default) = &property.schema.default {
                    let present = fields.get(name).is_some_and(|v| !v.is_null() || property.schema.nullable);
                    if !present {
                        fields.insert(name.to_owned(), default.as_ref().clone());
                    }
                }
                if let Some(value) = fields.get_mut(name) {
                    apply(value, &property.schema);
                }
            }
        }
        (Shape::Map(values), Value::Object(fields)) => fields.values_mut().for_each(|v| apply(v, values)),
        (Shape::List(items), Value::Array(elements)) => elements.iter_mut().for_each(|v| apply(v, items)),
        _ => {}
    }
}
