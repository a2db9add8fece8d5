//! cel-go's extension of lists, version 3: slices, sorting, ranges.
//!
//! Source: <https://pkg.go.dev/github.com/google/cel-go/ext#Lists>

use std::cmp::Ordering;

use super::{Library, by_singleton};
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{List, Value};

/// The types that can be sorted, with the ids of their overloads.
const COMPARABLE: [(Type, [&str; 2]); 8] = [
    (Type::Int, ["list_int_sort", "list_int_sortByAssociatedKeys"]),
    (Type::Uint, ["list_uint_sort", "list_uint_sortByAssociatedKeys"]),
    (Type::Double, ["list_double_sort", "list_double_sortByAssociatedKeys"]),
    (Type::Bool, ["list_bool_sort", "list_bool_sortByAssociatedKeys"]),
    (
        Type::Duration,
        ["list_google.protobuf.Duration_sort", "list_google.protobuf.Duration_sortByAssociatedKeys"],
    ),
    (
        Type::Timestamp,
        ["list_google.protobuf.Timestamp_sort", "list_google.protobuf.Timestamp_sortByAssociatedKeys"],
    ),
    (Type::String, ["list_string_sort", "list_string_sortByAssociatedKeys"]),
    (Type::Bytes, ["list_bytes_sort", "list_bytes_sortByAssociatedKeys"]),
];

/// The longest list that `lists.range` makes: cost is only counted when it is made.
const LONGEST_RANGE: i64 = 1_000_000;

pub(super) fn declare(library: &mut Library) {
    use Type::Int;
    let list = || Type::list(Type::Param(0));
    library.method("slice", "list_slice", [list(), Int, Int], list(), |args| match args {
        [Value::List(list), Value::Int(start), Value::Int(end)] => slice(list, *start, *end),
        _ => Err(Error::no_such_overload()),
    });
    let any = || Type::list(Type::Dyn);
    library.method("flatten", "list_flatten", [Type::list(list())], list(), by_singleton);
    library.method("flatten", "list_flatten_int", [any(), Int], any(), by_singleton);
    library.singleton("flatten", |args| match args {
        [Value::List(list)] => flatten(list, 1),
        [Value::List(list), Value::Int(depth)] => flatten(list, *depth),
        _ => Err(Error::no_such_overload()),
    });
    for (of, [sort, by_keys]) in &COMPARABLE {
        library.method("sort", sort, [Type::list(of.clone())], Type::list(of.clone()), by_singleton);
        let params = [list(), Type::list(of.clone())];
        library.method("@sortByAssociatedKeys", by_keys, params, list(), by_singleton);
    }
    library.singleton("sort", |args| match args {
        [Value::List(list)] => sort_by(list, list),
        _ => Err(Error::no_such_overload()),
    });
    library.singleton("@sortByAssociatedKeys", |args| match args {
        [Value::List(list), Value::List(keys)] => sort_by(list, keys),
        _ => Err(Error::no_such_overload()),
    });
    library.function("lists.range", "lists_range", [Int], Type::list(Int), |args| match args {
        [Value::Int(end)] if *end > LONGEST_RANGE => Err(Error::CostLimit),
        [Value::Int(end)] => Ok(Value::list((0..*end).map(Value::Int).collect())),
        _ => Err(Error::no_such_overload()),
    });
    library.method("reverse", "list_reverse", [list()], list(), |args| match args {
        [Value::List(list)] => {
            let mut items: Vec<_> = list.iter().collect();
            items.reverse();
            Ok(Value::list(items))
        }
        _ => Err(Error::no_such_overload()),
    });
    library.method("distinct", "list_distinct", [list()], list(), |args| match args {
        [Value::List(list)] => {
            let mut distinct: Vec<Value<'_>> = Vec::new();
            for item in list.iter() {
                if !distinct.contains(&item) {
                    distinct.push(item);
                }
            }
            Ok(Value::list(distinct))
        }
        _ => Err(Error::no_such_overload()),
    });
}

fn slice<'a>(list: &List<'a>, start: i64, end: i64) -> Answer<'a> {
    let refuse = |why: String| Error::new(format!("cannot slice({start}, {end}), {why}"));
    let (Ok(from), Ok(to)) = (usize::try_from(start), usize::try_from(end)) else {
        return Err(refuse("negative indexes not supported".to_owned()));
    };
    if from > to {
        return Err(refuse("start index must be less than or equal to end index".to_owned()));
    }
    if list.len() < to {
        return Err(refuse(format!("list is length {}", list.len())));
    }
    Ok(Value::list((from..to).filter_map(|index| list.get(index)).collect()))
}

fn flatten<'a>(list: &List<'a>, depth: i64) -> Answer<'a> {
    if depth < 0 {
        return Err(Error::new("level must be non-negative"));
    }
    let mut items = Vec::new();
    flatten_into(list, depth, &mut items);
    Ok(Value::list(items))
}

/// As deep as the list itself, which JSON's limit or that of expressions bounds.
fn flatten_into<'a>(list: &List<'a>, depth: i64, items: &mut Vec<Value<'a>>) {
    for item in list.iter() {
        match item {
            Value::List(inner) if depth > 0 => flatten_into(&inner, depth - 1, items),
            item => items.push(item),
        }
    }
}

fn sort_by<'a>(list: &List<'a>, keys: &List<'a>) -> Answer<'a> {
    if list.len() != keys.len() {
        return Err(Error::new(format!(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got {} and {} elements respectively",
            list.len(),
            keys.len()
        )));
    }
    let mut pairs: Vec<(Value<'a>, Value<'a>)> = keys.iter().zip(list.iter()).collect();
    if let Some((first, _)) = pairs.first() {
        if first.compare(first).is_err() {
            return Err(Error::new("list elements must be comparable"));
        }
        if pairs.iter().any(|(key, _)| key.type_name() != first.type_name()) {
            return Err(Error::new("list elements must have the same type"));
        }
    }
    pairs.sort_by(|(a, _), (b, _)| a.compare(b).unwrap_or(Ordering::Equal));
    Ok(Value::list(pairs.into_iter().map(|(_, value)| value).collect()))
}
