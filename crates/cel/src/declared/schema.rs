//! From the schema of a built-in kind: what the type checker of admission policies knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::schema::{DefinitionId, Schema, Shape as Json, Topology};

use super::{Declared, ListKind, Shape};

impl Declared {
    /// The type of values of a kind's schema, without bounds of size.
    pub fn from_schema(schema: &Schema, name: &str) -> Self {
        convert(schema, name, &mut Vec::new())
    }
}

/// `within` are the definitions that lead here: one that leads to itself (JSONSchemaProps) is not looked into.
fn convert(schema: &Schema, name: &str, within: &mut Vec<DefinitionId>) -> Declared {
    let Json::Ref(id) = schema.shape else { return inline(schema, name, within) };
    if within.contains(&id) {
        return of("dyn", Shape::Dyn, 2);
    }
    within.push(id);
    let declared = inline(schema, name, within);
    within.pop();
    declared
}

fn of(name: &str, shape: Shape, min_size: i64) -> Declared {
    Declared { name: name.to_owned(), shape, max_elements: i64::MAX, min_size, verbatim: false }
}

fn inline(schema: &Schema, name: &str, within: &mut Vec<DefinitionId>) -> Declared {
    match &schema.resolve().shape {
        Json::Object(object) if object.properties().is_empty() => of("dyn", Shape::Dyn, 2),
        Json::Object(object) => {
            let fields: BTreeMap<_, _> = object
                .properties()
                .iter()
                .map(|property| {
                    let place = format!("{name}.{}", property.name);
                    (property.name.to_string(), Arc::new(convert(&property.schema, &place, within)))
                })
                .collect();
            of(name, Shape::Object(fields), 2)
        }
        Json::Map(values) => {
            let value = convert(values, &format!("{name}.@elem"), within);
            of("map", Shape::Map(Arc::new(value)), 2)
        }
        Json::List(items) => {
            let element = convert(items, &format!("{name}.@idx"), within);
            of("list", Shape::List(Arc::new(element), list_kind(schema)), 2)
        }
        Json::String => of("string", Shape::String, 2),
        Json::Integer(_) => of("int", Shape::Int, 1),
        Json::Number => of("double", Shape::Double, 1),
        Json::Boolean => of("bool", Shape::Bool, 4),
        Json::Bytes => of("bytes", Shape::Bytes, 2),
        Json::Time | Json::MicroTime => of("timestamp", Shape::DateTime, 21),
        // Quantities are strings in OpenAPI unless they say otherwise; both forms are legal.
        Json::IntOrString => of("dyn", Shape::IntOrString, 1),
        Json::Quantity | Json::Json | Json::Raw | Json::Union(_) | Json::Ref(_) => of("dyn", Shape::Dyn, 1),
    }
}

fn list_kind(schema: &Schema) -> ListKind {
    match schema.topology() {
        Some(Topology::SetList) => ListKind::Set,
        Some(Topology::MapList(keys)) => ListKind::Map(keys.iter().map(ToString::to_string).collect()),
        _ => ListKind::Atomic,
    }
}
