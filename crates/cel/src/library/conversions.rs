//! From one type to another: `int("5")`, `string(5)`, `timestamp("2024-01-01T00:00:00Z")`.

use super::{Library, by_singleton};
use crate::ast::Literal;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Timestamp, Value};

pub(super) fn declare(library: &mut Library) {
    use Type::{Bool, Bytes, Double, Duration, Int, String, Timestamp, Uint};
    let a = || Type::Param(0);
    library.function("type", "type", [a()], Type::of(a()), by_singleton);
    library.singleton("type", |args| match args {
        [value] => Ok(Value::Type(value.type_name())),
        _ => Err(Error::no_such_overload()),
    });
    library.function("dyn", "to_dyn", [a()], Type::Dyn, by_singleton);
    library.singleton("dyn", |args| match args {
        [value] => Ok(value.clone()),
        _ => Err(Error::no_such_overload()),
    });
    for (name, to, from, run) in [
        ("bool", Bool, vec![("bool_to_bool", Bool), ("string_to_bool", String)], to_bool as super::Run),
        ("bytes", Bytes, vec![("bytes_to_bytes", Bytes), ("string_to_bytes", String)], to_bytes),
        (
            "double",
            Double,
            vec![
                ("double_to_double", Double),
                ("int64_to_double", Int),
                ("string_to_double", String),
                ("uint64_to_double", Uint),
            ],
            to_double,
        ),
        (
            "duration",
            Duration,
            vec![
                ("duration_to_duration", Duration),
                ("int64_to_duration", Int),
                ("string_to_duration", String),
            ],
            to_duration,
        ),
        (
            "int",
            Int,
            vec![
                ("int64_to_int64", Int),
                ("double_to_int64", Double),
                ("duration_to_int64", Duration),
                ("string_to_int64", String),
                ("timestamp_to_int64", Timestamp),
                ("uint64_to_int64", Uint),
            ],
            to_int,
        ),
        (
            "string",
            String,
            vec![
                ("string_to_string", String),
                ("bool_to_string", Bool),
                ("bytes_to_string", Bytes),
                ("double_to_string", Double),
                ("duration_to_string", Duration),
                ("int64_to_string", Int),
                ("timestamp_to_string", Timestamp),
                ("uint64_to_string", Uint),
            ],
            to_string,
        ),
        (
            "timestamp",
            Timestamp,
            vec![
                ("timestamp_to_timestamp", Timestamp),
                ("int64_to_timestamp", Int),
                ("string_to_timestamp", String),
            ],
            to_timestamp,
        ),
        (
            "uint",
            Uint,
            vec![
                ("uint64_to_uint64", Uint),
                ("double_to_uint64", Double),
                ("int64_to_uint64", Int),
                ("string_to_uint64", String),
            ],
            to_uint,
        ),
    ] {
        for (id, from) in from {
            library.function(name, id, [from], to.clone(), run);
        }
    }
}

fn failed(value: &Value<'_>, to: &Type) -> Error {
    Error::new(format!("type conversion error from '{}' to '{}'", value.type_name(), to.name()))
}

fn to_bool<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let [value] = args else { return Err(Error::no_such_overload()) };
    match value.as_str() {
        None => Ok(value.clone()),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Value::Bool(true)),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Value::Bool(false)),
        Some(_) => Err(failed(value, &Type::Bool)),
    }
}

fn to_bytes<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let [value] = args else { return Err(Error::no_such_overload()) };
    Ok(value.as_str().map_or_else(|| value.clone(), |text| Value::bytes(text.as_bytes())))
}

fn to_double<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [Value::Int(value)] => Ok(Value::Double(*value as f64)),
        [Value::Uint(value)] => Ok(Value::Double(*value as f64)),
        [text @ Value::String(_)] => {
            let parsed = text.as_str().and_then(parse_double);
            parsed.map(Value::Double).ok_or_else(|| failed(text, &Type::Double))
        }
        [value] => Ok(value.clone()),
        _ => Err(Error::no_such_overload()),
    }
}

