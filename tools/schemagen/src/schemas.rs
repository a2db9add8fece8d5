//! The definitions as k8s-openapi gives them: every kind's schema and all it refers to,
//! plus the list kinds, which upstream publishes and k8s-openapi has only as a generic type.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::kinds::{self, Kind};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// One definition: its JSON schema and, for kinds, `(group, version, kind)`.
pub struct Definition {
    pub schema: Value,
    pub gvk: Option<(String, String, String)>,
}

/// All definitions of the stable API by their full name.
pub fn collect() -> BTreeMap<String, Definition> {
    let mut generator = SchemaSettings::default().with(|s| s.meta_schema = None).into_generator();
    let kinds = kinds::all(&mut generator);
    kinds::others(&mut generator);
    let mut definitions: BTreeMap<String, Definition> = generator
        .take_definitions(false)
        .into_iter()
        .map(|(name, schema)| (name, Definition { schema, gvk: None }))
        .collect();
    for kind in &kinds {
        add_list(&mut definitions, kind);
        if let Some(definition) = definitions.get_mut(&kind.definition) {
            definition.gvk = Some((kind.group.into(), kind.version.into(), kind.kind.into()));
        }
    }
    // Registered with every group and version, which the catalog writes as `*`.
    for name in ["DeleteOptions", "WatchEvent"] {
        if let Some(definition) = definitions.get_mut(&format!("{META}.{name}")) {
            definition.gvk = Some(("*".into(), "*".into(), name.into()));
        }
    }
    definitions
}

fn add_list(definitions: &mut BTreeMap<String, Definition>, kind: &Kind) {
    let (Some(list_kind), Some((package, _))) = (kind.list_kind, kind.definition.rsplit_once('.')) else {
        return;
    };
    let schema = json!({
        "description": format!("{list_kind} is a list of {}.", kind.kind),
        "type": "object",
        "properties": {
            "apiVersion": type_meta(definitions, kind, "apiVersion"),
            "items": {
                "type": "array",
                "description": format!("items is the list of {}.", kind.kind),
                "items": { "$ref": format!("#/$defs/{}", kind.definition) },
            },
            "kind": type_meta(definitions, kind, "kind"),
            "metadata": {
                "$ref": format!("#/$defs/{META}.ListMeta"),
                "description": "Standard list metadata.",
            },
        },
        "required": ["items"],
    });
    let gvk = Some((kind.group.into(), kind.version.into(), list_kind.into()));
    definitions.insert(format!("{package}.{list_kind}"), Definition { schema, gvk });
}

/// The kind's own schema of `apiVersion` or `kind`, description included.
fn type_meta(definitions: &BTreeMap<String, Definition>, kind: &Kind, property: &str) -> Value {
    definitions
        .get(&kind.definition)
        .and_then(|d| d.schema.pointer(&format!("/properties/{property}")))
        .cloned()
        .unwrap_or_else(|| json!({ "type": "string" }))
}

/// The properties of a schema, or an empty map.
pub fn properties(schema: &Value) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}
