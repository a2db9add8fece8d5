//! Lists taken as sets.

use super::Library;
use crate::error::Error;
use crate::types::Type;
use crate::value::{List, Value};

pub(super) fn declare(library: &mut Library) {
    let two = || [Type::list(Type::Param(0)), Type::list(Type::Param(0))];
    library.function("sets.contains", "list_sets_contains_list", two(), Type::Bool, |args| match args {
        [Value::List(list), Value::List(part)] => Ok(Value::Bool(contains(list, part))),
        _ => Err(Error::no_such_overload()),
    });
    library.function("sets.equivalent", "list_sets_equivalent_list", two(), Type::Bool, |args| match args {
        [Value::List(a), Value::List(b)] => Ok(Value::Bool(contains(a, b) && contains(b, a))),
        _ => Err(Error::no_such_overload()),
    });
    library.function("sets.intersects", "list_sets_intersects_list", two(), Type::Bool, |args| match args {
        [Value::List(a), Value::List(b)] => {
            Ok(Value::Bool(a.iter().any(|item| b.iter().any(|other| other == item))))
        }
        _ => Err(Error::no_such_overload()),
    });
}

fn contains(list: &List<'_>, part: &List<'_>) -> bool {
    part.iter().all(|item| list.iter().any(|own| own == item))
}