fn parse_double(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    // A number that is too large is an error, the word "inf" is not.
    (value.is_finite() || !text.contains(|c: char| c.is_ascii_digit())).then_some(value)
}

fn to_duration<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        // The checker takes it, cel-go's conversion does not.
        [number @ Value::Int(_)] => Err(failed(number, &Type::Duration)),
        [text @ Value::String(_)] => {
            let parsed = text.as_str().and_then(parse_duration);
            parsed.map(Value::Duration).ok_or_else(|| failed(text, &Type::Duration))
        }
        [value] => Ok(value.clone()),
        _ => Err(Error::no_such_overload()),
    }
}

fn parse_duration(text: &str) -> Option<i64> {
    i64::try_from(ironclad_api::duration::parse(text).ok()?.as_nanos()).ok()
}

fn to_int<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let [value] = args else { return Err(Error::no_such_overload()) };
    let overflow = || Error::new("integer overflow");
    match value {
        Value::Double(double) if *double > i64::MIN as f64 && *double < i64::MAX as f64 => {
            Ok(Value::Int(*double as i64))
        }
        Value::Double(_) => Err(overflow()),
        Value::Uint(value) => i64::try_from(*value).map(Value::Int).map_err(|_| overflow()),
        Value::Duration(nanos) => Ok(Value::Int(*nanos)),
        Value::Timestamp(time) => Ok(Value::Int(time.seconds)),
        Value::String(text) => text.parse().map(Value::Int).map_err(|_| failed(value, &Type::Int)),
        value => Ok(value.clone()),
    }
}

fn to_uint<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let [value] = args else { return Err(Error::no_such_overload()) };
    let overflow = || Error::new("unsigned integer overflow");
    match value {
        Value::Double(double) if *double >= 0.0 && *double < 1.844_674_407_370_955_2e19 => {
            Ok(Value::Uint(*double as u64))
        }
        Value::Double(_) => Err(overflow()),
        Value::Int(value) => u64::try_from(*value).map(Value::Uint).map_err(|_| overflow()),
        Value::String(text) if !text.starts_with('+') => {
            text.parse().map(Value::Uint).map_err(|_| failed(value, &Type::Uint))
        }
        Value::String(_) => Err(failed(value, &Type::Uint)),
        value => Ok(value.clone()),
    }
}

fn to_string<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let [value] = args else { return Err(Error::no_such_overload()) };
    match (&value, value.to_text()) {
        (Value::String(_), _) => Ok(value.clone()),
        (_, Some(text)) => Ok(Value::string(text)),
        (Value::Bytes(_), None) => Err(Error::new("invalid UTF-8 in bytes, cannot convert to string")),
        _ => Err(failed(value, &Type::String)),
    }
}

fn to_timestamp<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [Value::Int(seconds)] => {
            let time = Timestamp::new(*seconds, 0).map(Value::Timestamp);
            time.ok_or_else(|| Error::new("timestamp overflow"))
        }
        [text @ Value::String(_)] => {
            let parsed = text.as_str().and_then(Timestamp::parse);
            parsed.map(Value::Timestamp).ok_or_else(|| failed(text, &Type::Timestamp))
        }
        [value] => Ok(value.clone()),
        _ => Err(Error::no_such_overload()),
    }
}

/// Whether `duration(literal)` has a value.
pub(crate) fn is_duration(literal: &Literal) -> bool {
    match literal {
        Literal::String(text) => parse_duration(text).is_some(),
        Literal::Int(_) => false,
        _ => true,
    }
}

/// Whether `timestamp(literal)` has a value.
pub(crate) fn is_timestamp(literal: &Literal) -> bool {
    match literal {
        Literal::String(text) => Timestamp::parse(text).is_some(),
        Literal::Int(seconds) => Timestamp::new(*seconds, 0).is_some(),
        _ => true,
    }
}
