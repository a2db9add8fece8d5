//! `size`, `in`, indexes, and what the macros that make maps call.

use super::{Library, by_singleton};
use crate::ast::operator;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Map, Value};

pub(super) fn declare(library: &mut Library) {
    let (a, b) = (|| Type::Param(0), || Type::Param(1));
    let list = || Type::list(a());
    let map = || Type::map(a(), b());
    for (global, method, of) in [
        ("size_bytes", "bytes_size", Type::Bytes),
        ("size_list", "list_size", list()),
        ("size_map", "map_size", map()),
        ("size_string", "string_size", Type::String),
    ] {
        library.function("size", global, [of.clone()], Type::Int, by_singleton);
        library.method("size", method, [of], Type::Int, by_singleton);
    }
    library.singleton("size", size);
    library.function(operator::IN, "in_list", [a(), list()], Type::Bool, by_singleton);
    library.function(operator::IN, "in_map", [a(), map()], Type::Bool, by_singleton);
    library.singleton(operator::IN, contains);
    library.function(operator::INDEX, "index_list", [list(), Type::Int], a(), by_singleton);
    library.function(operator::INDEX, "index_map", [map(), a()], b(), by_singleton);
    library.function(operator::MAP_INSERT, "@mapInsert_map_key_value", [map(), a(), b()], map(), insert);
    library.function(operator::MAP_INSERT, "@mapInsert_map_map", [map(), map()], map(), insert_all);
}

fn size<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [value @ (Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_))] => {
            Ok(Value::Int(i64::try_from(value.size()).unwrap_or(i64::MAX)))
        }
        _ => Err(Error::new("no such overload: size")),
    }
}

fn contains<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    match args {
        [value, Value::List(list)] => Ok(Value::Bool(list.iter().any(|item| item == *value))),
        [value, Value::Map(map)] => Ok(Value::Bool(map.get(value)?.is_some())),
        _ => Err(Error::no_such_overload()),
    }
}

fn insert<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let [target, key, value] = args else { return Err(Error::no_such_overload()) };
    let Value::Map(map) = std::mem::replace(target, Value::Null) else {
        return Err(Error::no_such_overload());
    };
    let value = std::mem::replace(value, Value::Null);
    map.insert(key, value).map(Value::Map)
}

fn insert_all<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let [target, Value::Map(more)] = args else { return Err(Error::no_such_overload()) };
    let Value::Map(mut map) = std::mem::replace(target, Value::Null) else {
        return Err(Error::no_such_overload());
    };
    for key in more.keys() {
        let value: Option<Value<'a>> = more.get(&key)?;
        map = Map::insert(map, &key, value.unwrap_or(Value::Null))?;
    }
    Ok(Value::Map(map))
}
