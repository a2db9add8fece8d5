//! Values that may be absent.

use super::{Library, by_singleton};
use crate::ast::operator;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(library: &mut Library) {
    let (k, v) = (|| Type::Param(0), || Type::Param(1));
    let optional = || Type::optional(v());
    let list = || Type::list(v());
    let map = || Type::map(k(), v());
    library.function("optional.of", "optional_of", [v()], optional(), |args| match args {
        [value] => Ok(Value::some(value.clone())),
        _ => Err(Error::no_such_overload()),
    });
    library.function("optional.ofNonZeroValue", "optional_ofNonZeroValue", [v()], optional(), |args| {
        match args {
            [value] if value.is_zero() => Ok(Value::Optional(None)),
            [value] => Ok(Value::some(value.clone())),
            _ => Err(Error::no_such_overload()),
        }
    });
    library.function("optional.none", "optional_none", [], optional(), |_| Ok(Value::Optional(None)));
    library.method("value", "optional_value", [optional()], v(), |args| match args {
        [Value::Optional(Some(value))] => Ok(value.as_ref().clone()),
        [Value::Optional(None)] => Err(Error::new("optional.none() dereference")),
        _ => Err(Error::no_such_overload()),
    });
    library.method("hasValue", "optional_hasValue", [optional()], Type::Bool, |args| match args {
        [Value::Optional(value)] => Ok(Value::Bool(value.is_some())),
        _ => Err(Error::no_such_overload()),
    });
    library.method("or", "optional_or_optional", [optional(), optional()], optional(), by_singleton);
    library.method("orValue", "optional_orValue_value", [optional(), v()], v(), by_singleton);
    for (name, id, of, key) in [
        (operator::OPT_INDEX, "list_optindex_optional_int", list(), Type::Int),
        (operator::OPT_INDEX, "optional_list_optindex_optional_int", Type::optional(list()), Type::Int),
        (operator::OPT_INDEX, "map_optindex_optional_value", map(), k()),
        (operator::OPT_INDEX, "optional_map_optindex_optional_value", Type::optional(map()), k()),
        (operator::INDEX, "optional_list_index_int", Type::optional(list()), Type::Int),
        (operator::INDEX, "optional_map_index_value", Type::optional(map()), k()),
    ] {
        library.function(name, id, [of, key], optional(), by_singleton);
    }
    library.method("first", "list_first", [list()], optional(), |args| match args {
        [Value::List(list)] => Ok(optional_of(list.get(0))),
        _ => Err(Error::no_such_overload()),
    });
    library.method("last", "list_last", [list()], optional(), |args| match args {
        [Value::List(list)] => Ok(optional_of(list.len().checked_sub(1).and_then(|last| list.get(last)))),
        _ => Err(Error::no_such_overload()),
    });
    let optionals = || Type::list(optional());
    library.function("optional.unwrap", "optional_unwrap", [optionals()], list(), unwrap);
    library.method("unwrapOpt", "optional_unwrapOpt", [optionals()], list(), unwrap);
}

fn optional_of(value: Option<Value<'_>>) -> Value<'_> {
    value.map_or(Value::Optional(None), Value::some)
}

/// The values of those optionals that have one.
fn unwrap<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let [Value::List(list)] = args else { return Err(Error::no_such_overload()) };
    let mut values = Vec::new();
    for item in list.iter() {
        match item {
            Value::Optional(value) => values.extend(value.map(|value| value.as_ref().clone())),
            other => return Err(Error::new(format!("value {other} is not optional"))),
        }
    }
    Ok(Value::list(values))
}
