//! `<`, `<=`, `>` and `>=`.

use std::cmp::Ordering;

use super::{Library, Run, by_singleton};
use crate::ast::operator;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::Value;

/// The pairs that can be compared, and the ends of their overloads' names.
const PAIRS: [(&str, Type, Type); 14] = [
    ("bool", Type::Bool, Type::Bool),
    ("int64", Type::Int, Type::Int),
    ("int64_double", Type::Int, Type::Double),
    ("int64_uint64", Type::Int, Type::Uint),
    ("uint64", Type::Uint, Type::Uint),
    ("uint64_double", Type::Uint, Type::Double),
    ("uint64_int64", Type::Uint, Type::Int),
    ("double", Type::Double, Type::Double),
    ("double_int64", Type::Double, Type::Int),
    ("double_uint64", Type::Double, Type::Uint),
    ("string", Type::String, Type::String),
    ("bytes", Type::Bytes, Type::Bytes),
    ("timestamp", Type::Timestamp, Type::Timestamp),
    ("duration", Type::Duration, Type::Duration),
];

pub(super) fn declare(library: &mut Library) {
    for (name, run) in [
        (operator::LESS, less as Run),
        (operator::LESS_EQUALS, less_equals),
        (operator::GREATER, greater),
        (operator::GREATER_EQUALS, greater_equals),
    ] {
        for (end, left, right) in &PAIRS {
            // What the overloads of strings and bytes cost depends on their size.
            let id = match *end {
                "string" => "compare_string",
                "bytes" => "compare_bytes",
                end => end,
            };
            library.function(name, id, [left.clone(), right.clone()], Type::Bool, by_singleton);
        }
        library.singleton(name, run);
    }
}

fn compare(args: &[Value<'_>], symbol: &str) -> Result<Ordering, Error> {
    match args {
        [Value::Null | Value::List(_) | Value::Map(_) | Value::Type(_), _] => {
            Err(Error::new(format!("no such overload: {symbol}")))
        }
        [a, b] => a.compare(b),
        _ => Err(Error::no_such_overload()),
    }
}

fn less<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    Ok(Value::Bool(compare(args, operator::LESS)?.is_lt()))
}

fn less_equals<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    Ok(Value::Bool(compare(args, operator::LESS_EQUALS)?.is_le()))
}

fn greater<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    Ok(Value::Bool(compare(args, operator::GREATER)?.is_gt()))
}

fn greater_equals<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    Ok(Value::Bool(compare(args, operator::GREATER_EQUALS)?.is_ge()))
}
