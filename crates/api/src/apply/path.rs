//! One step from an object to something in it, and the order and text upstream gives it.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Map, Number, Value};

use crate::goprint;
use crate::gvk::Name;
use crate::patch::go_value;

/// How a child is chosen in its parent (structured-merge-diff's PathElement).
#[derive(Clone, Debug)]
pub enum PathElement {
    /// A field of an object.
    Field(Name),
    /// The element of a list whose key fields have these values, sorted by name.
    Key(Box<[(Name, Value)]>),
    /// The element of a set of scalars.
    Value(Value),
    /// The element of a list by its place.
    Index(i64),
}

/// A path that cannot be read from `fieldsV1`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("key must be 2 characters long:")]
    Short,
    #[error("missing colon: {0}")]
    NoColon(String),
    #[error("{0}")]
    Content(String),
}

impl PathElement {
    pub fn field(name: &str) -> Self {
        Self::Field(Name::Owned(name.to_owned()))
    }

    /// A list element's key, whatever the order of its fields.
    pub fn key(mut fields: Vec<(Name, Value)>) -> Self {
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Self::Key(fields.into())
    }

    /// Reads `f:name`, `k:{…}`, `v:…` or `i:0`. `None` for a letter of a future version,
    /// which is ignored as upstream ignores it.
    pub fn parse(text: &str) -> Result<Option<Self>, PathError> {
        if text.len() < 2 {
            return Err(PathError::Short);
        }
        let Some((letter, content)) = text.split_once(':').filter(|(letter, _)| letter.len() == 1) else {
            return Err(PathError::NoColon(text.to_owned()));
        };
        Ok(match letter {
            "f" => Some(Self::field(content)),
            "v" => Some(Self::Value(json(content)?)),
            "k" => {
                let fields: Map<String, Value> = json(content)?;
                Some(Self::key(fields.into_iter().map(|(name, value)| (name.into(), value)).collect()))
            }
            "i" => {
                let index =
                    content.parse().map_err(|_| PathError::Content(format!("bad index {content}")))?;
                Some(Self::Index(index))
            }
            _ => None,
        })
    }

    /// The form that stands in `fieldsV1`.
    pub fn to_key(&self) -> String {
        match self {
            Self::Field(name) => ["f:", name].concat(),
            Self::Key(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.as_ref(), value));
                goprint::json_object("k:", fields)
            }
            Self::Value(value) => ["v:", &goprint::json(value)].concat(),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, PathError> {
    serde_json::from_str(text).map_err(|error| PathError::Content(error.to_string()))
}

impl fmt::Display for PathElement {
    /// As conflicts print it: `.spec`, `[name="a"]`, `[="a"]`, `[0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                let fields = fields.iter().map(|(name, value)| format!("{name}={}", scalar(value)));
                write!(f, "[{}]", fields.collect::<Vec<_>>().join(","))
            }
            Self::Value(value) => write!(f, "[={}]", scalar(value)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => goprint::quote(text),
        other => go_value(other),
    }
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => {
                let fields = a.iter().zip(b.iter());
                let unequal = fields
                    .map(|((a_name, a), (b_name, b))| a_name.cmp(b_name).then_with(|| compare(a, b)))
                    .find(|order| order.is_ne());
                unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Self::Value(a), Self::Value(b)) => compare(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PathElement {}

/// Orders values as upstream does: numbers by size whether written with a point or not,
/// then strings, booleans, lists, maps and null.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => kind_rank(a).cmp(&kind_rank(b)).then_with(|| a.to_string().cmp(&b.to_string())),
    }
}

/// By size. An integer and a float near it are never both equal to a third: sorting needs an order.
fn numbers(a: &Number, b: &Number) -> Ordering {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => {
            let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
            a.total_cmp(&b)
        }
    }
}

/// A number that is an integer, however it is written.
fn integer(number: &Number) -> Option<i128> {
    const EXACT: f64 = (1_u128 << 100) as f64;
    // As in Go, an integer that is none of 64 bits with a sign is a float.
    if let Some(integer) = number.as_i64() {
        return Some(integer.into());
    }
    number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < EXACT).map(|float| float as i128)
}

fn kind_rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

/// A whole path as conflicts print it: `.spec.containers[name="a"].image`.
pub fn display(path: &[PathElement]) -> String {
    path.iter().map(PathElement::to_string).collect()
}
