//! Messages into trees, by their schemas.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::tree::is_message;
use super::wire::{self, Wire};
use super::{DecodeError, embedded};
use crate::json::MAX_DEPTH;
use crate::schema::{Object, Property, Schema, Shape};
use crate::time;

/// Messages that JSON inlines are at most this deep.
const INLINED: usize = 3;

/// Reads a message into `out`. `prefix` is the way to it through messages that JSON inlines.
pub(super) fn message(
    schema: &Object,
    bytes: &[u8],
    prefix: &[u16],
    out: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::Depth);
    }
    for field in wire::fields(bytes) {
        let (number, value) = field?;
        // Fields of newer versions are skipped, as every protobuf reader does.
        let Ok(number) = u16::try_from(number) else { continue };
        let mut path = prefix.to_vec();
        path.push(number);
        let mut below = schema.properties().iter().filter(|property| property.protobuf.starts_with(&path));
        match below.clone().find(|property| ends_at(property, path.len())) {
            Some(found) => property(found, value, out, depth)?,
            None if path.len() < INLINED && below.next().is_some() => {
                message(schema, value.bytes("an inlined message")?, &path, out, depth)?;
            }
            None => {}
        }
    }
    Ok(())
}

fn ends_at(property: &Property, length: usize) -> bool {
    property.protobuf.get(length).is_none_or(|next| *next == 0)
}

fn property(
    property: &Property,
    wire: Wire<'_>,
    out: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), DecodeError> {
    let name = &*property.name;
    match &property.schema.resolve().shape {
        Shape::Map(values) => {
            let (key, value) = entry(values, wire, name, depth)?;
            crate::object::object_in(out, name).insert(key, value);
        }
        Shape::List(items) if !is_message(&property.schema) => {
            let list = out.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                elements(items, wire, name, list, depth)?;
            }
        }
        _ => {
            let read = value(&property.schema, wire, name, depth)?;
            // Go always writes what is no pointer; what is zero there stands for absent.
            match read.filter(|value| property.pointer || !is_zero(value)) {
                Some(value) => drop(out.insert(name.to_owned(), value)),
                None => drop(out.remove(name)),
            }
        }
    }
    Ok(())
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

fn entry(values: &Schema, wire: Wire<'_>, name: &str, depth: usize) -> Result<(String, Value), DecodeError> {
    let (mut key, mut found) = (String::new(), None);
    for field in wire::fields(wire.bytes(name)?) {
        match field? {
            (1, wire) => key = wire.text(name)?.to_owned(),
            (2, wire) => found = value(values, wire, name, depth + 1)?,
            _ => {}
        }
    }
    Ok((key, found.unwrap_or_else(|| crate::schema::zero_value(values))))
}

/// One element, or several numbers packed into one value.
fn elements(
    items: &Schema,
    wire: Wire<'_>,
    name: &str,
    list: &mut Vec<Value>,
    depth: usize,
) -> Result<(), DecodeError> {
    match (&items.resolve().shape, wire) {
        (Shape::Integer(_), Wire::Bytes(mut packed)) => {
            while !packed.is_empty() {
                list.push(wire::varint(&mut packed)?.cast_signed().into());
            }
        }
        _ => list.push(value(items, wire, name, depth + 1)?.unwrap_or_default()),
    }
    Ok(())
}

