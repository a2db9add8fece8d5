//! What the author of a definition should know.

use std::collections::BTreeSet;

use ironclad_api::Object;
use ironclad_api::goprint::quote;
use serde_json::Value;

use super::schema::walk;
use crate::definition::{Definition, Spec};
use crate::json_schema::format::Format;

pub(super) fn warnings(new: &Object, old: Option<&Object>) -> Vec<String> {
    let spec = Definition::read(new).spec;
    let before = old.map(|old| Definition::read(old).spec);
    let known: BTreeSet<String> = before.iter().flat_map(unrecognized_formats).collect();
    unrecognized_formats(&spec)
        .into_iter()
        .filter(|format| !known.contains(format))
        .map(|format| format!("unrecognized format {}", quote(&format)))
        .collect()
}

fn schemas(spec: &Spec) -> impl Iterator<Item = &Value> {
    spec.versions.iter().filter_map(|version| version.open_api_schema())
}

fn unrecognized_formats(spec: &Spec) -> BTreeSet<String> {
    let mut formats = BTreeSet::new();
    for schema in schemas(spec) {
        walk::each(schema, &mut |schema| {
            let text = |name: &str| schema.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            let types: Vec<String> = text("type").map(str::to_owned).into_iter().collect();
            let unknown = text("format").filter(|format| Format::find(&types, format).is_none());
            formats.extend(unknown.map(str::to_owned));
        });
    }
    formats
}
