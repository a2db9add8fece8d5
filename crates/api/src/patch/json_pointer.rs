//! Finding the place a JSON patch operation names (RFC 6901), as evanphx/json-patch does:
//! negative array indices count from the end, and a missing object field reads as null.

use serde_json::{Map, Value};

/// An object or array that holds the last step of a path, and that step.
pub(super) enum Place<'a> {
    Field(&'a mut Map<String, Value>, String),
    Element(&'a mut Vec<Value>, String),
}

/// The container of the last step. `None` if a step before it is missing or a scalar, or
/// the path has no slash.
pub(super) fn find<'a>(document: &'a mut Value, path: &str) -> Option<Place<'a>> {
    let mut steps = path.split('/').skip(1).map(decode);
    let mut step = steps.next()?;
    let mut at = document;
    for next in steps {
        at = match at {
            Value::Object(fields) => fields.get_mut(&step)?,
            Value::Array(items) => {
                let index = existing_index(&step, items.len()).ok()?;
                items.get_mut(index)?
            }
            _ => return None,
        };
        step = next;
    }
    match at {
        Value::Object(fields) => Some(Place::Field(fields, step)),
        Value::Array(items) => Some(Place::Element(items, step)),
        _ => None,
    }
}

/// `~1` is a slash and `~0` a tilde.
fn decode(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

impl Place<'_> {
    /// The value there. A missing field is null; a missing element is an error.
    pub(super) fn get(&self) -> Result<Value, String> {
        self.existing().map(|found| found.cloned().unwrap_or_default())
    }

    /// The value there, `None` for a field that is absent or null.
    pub(super) fn existing(&self) -> Result<Option<&Value>, String> {
        match self {
            Place::Field(fields, name) => Ok(fields.get(name).filter(|value| !value.is_null())),
            Place::Element(items, step) => Ok(items.get(existing_index(step, items.len())?)),
        }
    }

    /// Sets a field, or inserts an element before the index (`-` appends).
    pub(super) fn add(self, value: Value) -> Result<(), String> {
        match self {
            Place::Field(fields, name) => {
                fields.insert(name, value);
            }
            Place::Element(items, step) if step == "-" => items.push(value),
            Place::Element(items, step) => {
                let index = integer(&step)
                    .map_err(|e| format!("value was not a proper array index: '{step}': {e}"))?;
                items.insert(within(index, items.len() + 1)?, value);
            }
        }
        Ok(())
    }

    /// Sets a field or replaces an element.
    pub(super) fn set(self, value: Value) -> Result<(), String> {
        match self {
            Place::Field(fields, name) => {
                fields.insert(name, value);
            }
            Place::Element(items, step) => {
                let index = existing_index(&step, items.len())?;
                if let Some(item) = items.get_mut(index) {
                    *item = value;
                }
            }
        }
        Ok(())
    }

    pub(super) fn remove(self) -> Result<(), String> {
        match self {
            Place::Field(fields, name) => match fields.remove(&name) {
                Some(_) => Ok(()),
                None => Err(format!("Unable to remove nonexistent key: {name}: missing value")),
            },
            Place::Element(items, step) => {
                let index = existing_index(&step, items.len())?;
                items.remove(index);
                Ok(())
            }
        }
    }

    /// The last step, decoded.
    pub(super) fn step(&self) -> &str {
        match self {
            Place::Field(_, step) | Place::Element(_, step) => step,
        }
    }
}

fn existing_index(step: &str, length: usize) -> Result<usize, String> {
    within(integer(step)?, length)
}

/// The index in a list of `length` places, negative ones counted from its end.
fn within(index: i64, length: usize) -> Result<usize, String> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let from_start = if index < 0 { index + length } else { index };
    match usize::try_from(from_start) {
        Ok(place) if from_start < length => Ok(place),
        _ => Err(format!("Unable to access invalid index: {index}: invalid index referenced")),
    }
}

/// Reads a number as Go's `strconv.Atoi` does, with its error text.
fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {}: {why}", crate::goprint::quote(text))
    })
}
