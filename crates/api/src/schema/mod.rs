//! What an object of a kind looks like: one tree of [`Schema`]s for built-in kinds (from the
//! compiled-in [`Catalog`]) and for custom resources (from a CRD's structural schema).
//! Field validation, pruning, defaulting, strategic merge, server-side apply, OpenAPI and
//! the protobuf transcoder all walk this tree.

mod base64_check;
mod catalog;
pub mod check;
pub mod defaulting;
pub mod descriptions;
mod go_type;
mod load;
mod rfc3339;
pub mod structural;
mod zero;

pub(crate) use base64_check::bad_base64;
pub use catalog::{Catalog, Definition, DefinitionId};
pub use go_type::json_type;
pub use zero::{is_empty, zero_value};

use serde_json::Value;

use crate::gvk::Name;

/// The type of a value, and what merging and publishing know about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    pub shape: Shape,
    /// How server-side apply tracks it. `None` means the default: lists are atomic, maps granular.
    pub topology: Option<Topology>,
    /// How a strategic merge patch treats it. `None` means lists are replaced, maps merged.
    pub patch: Option<Box<Patch>>,
    /// What an absent value becomes when the schema's defaults are applied.
    pub default: Option<Box<Value>>,
    /// The Go type in error texts, where it is not the one that follows from the shape.
    pub go_type: Option<Name>,
    /// `null` is a value and is kept (custom resources only).
    pub nullable: bool,
    /// Nothing is known of the value (`additionalProperties: true`): objects lose all their fields.
    pub hollow: bool,
    /// The value is a whole object with apiVersion, kind and metadata.
    pub embedded_resource: bool,
    /// The raw OpenAPI v3 schema of a custom resource's field: value constraints that this
    /// type does not model, and the text that is published.
    pub published: Option<Box<Value>>,
}

/// The JSON shape of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Shape {
    /// Any JSON value, kept as it is.
    #[default]
    Json,
    /// A definition of the built-in catalog.
    Ref(DefinitionId),
    Object(Box<Object>),
    /// An object whose keys are data.
    Map(Box<Schema>),
    List(Box<Schema>),
    String,
    Integer(Width),
    Number,
    Boolean,
    /// Base64 text.
    Bytes,
    /// RFC 3339, printed in whole seconds.
    Time,
    /// RFC 3339, printed with six digits of a second.
    MicroTime,
    Quantity,
    IntOrString,
    /// Any JSON object, kept as it is (Go's RawExtension).
    Raw,
    /// One of several shapes, told apart by the JSON type of the value.
    Union(Box<[Schema]>),
}

/// The width of an integer, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    I32,
    I64,
}

/// An object with declared properties.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// Sorted by name; what stands below about them is made with them, by [`Self::sorted`].
    properties: Vec<Property>,
    /// Unknown fields are kept (x-kubernetes-preserve-unknown-fields).
    pub preserve_unknown: bool,
    /// Those that are kept are [hollow](Schema::hollow) (`additionalProperties: true`).
    pub hollow_unknown: bool,
    /// The places of those that a protobuf message has, in the order of their numbers: those of one inlined message
    /// stand together. Empty for custom resources.
    pub(crate) by_number: Box<[u32]>,
    /// The places of those that Go always prints.
    always: Box<[u32]>,
    /// The digests of all names, sorted, each with the place of its property. Every field of every object that comes in
    /// is looked up several times: comparing names along a binary search of `properties` was a tenth of a write.
    by_digest: Box<[(u32, u32)]>,
}

impl Object {
    /// Puts the properties in order, by name and by number. For schemas made by hand.
    pub fn sorted(mut properties: Vec<Property>) -> Self {
        properties.sort_by(|a, b| a.name.cmp(&b.name));
        properties.shrink_to_fit();
        let places = || properties.iter().zip(0..);
        let mut by_number: Vec<([u16; 3], u32)> =
            places().map(|(property, at)| (property.protobuf, at)).collect();
        by_number.retain(|(path, _)| path[0] != 0);
        by_number.sort_unstable();
        let by_number = by_number.into_iter().map(|(_, at)| at).collect();
        let always = places().filter(|(property, _)| property.always).map(|(_, at)| at).collect();
        let mut by_digest: Box<[_]> = places().map(|(property, at)| (digest(&property.name), at)).collect();
        by_digest.sort_unstable();
        Self { properties, by_number, always, by_digest, ..Self::default() }
    }

