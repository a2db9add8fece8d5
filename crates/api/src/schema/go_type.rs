//! The words of Go's JSON decoder for types and values.

use std::borrow::Cow;

use serde_json::Value;

use super::{Schema, Shape, Width};

impl Schema {
    /// The Go type as `reflect.Type.String()` prints it: `[]v1.Container`.
    pub fn go_type(&self) -> Cow<'_, str> {
        if let Some(name) = &self.go_type {
            return Cow::Borrowed(name);
        }
        Cow::Borrowed(match &self.shape {
            Shape::Ref(_) => return self.resolve().go_type(),
            Shape::List(items) => return Cow::Owned(format!("[]{}", items.go_type())),
            Shape::Map(values) => return Cow::Owned(format!("map[string]{}", values.go_type())),
            Shape::Object(_) | Shape::Raw => "map[string]interface {}",
            Shape::Json | Shape::Union(_) => "interface {}",
            Shape::String => "string",
            Shape::Integer(Width::I32) => "int32",
            Shape::Integer(Width::I64) => "int64",
            Shape::Number => "float64",
            Shape::Boolean => "bool",
            Shape::Bytes => "[]uint8",
            Shape::Time => "v1.Time",
            Shape::MicroTime => "v1.MicroTime",
            Shape::Quantity => "resource.Quantity",
            Shape::IntOrString => "intstr.IntOrString",
        })
    }

    /// The Go name of a struct, without its package. Empty for types that have none.
    pub fn struct_name(&self) -> &str {
        let name = self.resolve().go_type.as_deref().unwrap_or_default();
        name.rsplit('.').next().unwrap_or_default()
    }
}

/// What Go calls the JSON type of a value: `string`, `number`, `bool`, `object`, `array`.
pub fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
