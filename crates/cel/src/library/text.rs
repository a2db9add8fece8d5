//! CEL's own functions of strings.

use super::{Library, by_singleton};
use crate::error::Error;
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(library: &mut Library) {
    let two = || [Type::String, Type::String];
    library.method("contains", "contains_string", two(), Type::Bool, by_singleton);
    library.singleton("contains", |args| match args {
        [Value::String(text), Value::String(part)] => Ok(Value::Bool(text.contains(&**part))),
        _ => Err(Error::no_such_overload()),
    });
    library.method("startsWith", "starts_with_string", two(), Type::Bool, by_singleton);
    library.singleton("startsWith", |args| match args {
        [Value::String(text), Value::String(start)] => Ok(Value::Bool(text.starts_with(&**start))),
        _ => Err(Error::no_such_overload()),
    });
    library.method("endsWith", "ends_with_string", two(), Type::Bool, by_singleton);
    library.singleton("endsWith", |args| match args {
        [Value::String(text), Value::String(end)] => Ok(Value::Bool(text.ends_with(&**end))),
        _ => Err(Error::no_such_overload()),
    });
}
