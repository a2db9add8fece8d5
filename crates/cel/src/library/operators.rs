//! Arithmetic and the operators of logic.

use super::{Library, Run, by_singleton};
use crate::ast::operator;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Timestamp, Value};

const INT_OVERFLOW: &str = "integer overflow";
const UINT_OVERFLOW: &str = "unsigned integer overflow";
const DURATION_OVERFLOW: &str = "duration overflow";
const TIMESTAMP_OVERFLOW: &str = "timestamp overflow";
const NANOS: i128 = 1_000_000_000;

pub(super) fn declare(library: &mut Library) {
    let a = || Type::Param(0);
    let bools = || [Type::Bool, Type::Bool];
    library.function(operator::CONDITIONAL, "conditional", [Type::Bool, a(), a()], a(), by_singleton);
    library.function(operator::AND, "logical_and", bools(), Type::Bool, by_singleton);
    library.function(operator::OR, "logical_or", bools(), Type::Bool, by_singleton);
    library.function(operator::NOT, "logical_not", [Type::Bool], Type::Bool, |args| match args {
        [Value::Bool(value)] => Ok(Value::Bool(!*value)),
        _ => Err(Error::no_such_overload()),
    });
    library.function(
        operator::NOT_STRICTLY_FALSE,
        "not_strictly_false",
        [Type::Bool],
        Type::Bool,
        by_singleton,
    );
    library.entry(operator::NOT_STRICTLY_FALSE).takes_errors = true;
    library.function(operator::EQUALS, "equals", [a(), a()], Type::Bool, by_singleton);
    library.function(operator::NOT_EQUALS, "not_equals", [a(), a()], Type::Bool, by_singleton);
    sums(library);
    products(library);
    library.function(operator::NEGATE, "negate_double", [Type::Double], Type::Double, by_singleton);
    library.function(operator::NEGATE, "negate_int64", [Type::Int], Type::Int, by_singleton);
    for (name, run) in [
        (operator::ADD, add as Run),
        (operator::SUBTRACT, subtract),
        (operator::MULTIPLY, multiply),
        (operator::DIVIDE, divide),
        (operator::MODULO, modulo),
        (operator::NEGATE, negate),
    ] {
        library.singleton(name, run);
    }
}

fn sums(library: &mut Library) {
    use Type::{Bytes, Double, Duration, Int, String, Timestamp, Uint};
    let list = || Type::list(Type::Param(0));
    for (id, left, right, sum) in [
        ("add_bytes", Bytes, Bytes, Bytes),
        ("add_double", Double, Double, Double),
        ("add_duration_duration", Duration, Duration, Duration),
        ("add_duration_timestamp", Duration, Timestamp, Timestamp),
        ("add_timestamp_duration", Timestamp, Duration, Timestamp),
        ("add_int64", Int, Int, Int),
        ("add_list", list(), list(), list()),
        ("add_string", String, String, String),
        ("add_uint64", Uint, Uint, Uint),
    ] {
        library.function(operator::ADD, id, [left, right], sum, by_singleton);
    }
    for (id, left, right, difference) in [
        ("subtract_double", Double, Double, Double),
        ("subtract_duration_duration", Duration, Duration, Duration),
        ("subtract_int64", Int, Int, Int),
        ("subtract_timestamp_duration", Timestamp, Duration, Timestamp),
        ("subtract_timestamp_timestamp", Timestamp, Timestamp, Duration),
        ("subtract_uint64", Uint, Uint, Uint),
    ] {
        library.function(operator::SUBTRACT, id, [left, right], difference, by_singleton);
    }
}

fn products(library: &mut Library) {
    for (name, id, of) in [
        (operator::DIVIDE, "divide_double", Type::Double),
        (operator::DIVIDE, "divide_int64", Type::Int),
        (operator::DIVIDE, "divide_uint64", Type::Uint),
        (operator::MODULO, "modulo_int64", Type::Int),
        (operator::MODULO, "modulo_uint64", Type::Uint),
        (operator::MULTIPLY, "multiply_double", Type::Double),
        (operator::MULTIPLY, "multiply_int64", Type::Int),
        (operator::MULTIPLY, "multiply_uint64", Type::Uint),
    ] {
        library.function(name, id, [of.clone(), of.clone()], of, by_singleton);
    }
}

fn int<'a>(value: Option<i64>) -> Answer<'a> {
    value.map(Value::Int).ok_or_else(|| Error::new(INT_OVERFLOW))
}

fn uint<'a>(value: Option<u64>) -> Answer<'a> {
    value.map(Value::Uint).ok_or_else(|| Error::new(UINT_OVERFLOW))
}

