//! The types of expressions, and how they print in error texts.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::declared::Declared;

/// The type of an expression or a variable.
#[derive(Clone, Debug)]
pub enum Type {
    /// Decided when the expression runs.
    Dyn,
    /// As [`Type::Dyn`], but nothing that could be iterated (`google.protobuf.Any`).
    Any,
    /// The type of what has already been reported.
    Error,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    List(Arc<Type>),
    /// Keys and values.
    Map(Arc<(Type, Type)>),
    Optional(Arc<Type>),
    /// The type of a type, if it is known of what.
    Type(Option<Arc<Type>>),
    /// A type of a library whose values have methods only, by its name.
    Opaque(&'static str),
    /// As [`Type::Opaque`], where upstream declares a message.
    Message(Cow<'static, str>),
    /// An object with declared fields.
    Object(Arc<Declared>),
    /// A parameter of a function's signature, or one the checker has yet to find out.
    Param(u32),
}

impl Type {
    pub fn list(element: Type) -> Self {
        Type::List(Arc::new(element))
    }

    pub fn map(key: Type, value: Type) -> Self {
        Type::Map(Arc::new((key, value)))
    }

    pub fn optional(value: Type) -> Self {
        Type::Optional(Arc::new(value))
    }

    pub(crate) fn message(name: impl Into<Cow<'static, str>>) -> Self {
        Type::Message(name.into())
    }

    pub(crate) fn of(inner: Type) -> Self {
        Type::Type(Some(Arc::new(inner)))
    }

    pub(crate) fn is_dyn(&self) -> bool {
        matches!(self, Type::Dyn | Type::Any)
    }

    pub(crate) fn is_dyn_or_error(&self) -> bool {
        self.is_dyn() || matches!(self, Type::Error)
    }

    /// A value of one unit, as far as cost goes.
    pub(crate) fn is_scalar(&self) -> bool {
        match self {
            Type::Bool | Type::Double | Type::Duration | Type::Int | Type::Timestamp | Type::Uint => true,
            Type::Optional(value) => value.is_scalar(),
            _ => false,
        }
    }

    /// The types inside, in the order they print.
    pub(crate) fn parameters(&self) -> Vec<&Type> {
        match self {
            Type::List(inner) | Type::Optional(inner) | Type::Type(Some(inner)) => vec![inner],
            Type::Map(pair) => vec![&pair.0, &pair.1],
            _ => Vec::new(),
        }
    }

    /// The name without parameters. Values of the type answer `type(v)` with it.
    pub fn name(&self) -> &str {
        match self {
            Type::Dyn => "dyn",
            Type::Any => "any",
            Type::Error => "!error!",
            Type::Null => "null_type",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Duration => "google.protobuf.Duration",
            Type::Timestamp => "google.protobuf.Timestamp",
            Type::List(_) => "list",
            Type::Map(_) => "map",
            Type::Optional(_) => "optional_type",
            Type::Type(_) => "type",
            Type::Opaque(name) => name,
            Type::Message(name) => name,
            Type::Object(declared) => declared.name(),
            Type::Param(_) => "param",
        }
    }
}

/// Objects are the same by name: a declared name stands for one set of fields.
impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Type::Param(a), Type::Param(b)) => a == b,
            _ => {
                std::mem::discriminant(self) == std::mem::discriminant(other)
                    && self.name() == other.name()
                    && self.parameters() == other.parameters()
            }
        }
    }
}

impl Eq for Type {}

/// As in error texts: `list(string)`, `map(string, dyn)`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Null => return f.write_str("null"),
            Type::Duration => return f.write_str("duration"),
            Type::Timestamp => return f.write_str("timestamp"),
            Type::Param(number) => return write!(f, "_var{number}"),
            _ => f.write_str(self.name())?,
        }
        let parameters = self.parameters();
        for (at, parameter) in parameters.iter().enumerate() {
            write!(f, "{}{parameter}", if at == 0 { "(" } else { ", " })?;
        }
        if parameters.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}
