//! Trees into messages, by their schemas, as Go's generated code writes them: fields in the
//! order of their numbers; everything that is no pointer, list or map is written, also when
//! it is absent from the tree and so holds its zero value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::EncodeError;
use super::write::Writer;
use crate::schema::{Object, Property, Schema, Shape, json_type};
use crate::time;

/// Go's zero time, which is an empty message.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Whether a list is a message of its own, though a field of a message: the slice type `Verbs` is.
pub(super) fn is_message(list: &Schema) -> bool {
    list.go_type.as_deref() == Some("v1.Verbs")
}

/// Writes an object's members. `None` stands for the zero value.
pub(super) fn message(
    schema: &Object,
    members: Option<&Map<String, Value>>,
    out: &mut Writer,
) -> Result<(), EncodeError> {
    numbered(schema, &schema.by_number, 0, members, out)
}

/// Writes these properties: all of a message, or those of one that JSON inlines, which is
/// `level` deep.
fn numbered(
    schema: &Object,
    places: &[u32],
    level: usize,
    members: Option<&Map<String, Value>>,
    out: &mut Writer,
) -> Result<(), EncodeError> {
    let property_at = |place: &u32| schema.properties().get(*place as usize);
    let number = |place: &u32, level: usize| {
        property_at(place).and_then(|property| property.protobuf.get(level).copied()).unwrap_or(0)
    };
    for group in places.chunk_by(|a, b| number(a, level) == number(b, level)) {
        let Some(first) = group.first() else { continue };
        let at = number(first, level);
        if number(first, level + 1) != 0 {
            out.message(at, |out| numbered(schema, group, level + 1, members, out))?;
        } else if let Some(known) = property_at(first) {
            let value = members.and_then(|members| members.get(&*known.name));
            property(known, at, value.unwrap_or(&Value::Null), out)
                .map_err(|error| error.within(&known.name))?;
        }
    }
    Ok(())
}

fn property(property: &Property, number: u16, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
    let schema = &property.schema;
    match (&schema.resolve().shape, value) {
        (Shape::List(_) | Shape::Map(_), Value::Null) => Ok(()),
        (Shape::List(_), _) if is_message(schema) => single(schema, number, value, out),
        (Shape::List(items), Value::Array(elements)) => list(items, number, elements, out),
        (Shape::Map(values), Value::Object(entries)) => map(values, number, entries, out),
        (_, Value::Null) if property.pointer => Ok(()),
        _ => single(schema, number, value, out),
    }
}

fn list(items: &Schema, number: u16, elements: &[Value], out: &mut Writer) -> Result<(), EncodeError> {
    elements.iter().try_for_each(|element| single(items, number, element, out))
}

/// Entries are written sorted by key, which is how trees hold them.
fn map(
    values: &Schema,
    number: u16,
    entries: &Map<String, Value>,
    out: &mut Writer,
) -> Result<(), EncodeError> {
    entries.iter().try_for_each(|(key, value)| {
        out.message(number, |out| {
            out.bytes(1, key.as_bytes());
            single(values, 2, value, out)
        })
    })
}

/// One value. `null` is Go's zero value of the type.
fn single(schema: &Schema, number: u16, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
    match (&schema.resolve().shape, value) {
        (Shape::String, Value::String(text)) => out.bytes(number, text.as_bytes()),
        (Shape::String, Value::Null) => out.bytes(number, b""),
        (Shape::Boolean, Value::Bool(set)) => out.integer(number, (*set).into()),
        (Shape::Boolean | Shape::Integer(_), Value::Null) => out.integer(number, 0),
        (Shape::Integer(_), Value::Number(found)) => out.integer(number, whole(found)?),
        (Shape::Number, Value::Number(found)) => out.double(number, found.as_f64().unwrap_or(0.0)),
        (Shape::Number, Value::Null) => out.double(number, 0.0),
        (Shape::Bytes, Value::String(text)) => {
            out.bytes(
                number,
                &STANDARD.decode(text).map_err(|_| EncodeError::of("text that is not base64"))?,
            );
        }
        (Shape::Bytes, Value::Null) => {}
        (shape, value) => return out.message(number, |out| content(shape, value, out)),
    }
    Ok(())
}

/// The inside of what is a message on the wire.
fn content(shape: &Shape, value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
    match (shape, value) {
        (Shape::Object(object), Value::Object(members)) => return message(object, Some(members), out),
        (Shape::Object(object), Value::Null) => return message(object, None, out),
        (Shape::List(items), Value::Array(elements)) => return list(items, 1, elements, out),
        (Shape::Union(members), value) => return union(members, value, out),
        (Shape::Time, Value::String(text)) => instant(text, time::parse, false, out)?,
        (Shape::MicroTime, Value::String(text)) => instant(text, time::parse_micro, true, out)?,
        (Shape::Quantity, Value::String(text)) => out.bytes(1, text.as_bytes()),
        (Shape::Quantity, Value::Number(number)) => out.bytes(1, number.to_string().as_bytes()),
        (Shape::Quantity, Value::Null) => out.bytes(1, b"0"),
        (Shape::IntOrString, Value::Null) => int_or_string(0, 0, "", out),
        (Shape::IntOrString, Value::Number(number)) => int_or_string(0, whole(number)?, "", out),
        (Shape::IntOrString, Value::String(text)) => int_or_string(1, 0, text, out),
        (Shape::Time | Shape::MicroTime | Shape::List(_) | Shape::Raw | Shape::Json, Value::Null) => {}
        (Shape::Raw | Shape::Json, value) => out.bytes(1, &crate::json::encode(value)),
        (_, value) => return Err(EncodeError::of(json_type(value))),
    }
    Ok(())
}

fn whole(number: &serde_json::Number) -> Result<i64, EncodeError> {
    number.as_i64().ok_or_else(|| EncodeError::of("a number that is not whole"))
}

/// `Timestamp`: seconds, and nanoseconds that only MicroTime has.
fn instant<E>(
    text: &str,
    parse: fn(&str) -> Result<Timestamp, E>,
    fraction: bool,
    out: &mut Writer,
) -> Result<(), EncodeError> {
    let moment = parse(text).map_err(|_| EncodeError::of("text that is not a time"))?;
    let zero: Option<Timestamp> = ZERO_TIME.parse().ok();
    if Some(moment) != zero {
        // Rounded down, as Go does: nanoseconds are never negative.
        let nanoseconds = moment.as_nanosecond().rem_euclid(1_000_000_000) as i64;
        let seconds = moment.as_nanosecond().div_euclid(1_000_000_000) as i64;
        out.integer(1, seconds);
        out.integer(2, if fraction { nanoseconds } else { 0 });
    }
    Ok(())
}

fn int_or_string(kind: i64, number: i64, text: &str, out: &mut Writer) {
    out.integer(1, kind);
    out.integer(2, number);
    out.bytes(3, text.as_bytes());
}

/// The `JSONSchemaPropsOr…` messages: a flag (1) or a schema (2), or a schema (1) or a list
/// (2) of something.
fn union(members: &[Schema], value: &Value, out: &mut Writer) -> Result<(), EncodeError> {
    let [schema, other] = members else { return Err(EncodeError::of("one of many")) };
    match (&other.resolve().shape, value) {
        (Shape::Boolean, Value::Object(_)) => {
            out.integer(1, 1);
            single(schema, 2, value, out)
        }
        (Shape::Boolean, _) => single(other, 1, value, out),
        (_, Value::Object(_)) => single(schema, 1, value, out),
        (Shape::List(items), Value::Array(elements)) => list(items, 2, elements, out),
        _ => Ok(()),
    }
}
