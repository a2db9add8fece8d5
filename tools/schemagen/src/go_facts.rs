//! Turns struct declarations into the table `facts/go-facts.csv`: one line per JSON
//! property of a known definition.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::go_source::{Field, Structs};
use crate::schemas::{Definition, properties};

const BUILTIN: &[&str] =
    &["string", "bool", "int", "int8", "int16", "int32", "int64", "uint32", "uint64", "float64", "byte"];

pub fn table(structs: &Structs, known: &BTreeMap<String, Definition>) -> String {
    let mut csv = String::from("definition,property,go-type,emitted,protobuf,embedded-in,default\n");
    for (name, definition) in known {
        let wanted = properties(&definition.schema);
        let mut rows = BTreeMap::new();
        collect(structs, name, &Embedded::default(), &mut rows);
        for (property, row) in rows {
            if wanted.contains_key(&property) {
                let _ = writeln!(csv, "{name},{property},{row}");
            }
        }
    }
    csv
}

/// The way from the definition to an embedded struct: Go names and field numbers.
#[derive(Default, Clone)]
struct Embedded {
    within: Vec<String>,
    number: String,
}

fn collect(structs: &Structs, definition: &str, embedded: &Embedded, rows: &mut BTreeMap<String, String>) {
    for field in structs.get(definition).into_iter().flatten() {
        let (json, options) = field.json.split_once(',').unwrap_or((&field.json, ""));
        if field.name.is_empty() && options == "inline" {
            collect(
                structs,
                &embedded_definition(definition, &field.go_type),
                &inside(embedded, field),
                rows,
            );
        } else if !json.is_empty() && json != "-" {
            rows.entry(json.to_owned()).or_insert_with(|| row(definition, field, options, embedded));
        }
    }
}

fn row(definition: &str, field: &Field, options: &str, embedded: &Embedded) -> String {
    let package = definition.rsplit('.').nth(1).unwrap_or_default();
    let emitted = match options {
        _ if options.contains("omitzero") => "omitzero",
        _ if options.contains("omitempty") => "",
        _ => "always",
    };
    let default = field.markers.iter().find_map(|m| m.strip_prefix("default=")).unwrap_or_default();
    format!(
        "{},{emitted},{},{},{}",
        qualified(&field.go_type, package),
        protobuf_path(embedded, field),
        embedded.within.join("."),
        quoted(default)
    )
}

fn inside(embedded: &Embedded, field: &Field) -> Embedded {
    let mut inner = embedded.clone();
    inner.within.push(field.go_type.rsplit('.').next().unwrap_or_default().to_owned());
    inner.number = format!("{}{}.", inner.number, number(field));
    inner
}

/// TypeMeta has no number: its fields travel in the envelope of the message.
fn protobuf_path(embedded: &Embedded, field: &Field) -> String {
    match embedded.number.starts_with('.') {
        true => String::new(),
        false => format!("{}{}", embedded.number, number(field)),
    }
}

fn number(field: &Field) -> String {
    field.protobuf.split(',').nth(1).unwrap_or_default().to_owned()
}

/// The definition that an embedded type names: of the same package, or of meta/v1.
fn embedded_definition(outer: &str, go_type: &str) -> String {
    match go_type.split_once('.') {
        Some((_, name)) => format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}"),
        None => format!("{}.{go_type}", outer.rsplit_once('.').map_or("", |(package, _)| package)),
    }
}

/// The type as `reflect.Type.String()` prints it: bare names get their package.
fn qualified(go_type: &str, package: &str) -> String {
    if let Some(inner) = go_type.strip_prefix('*') {
        return format!("*{}", qualified(inner, package));
    }
    if let Some(inner) = go_type.strip_prefix("[]") {
        return format!("[]{}", if inner == "byte" { "uint8".into() } else { qualified(inner, package) });
    }
    if let Some((key, value)) = go_type.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
        return format!("map[{}]{}", qualified(key, package), qualified(value, package));
    }
    match go_type.contains('.') || BUILTIN.contains(&go_type) {
        true => go_type.to_owned(),
        false => format!("{package}.{go_type}"),
    }
}

fn quoted(cell: &str) -> String {
    match cell.contains([',', '"']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}