/// The value; `None` where an empty message stands for nothing.
fn value(schema: &Schema, wire: Wire<'_>, name: &str, depth: usize) -> Result<Option<Value>, DecodeError> {
    Ok(Some(match &schema.resolve().shape {
        Shape::String => wire.text(name)?.into(),
        Shape::Boolean => (wire.integer(name)? != 0).into(),
        Shape::Integer(_) => wire.integer(name)?.into(),
        Shape::Number => match wire {
            Wire::Fixed64(bits) => Number::from_f64(f64::from_bits(bits)).map_or(Value::Null, Value::Number),
            other => return Err(other.mistyped(name)),
        },
        Shape::Bytes => STANDARD.encode(wire.bytes(name)?).into(),
        Shape::Time => return instant(wire.bytes(name)?, name, time::format),
        Shape::MicroTime => return instant(wire.bytes(name)?, name, time::format_micro),
        Shape::Quantity => member(wire.bytes(name)?, 1)?.map_or(Ok(""), |wire| wire.text(name))?.into(),
        Shape::IntOrString => int_or_string(wire.bytes(name)?, name)?,
        Shape::Raw | Shape::Json => match member(wire.bytes(name)?, 1)? {
            Some(wire) if !wire.bytes(name)?.is_empty() => embedded(wire.bytes(name)?, depth + 1)?,
            _ => return Ok(None),
        },
        Shape::Object(object) => {
            let mut members = Map::new();
            message(object, wire.bytes(name)?, &[], &mut members, depth + 1)?;
            Value::Object(members)
        }
        // A list that is not a field of its own is a message with one.
        Shape::List(items) => Value::Array(listed(items, wire.bytes(name)?, 1, name, depth)?),
        Shape::Union(members) => return union(members, wire.bytes(name)?, name, depth),
        Shape::Map(_) | Shape::Ref(_) => return Err(wire.mistyped(name)),
    }))
}

/// The last value of a field.
fn member(bytes: &[u8], number: u64) -> Result<Option<Wire<'_>>, DecodeError> {
    let mut found = None;
    for field in wire::fields(bytes) {
        let (field, wire) = field?;
        if field == number {
            found = Some(wire);
        }
    }
    Ok(found)
}

fn listed(
    items: &Schema,
    bytes: &[u8],
    number: u64,
    name: &str,
    depth: usize,
) -> Result<Vec<Value>, DecodeError> {
    let mut list = Vec::new();
    for field in wire::fields(bytes) {
        match field? {
            (field, wire) if field == number => elements(items, wire, name, &mut list, depth)?,
            _ => {}
        }
    }
    Ok(list)
}

/// `Timestamp`: seconds and nanoseconds. The empty message is Go's zero time.
fn instant(bytes: &[u8], name: &str, print: fn(Timestamp) -> String) -> Result<Option<Value>, DecodeError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let part = |number| member(bytes, number)?.map_or(Ok(0), |wire| wire.integer(name));
    let nanoseconds = i32::try_from(part(2)?).map_err(|_| DecodeError::Malformed)?;
    let moment = Timestamp::new(part(1)?, nanoseconds).map_err(|_| DecodeError::Malformed)?;
    Ok(Some(print(moment).into()))
}

fn int_or_string(bytes: &[u8], name: &str) -> Result<Value, DecodeError> {
    let is_text = member(bytes, 1)?.map_or(Ok(0), |wire| wire.integer(name))? == 1;
    Ok(match is_text {
        true => member(bytes, 3)?.map_or(Ok(""), |wire| wire.text(name))?.into(),
        false => member(bytes, 2)?.map_or(Ok(0), |wire| wire.integer(name))?.into(),
    })
}

/// The `JSONSchemaPropsOr…` messages: a schema or a list of something, or a flag or a schema.
fn union(members: &[Schema], bytes: &[u8], name: &str, depth: usize) -> Result<Option<Value>, DecodeError> {
    let [first, second] = members else { return Err(DecodeError::Malformed) };
    let schema_at = |number| match member(bytes, number)? {
        Some(wire) => value(first, wire, name, depth),
        None => Ok(None),
    };
    match &second.resolve().shape {
        Shape::Boolean => match schema_at(2)? {
            Some(schema) => Ok(Some(schema)),
            None => Ok(Some((member(bytes, 1)?.map_or(Ok(0), |wire| wire.integer(name))? != 0).into())),
        },
        Shape::List(items) => match schema_at(1)? {
            Some(schema) => Ok(Some(schema)),
            None => listed(items, bytes, 2, name, depth).map(|list| Some(list.into())),
        },
        _ => Err(DecodeError::Malformed),
    }
}
