//! Follows a path through a value.

use serde_json::Value;

use super::{Node, Slice};

/// Values that one path may yield; `..` and `*` multiply.
const MAX_FOUND: usize = 100_000;

type Values<'v> = Vec<&'v Value>;

pub(super) fn list<'v>(input: Values<'v>, nodes: &'v [Node]) -> Result<Values<'v>, String> {
    nodes.iter().try_fold(input, |values, node| step(values, node))
}

fn step<'v>(values: Values<'v>, node: &'v Node) -> Result<Values<'v>, String> {
    let mut found = Vec::new();
    match node {
        Node::Literal(literal) => return Ok(vec![literal]),
        Node::Word(word) => return Err(format!("unrecognized identifier {word}")),
        Node::Union(parts) => {
            for part in parts {
                found.extend(list(values.clone(), part)?);
                if found.len() > MAX_FOUND {
                    break;
                }
            }
        }
        Node::Field(name) => found.extend(values.into_iter().filter_map(|value| field(value, name))),
        Node::Wildcard => values.into_iter().for_each(|value| found.extend(children(value))),
        Node::Recursive => values.into_iter().for_each(|value| descend(value, &mut found)),
        Node::Slice(slice) => {
            for value in values.into_iter().filter(|value| !value.is_null()) {
                found.extend(cut(value, *slice)?);
            }
        }
        Node::Filter(filter) => {
            for value in values {
                if !value.is_array() {
                    return Err(format!("{} is not array or slice and cannot be filtered", go_type(value)));
                }
                for element in children(value) {
                    if filter.passes(element)? {
                        found.push(element);
                    }
                }
            }
        }
    }
    match found.len() > MAX_FOUND {
        true => Err("path yields too many values".to_owned()),
        false => Ok(found),
    }
}

fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object()?.get(name)
}

fn children(value: &Value) -> Values<'_> {
    match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}

/// The value and everything in it that has something in it.
fn descend<'v>(value: &'v Value, found: &mut Values<'v>) {
    let within = children(value);
    if within.is_empty() || found.len() > MAX_FOUND {
        return;
    }
    found.push(value);
    within.into_iter().for_each(|child| descend(child, found));
}

fn cut(value: &Value, slice: Slice) -> Result<Values<'_>, String> {
    if !value.is_array() {
        return Err(format!("{} is not array or slice", go_type(value)));
    }
    let elements = children(value);
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let from_end = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
    let start = from_end(slice.start.unwrap_or(0));
    let end = match slice.single {
        true => start.saturating_add(1),
        false => slice.end.map_or(length, from_end),
    };
    if start == end {
        return Ok(Vec::new());
    }
    let out = |at: i64| Err(format!("array index out of bounds: index {at}, length {length}"));
    match () {
        () if start >= length || start < 0 => return out(start),
        () if end > length || end < 0 => return out(end.saturating_sub(1)),
        () if start > end => {
            return Err(format!("starting index {start} is greater than ending index {end}"));
        }
        () => {}
    }
    let step = slice.step.unwrap_or(1);
    let step = usize::try_from(step).ok().filter(|step| *step > 0).ok_or("step must be > 0")?;
    let skip = usize::try_from(start).unwrap_or(0);
    let take = usize::try_from(end - start).unwrap_or(0);
    Ok(elements.into_iter().skip(skip).take(take).step_by(step).collect())
}

/// Go's name of the type that a JSON value decodes to.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