fn duration<'a>(value: Option<i64>) -> Answer<'a> {
    value.map(Value::Duration).ok_or_else(|| Error::new(DURATION_OVERFLOW))
}

fn add<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [Value::Int(a), Value::Int(b)] => int(a.checked_add(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_add(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(*a + *b)),
        [Value::String(a), Value::String(b)] => Ok(Value::string(format!("{}{}", &**a, &**b))),
        [Value::Bytes(a), Value::Bytes(b)] => Ok(Value::bytes([&a[..], &b[..]].concat())),
        [Value::Duration(a), Value::Duration(b)] => duration(a.checked_add(*b)),
        [Value::Timestamp(time), Value::Duration(by)] | [Value::Duration(by), Value::Timestamp(time)] => {
            shift(*time, i128::from(*by))
        }
        [first @ Value::List(_), Value::List(b)] => {
            // The sum is made in place if this was the only holder of the first list.
            let Value::List(a) = std::mem::replace(first, Value::Null) else {
                return Err(Error::no_such_overload());
            };
            Ok(Value::List(a.append(b)))
        }
        [a, _] => Err(without_operator(a, operator::ADD)),
        _ => Err(Error::no_such_overload()),
    }
}

fn subtract<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [Value::Int(a), Value::Int(b)] => int(a.checked_sub(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_sub(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(*a - *b)),
        [Value::Duration(a), Value::Duration(b)] => duration(a.checked_sub(*b)),
        [Value::Timestamp(time), Value::Duration(by)] => shift(*time, -i128::from(*by)),
        [Value::Timestamp(a), Value::Timestamp(b)] => {
            let nanos = i64::try_from(nanos(*a) - nanos(*b));
            nanos.map(Value::Duration).map_err(|_| Error::new(INT_OVERFLOW))
        }
        [a, _] => Err(without_operator(a, operator::SUBTRACT)),
        _ => Err(Error::no_such_overload()),
    }
}

fn nanos(time: Timestamp) -> i128 {
    i128::from(time.seconds) * NANOS + i128::from(time.nanos)
}

fn shift<'a>(time: Timestamp, by: i128) -> Answer<'a> {
    let sum = nanos(time) + by;
    let (seconds, nanos) = (sum.div_euclid(NANOS), sum.rem_euclid(NANOS));
    let shifted = i64::try_from(seconds).ok().zip(u32::try_from(nanos).ok());
    let shifted = shifted.and_then(|(seconds, nanos)| Timestamp::new(seconds, nanos));
    let shifted = shifted.map(|shifted| Timestamp { offset: time.offset, ..shifted });
    shifted.map(Value::Timestamp).ok_or_else(|| Error::new(TIMESTAMP_OVERFLOW))
}

fn multiply<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [Value::Int(a), Value::Int(b)] => int(a.checked_mul(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_mul(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(*a * *b)),
        [a, _] => Err(without_operator(a, operator::MULTIPLY)),
        _ => Err(Error::no_such_overload()),
    }
}

fn divide<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
            Err(Error::new("division by zero"))
        }
        [Value::Int(a), Value::Int(b)] => int(a.checked_div(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_div(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(*a / *b)),
        [a, _] => Err(without_operator(a, operator::DIVIDE)),
        _ => Err(Error::no_such_overload()),
    }
}

fn modulo<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
            Err(Error::new("modulus by zero"))
        }
        [Value::Int(a), Value::Int(b)] => int(a.checked_rem(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_rem(*b)),
        [a, _] => Err(without_operator(a, operator::MODULO)),
        _ => Err(Error::no_such_overload()),
    }
}

fn negate<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [Value::Int(a)] => int(a.checked_neg()),
        [Value::Double(a)] => Ok(Value::Double(-*a)),
        [Value::Duration(a)] => duration(a.checked_neg()),
        [a] => Err(without_operator(a, operator::NEGATE)),
        _ => Err(Error::no_such_overload()),
    }
}

/// Numbers know all operators and refuse their partner; other types do not know them, but strings and
/// times are asked all the same, and refuse.
fn without_operator(left: &Value<'_>, symbol: &str) -> Error {
    let knows = match left {
        Value::Int(_) | Value::Uint(_) => true,
        Value::Double(_) => symbol != operator::MODULO,
        Value::Duration(_) | Value::Timestamp(_) | Value::String(_) => true,
        Value::Bytes(_) | Value::List(_) => symbol == operator::ADD,
        _ => false,
    };
    if knows { Error::no_such_overload() } else { Error::new(format!("no such overload: {symbol}")) }
}
