//! Go's zero values as JSON: what a typed server prints for a field nobody set.

use serde_json::{Map, Value};

use super::{Schema, Shape};

/// The zero value of a type: `""`, 0, false, null for lists and maps, and for an object its
/// fields that are always printed.
pub fn zero_value(schema: &Schema) -> Value {
    match &schema.resolve().shape {
        Shape::String => Value::from(""),
        Shape::Integer(_) | Shape::Number | Shape::IntOrString => Value::from(0),
        Shape::Quantity => Value::from("0"),
        Shape::Boolean => Value::from(false),
        Shape::Object(object) => {
            let fields = object.always().map(|property| {
                let value = if property.pointer { Value::Null } else { zero_value(&property.schema) };
                (property.name.clone().into_owned(), value)
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

/// Whether Go's `omitempty` leaves the value out. Objects with declared fields never are.
pub fn is_empty(value: &Value, schema: &Schema) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty() && matches!(schema.resolve().shape, Shape::Map(_)),
    }
}
