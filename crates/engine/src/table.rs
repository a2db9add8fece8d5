//! Tables (`kubectl get`) and objects reduced to their metadata.
//! Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables>

use ironclad_api::list_meta::ListMeta;
use ironclad_api::{Entry, Object};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::read::list::List;
use crate::registry::Served;
use crate::strategy::Column;

/// What the API says of names and of the time of creation, which stand in the tables of most kinds.
pub const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
pub const CREATED: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// What of each object a row carries beside its cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    None,
    #[default]
    Metadata,
    Object,
}

/// How a table is made.
pub struct TableOptions<'a> {
    /// `meta.k8s.io/v1` or `meta.k8s.io/v1beta1`.
    pub api_version: &'a str,
    pub include: IncludeObject,
    /// Watches send the column definitions with their first event only.
    pub with_columns: bool,
    pub now: Timestamp,
}

/// The table of a page of a list.
pub fn of_list(list: &List, options: &TableOptions<'_>) -> Object {
    let rows = list.entries.iter().map(|entry| row(&list.served, entry, options)).collect();
    table(&list.served, &list.meta, rows, options)
}

/// The table of one object.
pub fn of_entry(served: &Served, entry: &Entry, options: &TableOptions<'_>) -> Object {
    let meta = ListMeta { resource_version: entry.revision.to_string(), ..ListMeta::default() };
    table(served, &meta, vec![row(served, entry, options)], options)
}

/// The table of a bookmark: the row of an object that has nothing but a revision and annotations.
pub fn of_bookmark(served: &Served, bookmark: &Object, options: &TableOptions<'_>) -> Object {
    let meta = ListMeta { resource_version: bookmark.resource_version().to_owned(), ..ListMeta::default() };
    let mut row = Map::from_iter([("cells".to_owned(), cells(served, bookmark, options.now))]);
    row.insert("object".into(), partial(bookmark, options.api_version).into_value());
    table(served, &meta, vec![Value::Object(row)], options)
}

fn cells(served: &Served, object: &Object, now: Timestamp) -> Value {
    let columns = served.columns();
    match columns.is_empty() {
        true => vec![object.name().into(), object.meta_str("creationTimestamp").into()],
        false => columns.iter().map(|column| (column.cell)(object, now)).collect::<Vec<Value>>(),
    }
    .into()
}

fn table(served: &Served, meta: &ListMeta, rows: Vec<Value>, options: &TableOptions<'_>) -> Object {
    let columns = match options.with_columns {
        true => columns(served.columns()),
        false => Value::Array(Vec::new()),
    };
    let mut object = Object::default();
    object.0.insert("kind".into(), "Table".into());
    object.0.insert("apiVersion".into(), options.api_version.into());
    object.0.insert("metadata".into(), serde_json::to_value(meta).unwrap_or_default());
    object.0.insert("columnDefinitions".into(), columns);
    object.0.insert("rows".into(), rows.into());
    object
}

/// The definitions of a kind's columns, or of upstream's two where it has none.
pub fn columns(columns: &[Column]) -> Value {
    let define = |name: &str, kind: &str, format: &str, description: &str, priority: i32| json!({"name": name, "type": kind, "format": format, "description": description, "priority": priority});
    if columns.is_empty() {
        return json!([
            define("Name", "string", "name", NAME, 0),
            define("Created At", "date", "", CREATED, 0),
        ]);
    }
    let defined = columns.iter().map(|column| {
        define(&column.name, column.column_type, column.format, &column.description, column.priority)
    });
    defined.collect::<Vec<_>>().into()
}

/// One object's row; for tables that are written while they are made.
pub fn row(served: &Served, entry: &Entry, options: &TableOptions<'_>) -> Value {
    let object = entry.object();
    let mut row = Map::from_iter([("cells".to_owned(), cells(served, &object, options.now))]);
    let shown = match options.include {
        IncludeObject::None => None,
        IncludeObject::Metadata => Some(partial(&object, options.api_version)),
        IncludeObject::Object => Some(object),
    };
    row.insert("object".to_owned(), shown.map_or(Value::Null, Object::into_value));
    Value::Object(row)
}

/// A PartialObjectMetadata; `api_version` is that of `meta.k8s.io`.
pub fn partial(object: &Object, api_version: &str) -> Object {
    let mut partial = Object::default();
    partial.0.insert("kind".into(), "PartialObjectMetadata".into());
    partial.0.insert("apiVersion".into(), api_version.into());
    let metadata = object.metadata().cloned().unwrap_or_default();
    partial.0.insert("metadata".into(), Value::Object(metadata));
    partial
}

/// A PartialObjectMetadataList.
pub fn partial_list(list: &List, api_version: &str) -> Object {
    let items: Vec<Value> =
        list.entries.iter().map(|entry| partial(&entry.object(), api_version).into_value()).collect();
    let mut object = Object::default();
    object.0.insert("kind".into(), "PartialObjectMetadataList".into());
    object.0.insert("apiVersion".into(), api_version.into());
    object.0.insert("metadata".into(), serde_json::to_value(&list.meta).unwrap_or_default());
    // As Go prints a list that was never begun.
    object.0.insert("items".into(), if items.is_empty() { Value::Null } else { items.into() });
    object
}
