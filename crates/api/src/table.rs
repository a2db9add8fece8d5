//! Objects as others see them: the rows of `kubectl get`, and metadata alone
//! (`meta.k8s.io`, Table and PartialObjectMetadata).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::list_meta::ListMeta;
use crate::object::Object;

/// Both versions of the group have the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetaVersion {
    V1,
    V1Beta1,
}

impl MetaVersion {
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1Beta1 => "meta.k8s.io/v1beta1",
        }
    }

    /// `None` for versions that are not served.
    pub fn parse(version: &str) -> Option<Self> {
        match version {
            "v1" => Some(Self::V1),
            "v1beta1" => Some(Self::V1Beta1),
            _ => None,
        }
    }
}

// === tables ===

/// A table as it goes out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    kind: &'static str,
    api_version: &'static str,
    pub metadata: ListMeta,
    /// `None` in the events of a watch after the first, whose reader knows them by then.
    pub column_definitions: Option<Vec<ColumnDefinition>>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDefinition {
    pub name: String,
    /// An OpenAPI type: `string`, `integer`, `number`, `boolean`, `date`.
    #[serde(rename = "type")]
    pub column_type: String,
    /// An OpenAPI format; `name` marks the column with the object's name.
    pub format: String,
    pub description: String,
    /// 0 is always shown, more than that only with `-o wide`.
    pub priority: i32,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// One per column: strings, numbers, booleans, lists or null.
    pub cells: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<RowCondition>,
    /// What `includeObject` asks for; null when it asks for nothing.
    pub object: Option<Box<RawValue>>,
}

/// A state of the row's object. `Completed` is the only type there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowCondition {
    #[serde(rename = "type")]
    pub condition_type: &'static str,
    pub status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl RowCondition {
    /// The object has run to its end; clients may leave the row out.
    pub fn completed(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { condition_type: "Completed", status: "True", reason: reason.into(), message: message.into() }
    }
}

impl Table {
    pub fn new(
        version: MetaVersion,
        metadata: ListMeta,
        columns: Option<Vec<ColumnDefinition>>,
        rows: Vec<Row>,
    ) -> Self {
        Self {
            kind: "Table",
            api_version: version.api_version(),
            metadata,
            column_definitions: columns,
            rows,
        }
    }
}

// === metadata alone ===

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Partial<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: &'a RawValue,
}

#[derive(Deserialize)]
struct WithMetadata<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

/// The PartialObjectMetadata of an encoded object, made without reading the rest of it.
/// `None` if the bytes are no object with metadata.
pub fn partial(json: &[u8], version: MetaVersion) -> Option<Box<RawValue>> {
    let WithMetadata { metadata } = serde_json::from_slice(json).ok()?;
    let partial = Partial { kind: "PartialObjectMetadata", api_version: version.api_version(), metadata };
    serde_json::value::to_raw_value(&partial).ok()
}

/// The same of a tree.
pub fn partial_object(object: &Object, version: MetaVersion) -> Object {
    let mut partial = Object::default();
    partial.0.insert("kind".into(), "PartialObjectMetadata".into());
    partial.0.insert("apiVersion".into(), version.api_version().into());
    partial.0.insert("metadata".into(), object.metadata().cloned().unwrap_or_default().into());
    partial
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartialList<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: &'a ListMeta,
    items: &'a [Box<RawValue>],
}

/// The bytes of a PartialObjectMetadataList.
pub fn partial_list(metadata: &ListMeta, items: &[Box<RawValue>], version: MetaVersion) -> Vec<u8> {
    let list = PartialList {
        kind: "PartialObjectMetadataList",
        api_version: version.api_version(),
        metadata,
        items,
    };
    serde_json::to_vec(&list).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const POD: &[u8] =
        br#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","n":1.0},"spec":{"x":[1]}}"#;

    #[test]
    fn tables_are_upstreams_json() {
        let column = ColumnDefinition {
            name: "Name".into(),
            column_type: "string".into(),
            format: "name".into(),
            ..ColumnDefinition::default()
        };
        let row = Row {
            cells: vec!["a".into(), 1.into()],
            conditions: vec![RowCondition::completed("Succeeded", "")],
            object: partial(POD, MetaVersion::V1),
        };
        let meta = ListMeta { resource_version: "7".into(), ..ListMeta::default() };
        let table = Table::new(MetaVersion::V1, meta, Some(vec![column]), vec![row, Row::default()]);
        assert_eq!(
            serde_json::to_string(&table).unwrap(),
            r#"{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7"},"columnDefinitions":[{"name":"Name","type":"string","format":"name","description":"","priority":0}],"rows":[{"cells":["a",1],"conditions":[{"type":"Completed","status":"True","reason":"Succeeded"}],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a","n":1.0}}},{"cells":[],"object":null}]}"#
        );
        let later = Table::new(MetaVersion::V1Beta1, ListMeta::default(), None, vec![]);
        assert_eq!(
            serde_json::to_value(&later).unwrap(),
            json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1beta1", "metadata": {}, "columnDefinitions": null, "rows": []})
        );
    }

    #[test]
    fn metadata_is_cut_out_as_it_stands() {
        let partial = partial(POD, MetaVersion::V1Beta1).unwrap();
        assert_eq!(
            partial.get(),
            r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1beta1","metadata":{"name":"a","n":1.0}}"#
        );
        let object = Object::from_value(serde_json::from_slice(POD).unwrap()).unwrap();
        let tree = partial_object(&object, MetaVersion::V1Beta1).into_value();
        assert_eq!(tree, serde_json::from_str::<Value>(partial.get()).unwrap());
        let list = partial_list(&ListMeta::default(), &[partial], MetaVersion::V1);
        let list: Value = serde_json::from_slice(&list).unwrap();
        assert_eq!(
            (&list["kind"], list["items"].as_array().unwrap().len()),
            (&json!("PartialObjectMetadataList"), 1)
        );
        assert!(super::partial(b"[]", MetaVersion::V1).is_none());
        assert!(super::partial(b"{}", MetaVersion::V1).is_none());
    }
}
