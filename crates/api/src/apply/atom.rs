//! The view server-side apply has of a schema: everything is a scalar, a list or a map, and
//! lists and maps are owned whole (atomic) or piece by piece.

use serde_json::Value;

use super::path::PathElement;
use crate::gvk::Name;
use crate::schema::{Object, Property, Schema, Shape, Topology};

/// What a value of a schema is.
#[derive(Clone, Copy)]
pub(super) enum Atom<'a> {
    Scalar(Scalar),
    List(List<'a>),
    Map(MapType<'a>),
}

/// What a scalar may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Text,
    Number,
    Boolean,
    /// Any of them.
    Untyped,
}

#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    pub(super) kind: ListKind<'a>,
    pub(super) items: &'a Schema,
}

#[derive(Clone, Copy)]
pub(super) enum ListKind<'a> {
    Atomic,
    Set,
    Keyed(&'a [Name]),
}

#[derive(Clone, Copy)]
pub(super) struct MapType<'a> {
    pub(super) atomic: bool,
    fields: Option<&'a Object>,
    others: Option<&'a Schema>,
}

/// The schema of a value of which nothing is known.
pub(super) static UNTYPED: Schema = Schema {
    shape: Shape::Json,
    topology: None,
    patch: None,
    default: None,
    go_type: None,
    nullable: false,
    hollow: false,
    embedded_resource: false,
    published: None,
};

/// What `value` is by its schema; where the schema says nothing, by itself.
pub(super) fn atom<'a>(schema: &'a Schema, value: Option<&Value>) -> Atom<'a> {
    let atomic = schema.topology() == Some(&Topology::AtomicMap);
    match &schema.resolve().shape {
        Shape::Object(object) => {
            Atom::Map(MapType { atomic, fields: Some(object), others: is_open(object).then_some(&UNTYPED) })
        }
        Shape::Map(values) => Atom::Map(MapType { atomic, fields: None, others: Some(values) }),
        Shape::List(items) => Atom::List(List { kind: list_kind(schema), items }),
        Shape::Raw => deduced(value, true),
        // A definition is never itself a reference.
        Shape::Json | Shape::Union(_) | Shape::Ref(_) => deduced(value, false),
        Shape::String | Shape::Bytes => Atom::Scalar(Scalar::Text),
        Shape::Integer(_) | Shape::Number => Atom::Scalar(Scalar::Number),
        Shape::Boolean => Atom::Scalar(Scalar::Boolean),
        Shape::Time | Shape::MicroTime | Shape::Quantity | Shape::IntOrString => {
            Atom::Scalar(Scalar::Untyped)
        }
    }
}

/// Objects without declared properties are free-form, as OpenAPI has it.
fn is_open(object: &Object) -> bool {
    object.preserve_unknown || object.properties().is_empty()
}

fn list_kind(schema: &Schema) -> ListKind<'_> {
    match schema.topology() {
        Some(Topology::SetList) => ListKind::Set,
        Some(Topology::MapList(keys)) => ListKind::Keyed(keys),
        _ => ListKind::Atomic,
    }
}

fn deduced<'a>(value: Option<&Value>, atomic: bool) -> Atom<'a> {
    match value {
        Some(Value::Array(_)) => Atom::List(List { kind: ListKind::Atomic, items: &UNTYPED }),
        Some(Value::Object(_)) | None | Some(Value::Null) => {
            Atom::Map(MapType { atomic, fields: None, others: Some(&UNTYPED) })
        }
        Some(_) => Atom::Scalar(Scalar::Untyped),
    }
}

impl<'a> MapType<'a> {
    /// The schema of a field. `None` if the schema does not declare it.
    pub(super) fn field(&self, name: &str) -> Option<&'a Schema> {
        self.declared(name).map(|property| &property.schema).or(self.others)
    }

    /// A field as a path element, and its schema. `None` if the schema does not declare it.
    pub(super) fn element(&self, name: &str) -> Option<(PathElement, &'a Schema)> {
        match self.declared(name) {
            Some(property) => Some((PathElement::Field(property.name.clone()), &property.schema)),
            None => self.others.map(|schema| (PathElement::field(name), schema)),
        }
    }

    /// The declared property of that name.
    pub(super) fn declared(&self, name: &str) -> Option<&'a Property> {
        self.fields.and_then(|object| object.property(name))
    }
}

impl List<'_> {
    /// The path element of a list's element. The error is upstream's text.
    pub(super) fn element(&self, value: &Value) -> Result<PathElement, String> {
        match self.kind {
            ListKind::Atomic => Err("invalid indexing of non-associative list".to_owned()),
            ListKind::Set => set_element(value),
            ListKind::Keyed(keys) => self.keyed_element(value, keys),
        }
    }

    fn keyed_element(&self, value: &Value, keys: &[Name]) -> Result<PathElement, String> {
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
            _ => return Err("associative list with keys may not have non-map elements".to_owned()),
        };
        let properties = self.items.object();
        let mut present = Vec::with_capacity(keys.len());
        present.extend(keys.iter().filter_map(|key| {
            let default = || properties?.property(key)?.implied_default();
            let value = fields.get(key.as_ref()).cloned().or_else(default)?;
            Some((key.clone(), value))
        }));
        if present.is_empty() {
            let keys: Vec<String> = keys.iter().map(|key| crate::goprint::quote(key)).collect();
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                keys.join(" ")
            ));
        }
        Ok(PathElement::key(present))
    }
}

fn set_element(value: &Value) -> Result<PathElement, String> {
    let why = match value {
        Value::Object(_) => "associative list without keys has an element that's a map type",
        Value::Array(_) => "not supported: associative list with lists as elements",
        Value::Null => "associative list without keys has an element that's an explicit null",
        scalar => return Ok(PathElement::Value(scalar.clone())),
    };
    Err(why.to_owned())
}