    /// The property of that exact name: JSON keys are matched case-sensitively.
    pub fn property(&self, name: &str) -> Option<&Property> {
        let (digest, at) = (digest(name), |at: u32| self.properties.get(at as usize));
        // Places are in the order of names, so those of one digest are too.
        let order = |(other, place): &(u32, u32)| {
            other
                .cmp(&digest)
                .then_with(|| at(*place).map(|property| property.name.as_ref()).cmp(&Some(name)))
        };
        let found = self.by_digest.binary_search_by(order).ok()?;
        self.by_digest.get(found).and_then(|(_, place)| at(*place))
    }

    /// All, sorted by name.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// The properties that Go always prints.
    pub fn always(&self) -> impl Iterator<Item = &Property> {
        self.always.iter().filter_map(|at| self.properties.get(*at as usize))
    }
}

/// Of a name, eight bytes at a time.
fn digest(name: &str) -> u32 {
    let mut digest = name.len() as u64;
    for chunk in name.as_bytes().chunks(8) {
        let word = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        digest = (digest.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    (digest >> 32) as u32
}

/// A declared property of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Property {
    pub name: Name,
    pub schema: Schema,
    pub required: bool,
    /// A Go pointer: absent and zero are different values.
    pub pointer: bool,
    /// Printed by Go even when it holds the zero value.
    pub always: bool,
    /// The protobuf field number, preceded by those of the messages that JSON inlines.
    /// Unused places are 0; all are 0 if the property is not in the message.
    pub protobuf: [u16; 3],
    /// The Go names of the embedded structs it comes through, joined by dots.
    pub embedded_in: Name,
}

impl Property {
    /// The value that an absent key field of a list element stands for: the declared
    /// default, or the zero value where Go always prints the field.
    pub fn implied_default(&self) -> Option<Value> {
        match &self.schema.default {
            Some(value) => Some(value.as_ref().clone()),
            None if self.always && !self.pointer && self.schema.is_plain_scalar() => {
                Some(zero_value(&self.schema))
            }
            None => None,
        }
    }
}

/// How server-side apply tracks a list or a map (x-kubernetes-list-type, -map-type).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    AtomicList,
    /// Elements are scalars, each owned on its own.
    SetList,
    /// Elements are objects told apart by these keys.
    MapList(Box<[Name]>),
    AtomicMap,
    GranularMap,
}

/// How a strategic merge patch treats a field (x-kubernetes-patch-strategy, -merge-key).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    pub strategies: Vec<Strategy>,
    pub merge_key: Option<Name>,
}

/// A word of `patchStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Merge,
    Replace,
    RetainKeys,
}

impl Strategy {
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::Merge => "merge",
            Strategy::Replace => "replace",
            Strategy::RetainKeys => "retainKeys",
        }
    }
}

impl Schema {
    pub fn of(shape: Shape) -> Self {
        Self { shape, ..Self::default() }
    }

    /// The schema itself, or the definition it refers to.
    pub fn resolve(&self) -> &Schema {
        match self.shape {
            Shape::Ref(id) => &id.definition().schema,
            _ => self,
        }
    }

    /// How it is tracked: what the place says goes before what the definition says.
    pub fn topology(&self) -> Option<&Topology> {
        self.topology.as_ref().or(self.resolve().topology.as_ref())
    }

    /// The declared properties, if it is an object that has any.
    pub fn object(&self) -> Option<&Object> {
        match &self.resolve().shape {
            Shape::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The schema of a field of an object or of a map's values. `None` for an unknown field.
    pub fn field(&self, name: &str) -> Option<&Schema> {
        match &self.resolve().shape {
            Shape::Object(object) => object.property(name).map(|p| &p.schema),
            Shape::Map(values) => Some(values),
            _ => None,
        }
    }

    /// A type that Go has built in, or a name for one.
    fn is_plain_scalar(&self) -> bool {
        matches!(self.shape, Shape::String | Shape::Integer(_) | Shape::Number | Shape::Boolean)
    }

    /// The schema of a list's elements.
    pub fn items(&self) -> Option<&Schema> {
        match &self.resolve().shape {
            Shape::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn merge_key(&self) -> Option<&str> {
        self.patch.as_ref()?.merge_key.as_deref()
    }

    pub fn has_strategy(&self, strategy: Strategy) -> bool {
        self.patch.as_ref().is_some_and(|patch| patch.strategies.contains(&strategy))
    }
}
