//! Types with declared fields, made from schemas: what `self` and `object` are.

mod openapi;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::escaping;
use crate::types::Type;

/// A type known from a schema, with the bounds that cost estimates go by.
#[derive(Debug, PartialEq)]
pub struct Declared {
    name: String,
    pub(crate) shape: Shape,
    /// The most elements or bytes a value may have; 0 for scalars.
    max_elements: i64,
    /// The shortest JSON of a value, in bytes.
    min_size: i64,
    /// Fields are found by their names as they are, reserved words too: nobody made it of a schema.
    verbatim: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Shape {
    Bool,
    Int,
    Double,
    String,
    Bytes,
    Duration,
    /// A day, or a point in time (RFC 3339).
    Date,
    DateTime,
    /// x-kubernetes-int-or-string: decided when the expression runs.
    IntOrString,
    List(Arc<Declared>, ListKind),
    Map(Arc<Declared>),
    /// By property name, not escaped.
    Object(BTreeMap<String, Arc<Declared>>),
    /// No type that expressions could use: the value can only be compared.
    Unknown,
    /// Any value at all.
    Dyn,
    /// What no schema could say.
    Of(Type),
}

/// When two lists are equal, and what their sum is (x-kubernetes-list-type).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ListKind {
    Atomic,
    Set,
    /// Elements are told apart by these properties.
    Map(Vec<String>),
}

impl Declared {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shortest JSON of a value, in bytes.
    pub fn min_size(&self) -> i64 {
        self.min_size
    }

    pub(crate) fn max_elements(&self) -> u64 {
        self.max_elements.max(0).unsigned_abs()
    }

    /// The type that the checker sees.
    pub fn cel_type(self: &Arc<Self>) -> Type {
        match &self.shape {
            Shape::Bool => Type::Bool,
            Shape::Int => Type::Int,
            Shape::Double => Type::Double,
            Shape::String => Type::String,
            Shape::Bytes => Type::Bytes,
            Shape::Duration => Type::Duration,
            Shape::Date | Shape::DateTime => Type::Timestamp,
            Shape::List(element, _) => Type::list(element.cel_type()),
            Shape::Map(value) => Type::map(Type::String, value.cel_type()),
            Shape::Object(_) => Type::Object(self.clone()),
            Shape::IntOrString | Shape::Unknown | Shape::Dyn => Type::Dyn,
            Shape::Of(of) => of.clone(),
        }
    }

    /// Whether expressions can use values of the type.
    pub fn is_usable(&self) -> bool {
        !matches!(self.shape, Shape::Unknown)
    }

    /// The field of an object under its escaped name; a reserved word may also stand for itself.
    pub fn field(&self, identifier: &str) -> Option<&Arc<Declared>> {
        let Shape::Object(properties) = &self.shape else { return None };
        if self.verbatim {
            return properties.get(identifier);
        }
        let property = escaping::unescape(identifier)?;
        let found = properties.get(property.as_ref()).filter(|field| field.is_usable())?;
        let named = escaping::escape(&property)? == identifier || escaping::is_reserved(identifier);
        named.then_some(found)
    }

    /// The property of an object, as it stands in JSON, usable or not.
    pub fn property(&self, name: &str) -> Option<&Arc<Declared>> {
        match &self.shape {
            Shape::Object(properties) => properties.get(name),
            _ => None,
        }
    }

    /// What the elements of a list or the values of a map are.
    pub fn element(&self) -> Option<&Arc<Declared>> {
        match &self.shape {
            Shape::List(element, _) | Shape::Map(element) => Some(element),
            _ => None,
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.shape, Shape::Map(_))
    }

    /// Any value: a variable whose schema is not known.
    pub fn dynamic() -> Self {
        Self {
            name: "dyn".to_owned(),
            shape: Shape::Dyn,
            max_elements: i64::MAX,
            min_size: 1,
            verbatim: false,
        }
    }

    /// A variable's field of any type.
    pub fn of(of: Type) -> Self {
        let name = of.name().to_owned();
        Self { name, shape: Shape::Of(of), max_elements: i64::MAX, min_size: 1, verbatim: false }
    }

    /// An object made by hand, for variables such as `request`.
    pub fn object(name: &str, fields: impl IntoIterator<Item = (impl Into<String>, Declared)>) -> Self {
        let fields = fields.into_iter().map(|(name, field)| (name.into(), Arc::new(field))).collect();
        Self {
            name: name.to_owned(),
            shape: Shape::Object(fields),
            max_elements: 0,
            min_size: 2,
            verbatim: true,
        }
    }

    /// A list of values made by hand.
    pub fn list(element: Declared) -> Self {
        let shape = Shape::List(Arc::new(element), ListKind::Atomic);
        Self { name: "list".to_owned(), shape, max_elements: i64::MAX, min_size: 2, verbatim: false }
    }

    /// A map from strings, made by hand.
    pub fn map(value: Declared) -> Self {
        let shape = Shape::Map(Arc::new(value));
        Self { name: "map".to_owned(), shape, max_elements: i64::MAX, min_size: 2, verbatim: false }
    }

    pub fn string() -> Self {
        Self {
            name: "string".to_owned(),
            shape: Shape::String,
            max_elements: 0,
            min_size: 2,
            verbatim: false,
        }
    }

    pub fn boolean() -> Self {
        Self { name: "bool".to_owned(), shape: Shape::Bool, max_elements: 0, min_size: 4, verbatim: false }
    }

    pub fn int() -> Self {
        Self { name: "int".to_owned(), shape: Shape::Int, max_elements: 0, min_size: 1, verbatim: false }
    }
}
