//! `additionalPrinterColumns`: what `kubectl get` shows.

use std::cell::OnceCell;

use ironclad_api::time::{self, human_age};
use ironclad_api::{Object, goprint};
use ironclad_engine::Column;
use ironclad_engine::table::CREATED;
use jiff::Timestamp;
use serde_json::Value;

use crate::columns::{UNKNOWN, name};
use crate::definition::PrinterColumn;
use crate::json_path::JsonPath;

const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const FORMATS: [&str; 8] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

/// The columns of a version; without any, the age.
pub(super) fn columns(declared: &[PrinterColumn]) -> Vec<Column> {
    let age = [PrinterColumn {
        name: "Age".to_owned(),
        column_type: "date".to_owned(),
        description: CREATED.to_owned(),
        json_path: ".metadata.creationTimestamp".to_owned(),
        ..PrinterColumn::default()
    }];
    let declared = if declared.is_empty() { &age } else { declared };
    // What stands behind a column that cannot be read is not shown, as upstream.
    std::iter::once(name()).chain(declared.iter().map_while(column)).collect()
}

fn column(declared: &PrinterColumn) -> Option<Column> {
    let path = JsonPath::parse(&declared.json_path).ok()?;
    let column_type = known(&TYPES, &declared.column_type);
    let description = match declared.description.as_str() {
        "" => format!("Custom resource definition column (in JSONPath format): {}", declared.json_path),
        given => given.to_owned(),
    };
    Some(Column {
        name: declared.name.clone().into(),
        column_type,
        format: known(&FORMATS, &declared.format),
        description: description.into(),
        priority: declared.priority,
        cell: Box::new(move |object, now| cell(object, &path, column_type, now)),
    })
}

/// The word itself out of those that a definition may hold.
fn known(words: &[&'static str], word: &str) -> &'static str {
    words.iter().find(|known| **known == word).copied().unwrap_or_default()
}

fn cell(object: &Object, path: &JsonPath, column_type: &str, now: Timestamp) -> Value {
    let whole = OnceCell::new();
    let found = path.find_in(&object.0, &whole).unwrap_or_default();
    let Some(value) = found.first() else { return Value::Null };
    match column_type {
        "string" => text(value).into(),
        "integer" => integer(value).into(),
        "number" => value.is_number().then(|| (*value).clone()).into(),
        "boolean" => value.as_bool().into(),
        "date" => value.as_str().map(|text| age(text, now)).into(),
        _ => Value::Null,
    }
}

/// As Go prints it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(_) | Value::Array(_) => goprint::json(value),
        other => goprint::plain(other),
    }
}

fn integer(value: &Value) -> Option<i64> {
    // Floats lose their fraction, as in Go.
    value.as_i64().or_else(|| value.as_f64().map(|float| float as i64))
}

fn age(text: &str, now: Timestamp) -> String {
    match time::parse(text) {
        _ if matches!(text, "" | "null") => UNKNOWN.to_owned(),
        Ok(then) => human_age(then, now),
        Err(_) => "<invalid>".to_owned(),
    }
}
