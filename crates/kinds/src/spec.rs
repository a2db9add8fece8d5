//! Shorthand for the data of built-in kinds.

use ironclad_api::gvk::Name;
use ironclad_api::schema::Catalog;
use ironclad_api::{GroupVersionKind, Object};
use ironclad_engine::strategy::{ALL_VERBS, KindSpec, SchemaRef, Scope, VersionSpec};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A kind of one version with everything usual; what differs is set by struct update:
/// `KindSpec { short_names: names(["cm"]), ..spec("", "v1", "ConfigMap", "configmaps", Scope::Namespaced) }`.
pub(crate) fn spec(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    resource: &'static str,
    scope: Scope,
) -> KindSpec {
    KindSpec {
        group: group.into(),
        kind: kind.into(),
        resource: resource.into(),
        singular: kind.to_lowercase().into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        scope,
        versions: vec![VersionSpec::stored(version, schema(group, version, kind))],
        subresources: Vec::new(),
        verbs: ALL_VERBS,
        columns: Vec::new(),
        selectable: Vec::new(),
        generation: false,
        storage_prefix: None,
    }
}

/// The compiled-in schema of a kind.
///
/// # Panics
/// If the catalog lacks the kind: a mistake in this crate, which any test finds.
pub(crate) fn schema(group: &'static str, version: &'static str, kind: &'static str) -> SchemaRef {
    let gvk = GroupVersionKind::new(group, version, kind);
    let schema = Catalog::builtin().schema(&gvk);
    SchemaRef::Builtin(schema.unwrap_or_else(|| panic!("the schema catalog lacks {gvk}")))
}

pub(crate) fn names<const N: usize>(names: [&'static str; N]) -> Vec<Name> {
    names.into_iter().map(Name::Borrowed).collect()
}

/// The object as its typed form. It has passed its schema, so that it decodes; where it should
/// not, the rules see an empty one and refuse what they require.
pub(crate) fn typed<T: DeserializeOwned + Default>(object: &Object) -> T {
    object.to_typed().unwrap_or_default()
}

/// Sets `field` if it is absent or null.
pub(crate) fn default_to(parent: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
    let slot = parent.entry(field).or_insert(Value::Null);
    if slot.is_null() {
        *slot = value.into();
    }
}

/// The JSON object at `field`, if there is one.
pub(crate) fn object_at<'a>(
    parent: &'a mut Map<String, Value>,
    field: &str,
) -> Option<&'a mut Map<String, Value>> {
    parent.get_mut(field)?.as_object_mut()
}

/// The JSON objects in the list at `field`.
pub(crate) fn objects_at<'a>(
    parent: &'a mut Map<String, Value>,
    field: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let list = parent.get_mut(field).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}
