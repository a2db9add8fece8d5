//! Renders the catalog: a line per definition and per property, meant to be read and
//! diffed. `crates/api/src/schema/load.rs` documents the format and reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::facts::{Emitted, Facts, Go, Merge};
use crate::schemas::{Definition, properties};

const HEADER: &str = "# Types of the Kubernetes 1.36 API. Written by `cargo xtask schema`; the format is in src/schema/load.rs.\n";

/// Definitions whose JSON is not what their schema says.
const SPECIAL: &[(&str, &str)] = &[
    ("io.k8s.apimachinery.pkg.apis.meta.v1.Time", "time"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime", "microtime"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1", "json"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.Patch", "json"),
    ("io.k8s.apimachinery.pkg.api.resource.Quantity", "quantity"),
    ("io.k8s.apimachinery.pkg.util.intstr.IntOrString", "intstr"),
    ("io.k8s.apimachinery.pkg.runtime.RawExtension", "raw"),
    ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON", "json"),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
        "JSONSchemaProps|[JSONSchemaProps]",
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
        "JSONSchemaProps|bool",
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
        "JSONSchemaProps|[string]",
    ),
];

pub fn render(
    definitions: &BTreeMap<String, Definition>,
    merge: &Facts<Merge>,
    go: &Facts<Go>,
) -> anyhow::Result<String> {
    let mut text = HEADER.to_owned();
    let mut package = "";
    for (name, definition) in sorted_by_package(definitions) {
        let (in_package, short) = name.rsplit_once('.').context("definition without a package")?;
        if in_package != package {
            package = in_package;
            let _ = writeln!(text, "@ {package}");
        }
        definition_line(&mut text, name, short, definition, merge)?;
        if !SPECIAL.iter().any(|(special, _)| special == name) {
            property_lines(&mut text, name, definition, merge, go).with_context(|| name.clone())?;
        }
    }
    Ok(text)
}

fn sorted_by_package(definitions: &BTreeMap<String, Definition>) -> Vec<(&String, &Definition)> {
    let mut all: Vec<_> = definitions.iter().collect();
    all.sort_by_key(|(name, _)| name.rsplit_once('.'));
    all
}

fn definition_line(
    text: &mut String,
    name: &str,
    short: &str,
    definition: &Definition,
    merge: &Facts<Merge>,
) -> anyhow::Result<()> {
    let shape = SPECIAL.iter().find(|(special, _)| *special == name).map_or("object", |(_, shape)| shape);
    let mut line = format!("= {short} {shape}");
    if let Some(facts) = merge.get(&(name.to_owned(), "(self)".to_owned())) {
        topology(&mut line, facts)?;
    }
    if let Some((group, version, kind)) = &definition.gvk {
        let _ = write!(line, " gvk={group}/{version}/{kind}");
    }
    let _ = writeln!(text, "{line}");
    Ok(())
}

fn property_lines(
    text: &mut String,
    name: &str,
    definition: &Definition,
    merge: &Facts<Merge>,
    go: &Facts<Go>,
) -> anyhow::Result<()> {
    let required: BTreeSet<&str> = strings(&definition.schema["required"]).collect();
    let package = name.rsplit_once('.').map_or("", |(package, _)| package);
    for (property, schema) in properties(&definition.schema) {
        let key = (name.to_owned(), property.clone());
        let declared = go.get(&key).with_context(|| format!("no Go facts for {property}"))?;
        let mut line = format!("{property} {}", type_of(&schema, package)?);
        if is_required(name, &property, required.contains(property.as_str()), declared) {
            line.push_str(" !");
        }
        if let Some(facts) = merge.get(&key) {
            topology(&mut line, facts)?;
            patch(&mut line, facts);
        }
        go_words(&mut line, &schema, package, declared)?;
        let _ = writeln!(text, "{line}");
    }
    Ok(())
}

/// k8s-openapi's "required" says what its structs hold by value. Upstream's differs where
/// the declaration has a default, for `metadata` of kinds, and for what two kinds add.
fn is_required(definition: &str, property: &str, by_value: bool, declared: &Go) -> bool {
    match (definition, property) {
        ("io.k8s.api.core.v1.Event", "metadata") => true,
        ("io.k8s.api.events.v1.Event", "eventTime") => true,
        (_, "metadata") if ["v1.ObjectMeta", "v1.ListMeta"].contains(&declared.go_type.as_str()) => false,
        _ => by_value && declared.default != "\"\"",
    }
}

