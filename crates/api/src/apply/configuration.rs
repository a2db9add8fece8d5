//! Merging a configuration that nobody owns: what a mutating policy applies.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/>

use serde_json::Value;

use super::atom::{Atom, ListKind, atom};
use super::merge::merge;
use super::path::PathElement;
use super::validate::validate;
use crate::schema::Schema;

/// The live object with everything that `config` sets; no manager is recorded. A configuration
/// that would replace a list or map as a whole is refused: it would remove what it does not name.
pub fn merge_configuration(live: &Value, config: &Value, schema: &Schema) -> Result<Value, String> {
    validate(config, schema)
        .map_err(|why| format!("failed to convert patch object to typed object: {why}"))?;
    let mut atomics = Vec::new();
    find_atomics(config, schema, "", &mut atomics);
    if !atomics.is_empty() {
        let atomics = atomics.join(", ");
        return Err(format!(
            "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {atomics}"
        ));
    }
    Ok(merge(live, config, schema))
}

fn find_atomics(value: &Value, schema: &Schema, path: &str, found: &mut Vec<String>) {
    match (atom(schema, Some(value)), value) {
        (Atom::Map(map), Value::Object(fields)) => {
            if map.atomic {
                found.push(path.to_owned());
            }
            for (name, value) in fields {
                if let Some(schema) = map.field(name) {
                    find_atomics(value, schema, &format!("{path}.{name}"), found);
                }
            }
        }
        (Atom::List(list), Value::Array(items)) => {
            if matches!(list.kind, ListKind::Atomic) {
                found.push(path.to_owned());
            }
            for (index, item) in items.iter().enumerate() {
                let element = PathElement::Index(i64::try_from(index).unwrap_or(i64::MAX));
                find_atomics(item, list.items, &format!("{path}{element}"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::GroupVersionKind;
    use crate::schema::Catalog;

    fn check(config: Value, want: Result<Value, &str>) {
        let schema = Catalog::builtin().schema(&GroupVersionKind::new("", "v1", "Pod"));
        let live = json!({ "metadata": { "labels": { "a": "1" } },
            "spec": { "containers": [{ "name": "c", "image": "i" }] } });
        let got = merge_configuration(&live, &config, schema.expect("a schema"));
        assert_eq!(got, want.map_err(str::to_owned), "{config}");
    }

    #[test]
    fn keyed_lists_and_maps_are_merged_and_atomic_ones_refused() {
        check(
            json!({ "metadata": { "labels": { "b": "2" } },
                "spec": { "containers": [{ "name": "d" }, { "name": "c", "tty": true }] } }),
            Ok(json!({ "metadata": { "labels": { "a": "1", "b": "2" } },
                "spec": { "containers": [{ "name": "d" }, { "name": "c", "image": "i", "tty": true }] } })),
        );
        check(
            json!({ "spec": { "containers": [{ "name": "c", "args": ["x"] }] } }),
            Err(
                "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].args",
            ),
        );
        check(
            json!({ "spec": { "wrong": 1 } }),
            Err("failed to convert patch object to typed object: .spec.wrong: field not declared in schema"),
        );
    }
}
