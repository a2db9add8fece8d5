//! Shorthand for the columns of `kubectl get`.

use ironclad_api::Object;
use ironclad_api::time::human_age;
use ironclad_engine::Column;
use ironclad_engine::table::{CREATED, NAME};
use jiff::Timestamp;
use serde_json::Value;

/// What a cell shows where upstream has no value.
pub(crate) const NONE: &str = "<none>";
pub(crate) const UNKNOWN: &str = "<unknown>";

/// The Name column, always first.
pub(crate) fn name() -> Column {
    Column {
        name: "Name".into(),
        column_type: "string",
        format: "name",
        description: NAME.into(),
        priority: 0,
        cell: Box::new(|object, _| object.name().into()),
    }
}

/// The Name column of a kind of which one may be the default.
pub(crate) fn name_of_default(is_default: fn(&Object) -> bool) -> Column {
    let cell = move |object: &Object| match is_default(object) {
        true => format!("{} (default)", object.name()),
        false => object.name().to_owned(),
    };
    Column { cell: Box::new(move |object, _| cell(object).into()), ..name() }
}

/// The Age column.
pub(crate) fn age() -> Column {
    let age = timed("Age", |object, now| age_of(object.meta_str("creationTimestamp"), now));
    Column { description: CREATED.into(), ..age }
}

/// A column whose cell depends on the time.
pub(crate) fn timed(
    name: &'static str,
    cell: impl Fn(&Object, Timestamp) -> String + Send + Sync + 'static,
) -> Column {
    column(name, "string", 0, move |object, now| cell(object, now).into())
}

pub(crate) fn text(name: &'static str, cell: impl Fn(&Object) -> String + Send + Sync + 'static) -> Column {
    column(name, "string", 0, move |object, _| cell(object).into())
}

pub(crate) fn number(name: &'static str, cell: impl Fn(&Object) -> i64 + Send + Sync + 'static) -> Column {
    column(name, "integer", 0, move |object, _| cell(object).into())
}

pub(crate) fn column(
    name: &'static str,
    column_type: &'static str,
    priority: i32,
    cell: impl Fn(&Object, Timestamp) -> Value + Send + Sync + 'static,
) -> Column {
    Column {
        name: name.into(),
        column_type,
        format: "",
        description: "".into(),
        priority,
        cell: Box::new(cell),
    }
}

/// Shown with `-o wide` only.
pub(crate) fn wide(column: Column) -> Column {
    Column { priority: 1, ..column }
}

/// How long ago a timestamp was, as `kubectl get` shows it: `5m`, `3h12m`, `<unknown>`.
pub(crate) fn age_of(timestamp: &str, now: Timestamp) -> String {
    match timestamp.parse::<Timestamp>() {
        Ok(then) => human_age(then, now),
        Err(_) => UNKNOWN.into(),
    }
}

/// How many entries a JSON object or list has.
pub(crate) fn count(value: Option<&Value>) -> i64 {
    let count = match value {
        Some(Value::Object(map)) => map.len(),
        Some(Value::Array(list)) => list.len(),
        _ => 0,
    };
    i64::try_from(count).unwrap_or(i64::MAX)
}