fn topology(line: &mut String, facts: &Merge) -> anyhow::Result<()> {
    let word = match (facts.list_type.as_str(), facts.map_type.as_str()) {
        ("", "") => return Ok(()),
        ("atomic", _) => "list=atomic".to_owned(),
        ("set", _) => "list=set".to_owned(),
        ("map", _) => format!("list=map({})", facts.list_map_keys.join(",")),
        (_, "atomic") => "map=atomic".to_owned(),
        (_, "granular") => "map=granular".to_owned(),
        other => bail!("unknown topology {other:?}"),
    };
    let _ = write!(line, " {word}");
    Ok(())
}

fn patch(line: &mut String, facts: &Merge) {
    if !facts.patch_strategy.is_empty() {
        let _ = write!(line, " patch={}({})", facts.patch_strategy, facts.patch_merge_key);
    }
}

fn go_words(line: &mut String, schema: &Value, package: &str, go: &Go) -> anyhow::Result<()> {
    let (pointer, go_type) = match go.go_type.strip_prefix('*') {
        Some(inner) => (true, inner),
        None => (false, go.go_type.as_str()),
    };
    if go_type != derived_go_type(schema, package)? {
        let _ = write!(line, " go={go_type}");
    }
    let is_struct = !pointer && reference(schema).is_some();
    let always = go.emitted == Emitted::Always || (is_struct && go.emitted == Emitted::UnlessEmpty);
    for (word, present) in [("ptr", pointer), ("always", always)] {
        if present {
            let _ = write!(line, " {word}");
        }
    }
    for (word, value) in [("#", &go.number), ("in=", &go.within), ("default=", &go.default)] {
        let value = if word == "default=" { default(value)? } else { value.clone() };
        if !value.is_empty() {
            let _ = write!(line, " {word}{value}");
        }
    }
    Ok(())
}

/// Defaults that are JSON, on one word; references to constants are the kinds' own business.
fn default(marker: &str) -> anyhow::Result<String> {
    match serde_json::from_str::<Value>(marker) {
        Ok(value) => {
            let text = value.to_string();
            anyhow::ensure!(!text.contains(' '), "default {text} holds a space");
            Ok(text)
        }
        Err(_) => Ok(String::new()),
    }
}

/// The type word: `string`, `i32`, `[T]`, `{T}` or the name of a definition.
fn type_of(schema: &Value, package: &str) -> anyhow::Result<String> {
    if let Some(reference) = reference(schema) {
        return Ok(match reference.rsplit_once('.') {
            Some((in_package, short)) if in_package == package => short.to_owned(),
            _ => reference.to_owned(),
        });
    }
    let format = schema["format"].as_str().unwrap_or_default();
    Ok(match (schema["type"].as_str().unwrap_or_default(), format) {
        ("string", "byte") => "bytes".into(),
        ("string", _) => "string".into(),
        ("integer", "int32") => "i32".into(),
        ("integer", "int64") => "i64".into(),
        ("number", _) => "f64".into(),
        ("boolean", _) => "bool".into(),
        ("array", _) => format!("[{}]", type_of(&schema["items"], package)?),
        ("object", _) => format!("{{{}}}", type_of(&schema["additionalProperties"], package)?),
        other => bail!("unknown type {other:?} in {schema}"),
    })
}

/// What Go would print for the type if it used no named type of its own.
fn derived_go_type(schema: &Value, package: &str) -> anyhow::Result<String> {
    if let Some(reference) = reference(schema) {
        let mut names = reference.rsplit('.');
        let (name, in_package) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        return Ok(format!("{in_package}.{name}"));
    }
    Ok(match type_of(schema, package)?.as_str() {
        "bytes" => "[]uint8".into(),
        "i32" => "int32".into(),
        "i64" => "int64".into(),
        "f64" => "float64".into(),
        list if list.starts_with('[') => format!("[]{}", derived_go_type(&schema["items"], package)?),
        map if map.starts_with('{') => {
            format!("map[string]{}", derived_go_type(&schema["additionalProperties"], package)?)
        }
        other => other.to_owned(),
    })
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"))
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
