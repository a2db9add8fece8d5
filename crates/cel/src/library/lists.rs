//! Kubernetes' functions of lists: order, sums, extremes and positions.

use std::cmp::Ordering;

use super::Library;
use crate::ast::operator;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{List, Value};

/// The types that have an order, with the ids of their overloads.
const COMPARABLE: [(Type, [&str; 3]); 8] = [
    (Type::Int, ["list_int_is_sorted_bool", "list_int_max_int", "list_int_min_int"]),
    (Type::Uint, ["list_uint_is_sorted_bool", "list_uint_max_uint", "list_uint_min_uint"]),
    (Type::Double, ["list_double_is_sorted_bool", "list_double_max_double", "list_double_min_double"]),
    (Type::Bool, ["list_bool_is_sorted_bool", "list_bool_max_bool", "list_bool_min_bool"]),
    (
        Type::Duration,
        ["list_duration_is_sorted_bool", "list_duration_max_duration", "list_duration_min_duration"],
    ),
    (
        Type::Timestamp,
        ["list_timestamp_is_sorted_bool", "list_timestamp_max_timestamp", "list_timestamp_min_timestamp"],
    ),
    (Type::String, ["list_string_is_sorted_bool", "list_string_max_string", "list_string_min_string"]),
    (Type::Bytes, ["list_bytes_is_sorted_bool", "list_bytes_max_bytes", "list_bytes_min_bytes"]),
];

pub(super) fn declare(library: &mut Library) {
    for (of, [sorted, max, min]) in &COMPARABLE {
        let list = || [Type::list(of.clone())];
        library.method("isSorted", sorted, list(), Type::Bool, is_sorted);
        library.method("max", max, list(), of.clone(), |args| extreme(args, "max", Ordering::Less));
        library.method("min", min, list(), of.clone(), |args| extreme(args, "min", Ordering::Greater));
    }
    let list = |of: Type| [Type::list(of)];
    library.method("sum", "list_int_sum_int", list(Type::Int), Type::Int, |args| sum(args, Value::Int(0)));
    library
        .method("sum", "list_uint_sum_uint", list(Type::Uint), Type::Uint, |args| sum(args, Value::Uint(0)));
    library.method("sum", "list_double_sum_double", list(Type::Double), Type::Double, |args| {
        sum(args, Value::Double(0.0))
    });
    library.method("sum", "list_duration_sum_duration", list(Type::Duration), Type::Duration, |args| {
        sum(args, Value::Duration(0))
    });
    let with_item = || [Type::list(Type::Param(0)), Type::Param(0)];
    library.method("indexOf", "list_a_index_of_int", with_item(), Type::Int, |args| {
        let (list, item) = list_and_item(args)?;
        Ok(position(list.iter().position(|value| value == *item)))
    });
    library.method("lastIndexOf", "list_a_last_index_of_int", with_item(), Type::Int, |args| {
        let (list, item) = list_and_item(args)?;
        let last = list.iter().enumerate().filter(|(_, value)| value == item).last();
        Ok(position(last.map(|(index, _)| index)))
    });
}

fn list_and_item<'v, 'a>(args: &'v [Value<'a>]) -> Result<(&'v List<'a>, &'v Value<'a>), Error> {
    match args {
        [Value::List(list), item] => Ok((list, item)),
        _ => Err(Error::no_such_overload()),
    }
}

fn position<'a>(index: Option<usize>) -> Value<'a> {
    Value::Int(index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1))
}

fn is_sorted<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let [Value::List(list)] = args else { return Err(Error::no_such_overload()) };
    let mut last: Option<Value<'a>> = None;
    for value in list.iter() {
        if let Some(last) = &last
            && last.compare(&value).is_ok_and(Ordering::is_gt)
        {
            return Ok(Value::Bool(false));
        }
        last = Some(value);
    }
    Ok(Value::Bool(true))
}

/// The element that no other one makes `worse`.
fn extreme<'a>(args: &mut [Value<'a>], name: &str, worse: Ordering) -> Answer<'a> {
    let [Value::List(list)] = args else { return Err(Error::no_such_overload()) };
    let mut best: Option<Value<'a>> = None;
    for value in list.iter() {
        best = match best {
            Some(best) if best.compare(&value).ok() != Some(worse) => Some(best),
            _ => Some(value),
        };
    }
    best.ok_or_else(|| Error::new(format!("{name} called on empty list")))
}

fn sum<'a>(args: &mut [Value<'a>], zero: Value<'a>) -> Answer<'a> {
    let [Value::List(list)] = args else { return Err(Error::no_such_overload()) };
    let add = super::function(operator::ADD).ok_or_else(Error::no_such_overload)?;
    list.iter().try_fold(zero, |sum, value| add.call(None, &mut [sum, value]))
}
